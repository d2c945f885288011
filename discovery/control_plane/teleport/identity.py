"""Parse an identity file strictly: key, client certificate and the cluster's authorities.

tbot does not write the file in one go, so a reader can meet an empty or a partial one: anything
that is not whole is refused (teleport/README: Identity file, teleport/README: tbot).
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import ssl
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from discovery.control_plane.teleport.errors import IdentityExpired, IdentityUnusable, reason_of

SIZE_LIMIT_BYTES: Final = 1 << 20

_BEGIN: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATE: Final = "CERTIFICATE"
_KEYS: Final = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")
_REMEDY: Final = "let tbot write it, or make one with `tctl auth sign --format=file`"
_DAMAGE: Final = (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension)
"""What cryptography raises for a certificate that is none."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts of an X.509 certificate that say whose it is and who signed it."""

    expires_at: datetime
    issuer: str
    """First organization of the issuer: in Teleport, the name of the cluster."""
    subject: str
    """Common name of the subject: in Teleport, the name of the user."""
    issuer_name: x509.Name
    subject_name: x509.Name
    issuer_key: bytes
    """Identifier of the issuer's key; empty in old certificates."""
    key: bytes
    """Identifier of its own key; empty in old certificates."""

    def may_be_of(self, authority: Certificate) -> bool:
        """Tell whether OpenSSL takes `authority` for the issuer and sends it along."""
        is_another = self.issuer_key and authority.key and self.issuer_key != authority.key
        return self.issuer_name == authority.subject_name and not is_another


def read_certificate(der: bytes) -> Certificate:
    """Read the facts of a certificate; nothing is verified, that is OpenSSL's part.

    Raises: ValueError, when it is none.
    """
    try:
        with warnings.catch_warnings():
            # Teleport's subjects hold longer values than X.520 knows (teleport/README: Identity
            # file); cryptography reads them and warns.
            warnings.simplefilter("ignore")
            read = x509.load_der_x509_certificate(der)
            return Certificate(
                expires_at=read.not_valid_after_utc,
                issuer=_attribute(read.issuer, NameOID.ORGANIZATION_NAME),
                subject=_attribute(read.subject, NameOID.COMMON_NAME),
                issuer_name=read.issuer,
                subject_name=read.subject,
                issuer_key=_key_id_of_issuer(read.extensions),
                key=_own_key_id(read.extensions),
            )
    except _DAMAGE as error:
        raise ValueError("it is no X.509 certificate") from error


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    """First value of an attribute in a distinguished name; empty when there is none."""
    return next((str(each.value) for each in name.get_attributes_for_oid(oid)), "")


def _key_id_of_issuer(extensions: x509.Extensions) -> bytes:
    try:
        found = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return b""
    return found.value.key_identifier or b""


def _own_key_id(extensions: x509.Extensions) -> bytes:
    try:
        return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One state of an identity file."""

    digest: str
    """Of the file's bytes: another one is another identity."""
    user: str
    cluster: str
    expires_at: datetime
    is_exposed: bool = False
    """True when others than the file's owner may read it."""
    is_chained: bool = False
    """True when OpenSSL sends an authority along with the certificate, which Auth refuses: it does
    so when it takes one for the issuer, and old authorities cannot be told apart by their keys."""
    key_and_leaf: str = field(repr=False)
    authorities: str = field(repr=False)

    def context(self, alpn: tuple[str, ...]) -> ssl.SSLContext:
        """Make a TLS context that shows this identity and trusts its cluster alone.

        Raises: IdentityUnusable, when key and certificate do not belong together.
        """
        # PROTOCOL_TLS_CLIENT rather than the default context: no system roots, and no checks that
        # an old cluster's CA fails (teleport/README: TLS).
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(list(alpn))
        try:
            context.load_verify_locations(cadata=self.authorities)
            _load_pair(context, self.key_and_leaf)
        except ssl.SSLError as error:
            raise IdentityUnusable(
                f"the identity file holds no usable key and certificate ({reason_of(error)}); "
                f"{_REMEDY}"
            ) from error
        return context


