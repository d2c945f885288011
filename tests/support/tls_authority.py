"""A certificate authority of the tests, for servers that stand in for caches."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """The files of a server's certificate and key."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.certificate, self.key)
        return made


class TlsAuthority:
    """Issues certificates for host names, into a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority of the tests")
        builder = _builder(self._name, self._name, self._key, timedelta(days=1))
        authority = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        self.file = directory / "ca.pem"
        self.file.write_bytes(_pem(authority.sign(self._key, hashes.SHA256())))

    def issue(self, *hosts: str, valid_for: timedelta = timedelta(days=1)) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = _builder(_name("cache"), self._name, key, valid_for)
        made = builder.add_extension(names, False).sign(self._key, hashes.SHA256())
        stem = f"{hosts[0]}-{made.serial_number:x}"
        return self._write(stem, made, key)

    def self_signed(self, host: str) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name("itself"), _name("itself"), key, timedelta(days=1))
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        made = builder.add_extension(names, False).sign(key, hashes.SHA256())
        return self._write("self-signed", made, key)

    def _write(
        self, stem: str, made: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> Certificate:
        found = Certificate(self._directory / f"{stem}.crt", self._directory / f"{stem}.key")
        found.certificate.write_bytes(_pem(made))
        found.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return found


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid_for: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    start = min(now, now + valid_for) - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(now + valid_for)
    )
