"""Certificate authorities, and what they issue to the simulations' servers and clients."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from discovery.sandbox.clock import wall_clock

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_SKEW = timedelta(minutes=1)
"""How long before its issue a certificate is valid, for clocks that are behind."""
_YEARS = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate with its key."""

    key: Key
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """Key and certificate, nothing else: what a TLS library wants as one file."""
        return key_pem(self.key) + certificate_pem(self.certificate)


class Authority:
    """One certificate authority."""

    def __init__(self, name: str, now: datetime, *, has_key_ids: bool = True) -> None:
        """Make an authority.

        `has_key_ids` False: as those of clusters from before Go wrote key identifiers.
        """
        self._key = new_key()
        self._has_key_ids = has_key_ids
        self._name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            _unsigned(self._name, self._name, self._key, now, _YEARS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        if has_key_ids:
            key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
            builder = builder.add_extension(key_id, critical=False)
        self.certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """Its certificate."""
        return certificate_pem(self.certificate)

    def issue(
        self,
        subject: x509.Name,
        now: datetime,
        lifetime: timedelta,
        *,
        key: Key | None = None,
        names: tuple[str, ...] = (),
    ) -> Leaf:
        """Issue a certificate valid until `now + lifetime`; with `names` it is a server's."""
        key = key or new_key()
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _unsigned(subject, self._name, key, now, lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if self._has_key_ids:
            key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(key_id, critical=False)
        if names:
            spelled = x509.SubjectAlternativeName([_general_name(name) for name in names])
            builder = builder.add_extension(spelled, critical=False)
        return Leaf(key, builder.sign(self._key, hashes.SHA256()))

    def issue_server(self, names: tuple[str, ...], now: datetime) -> Leaf:
        """Issue a server's certificate for these host names and addresses."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        return self.issue(subject, now, _YEARS, names=names)


class RotatingAuthority:
    """The authorities of one purpose: one, and during a rotation the old and the new one."""

    def __init__(self, name: str, *, has_key_ids: bool = True) -> None:
        self._name = name
        first = Authority(name, wall_clock(), has_key_ids=has_key_ids)
        self.trusted: tuple[Authority, ...] = (first,)
        """The authorities that the cluster trusts and identities name; the oldest first."""

    @property
    def oldest(self) -> Authority:
        """The one that signs for servers: they change over last."""
        return self.trusted[0]

    @property
    def newest(self) -> Authority:
        """The one that signs for clients: they change over first."""
        return self.trusted[-1]

    def begin(self) -> None:
        """Add a new authority beside the old one."""
        self.trusted = (self.newest, Authority(self._name, wall_clock()))

    def finish(self) -> None:
        """Keep only the newest."""
        self.trusted = (self.newest,)


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return an ECDSA key as Teleport makes them outside its legacy suite."""
    return ec.generate_private_key(ec.SECP256R1())


def new_legacy_key() -> rsa.RSAPrivateKey:
    """Return an RSA key as Teleport makes them in its legacy suite."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_pem(key: Key) -> str:
    """Return the key as Teleport writes it: PKCS#8, or PKCS#1 for RSA."""
    legacy = isinstance(key, rsa.RSAPrivateKey)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL
        if legacy
        else serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def certificate_pem(certificate: x509.Certificate) -> str:
    """Return the certificate as one PEM block."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    end = now + lifetime
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, end) - _SKEW)
        .not_valid_after(end)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