def parse_identity(content: bytes, *, now: datetime, is_exposed: bool = False) -> Identity:
    """Parse the content of an identity file.

    Raises: IdentityUnusable, when it is incomplete or inconsistent; IdentityExpired.
    """
    blocks = _blocks(content)
    if not blocks:
        raise IdentityUnusable(f"it is empty or no identity file; {_REMEDY}")
    (kind, key, _), *certificates = blocks
    if kind not in _KEYS:
        raise IdentityUnusable(f"its first PEM block is {kind}, not a private key; {_REMEDY}")
    if len(certificates) < 2 or any(each[0] != _CERTIFICATE for each in certificates):
        raise IdentityUnusable(
            "it must hold a private key, one client certificate and at least one authority; "
            f"what is there is incomplete, or another format; {_REMEDY}"
        )
    leaf, *facts = [_read(der) for _, _, der in certificates]
    if leaf.expires_at <= now:
        raise IdentityExpired(
            f"the identity of {leaf.subject} expired at {leaf.expires_at:%Y-%m-%dT%H:%M:%SZ}; "
            "see whether tbot runs, or renew it"
        )
    pems = [pem for _, pem, _ in certificates[1:]]
    theirs = _server_authorities(leaf, zip(pems, facts, strict=True))
    found = Identity(
        digest=hashlib.sha256(content).hexdigest(),
        user=leaf.subject,
        cluster=leaf.issuer,
        expires_at=leaf.expires_at,
        is_exposed=is_exposed,
        is_chained=any(leaf.may_be_of(authority) for _, authority in theirs),
        key_and_leaf=key + certificates[0][1],
        authorities="".join(pem for pem, _ in theirs),
    )
    found.context(())
    return found


def _server_authorities(
    leaf: Certificate, authorities: Iterable[tuple[str, Certificate]]
) -> list[tuple[str, Certificate]]:
    """Text and facts of the authorities that vouch for servers.

    One that signed this identity vouches for none, and would be sent along.
    """
    theirs = [
        (pem, authority)
        for pem, authority in authorities
        if not (leaf.issuer_key and authority.key and leaf.may_be_of(authority))
    ]
    if not theirs:
        raise IdentityUnusable(f"it holds no authority of the cluster's servers; {_REMEDY}")
    return theirs


def _blocks(content: bytes) -> list[tuple[str, str, bytes]]:
    """Label, text and bytes of every PEM block, in order. Lines between them are not ours."""
    found = []
    lines = iter(content.decode("utf-8", "replace").splitlines())
    for line in lines:
        begin = _BEGIN.fullmatch(line.strip())
        if begin is None:
            continue
        label, body, ended = begin[1], [], False
        for inner in lines:
            if inner.strip() == f"-----END {label}-----":
                ended = True
                break
            body.append(inner.strip())
        if not ended:
            raise IdentityUnusable(f"it breaks off within {label}; it may be half written")
        found.append((label, _pem(label, body), _decoded(label, body)))
    return found


def _pem(label: str, body: list[str]) -> str:
    return "\n".join((f"-----BEGIN {label}-----", *body, f"-----END {label}-----", ""))


def _decoded(label: str, body: list[str]) -> bytes:
    try:
        return base64.b64decode("".join(body), validate=True)
    except ValueError as error:
        raise IdentityUnusable(f"its {label} is damaged; {_REMEDY}") from error


def _read(der: bytes) -> Certificate:
    try:
        return read_certificate(der)
    except ValueError as error:
        raise IdentityUnusable(f"one of its certificates is damaged: {error}") from error


def _load_pair(context: ssl.SSLContext, key_and_leaf: str) -> None:
    """Load exactly one certificate: with a second one, Auth refuses.

    Source: teleport/README: TLS.
    """
    with _as_file(key_and_leaf) as path:
        context.load_cert_chain(path, password="")  # none, and no question is asked


@contextmanager
def _as_file(secret: str) -> Iterator[str]:
    """Give the text a path, because OpenSSL takes nothing else.

    In memory where there is such a thing, so that no key reaches a disk and no disk has to be
    writable.
    """
    if sys.platform == "linux":
        number = os.memfd_create("identity")
        with open(number, "w", encoding="ascii") as file:  # noqa: PTH123 - it has no path
            file.write(secret)
            file.flush()
            yield f"/proc/self/fd/{number}"
    else:
        with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:  # its owner's alone
            file.write(secret)
            file.flush()
            yield file.name
