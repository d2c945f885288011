"""Identity files as tbot writes them.

Sources: teleport/README: Identity file, teleport/README: tbot.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import (
    SSHCertificateBuilder,
    SSHCertificateType,
)
from cryptography.x509.oid import NameOID

from discovery.sandbox.authorities import (
    Authority,
    Key,
    certificate_pem,
    key_pem,
    new_key,
)

CLUSTER_ATTRIBUTE = x509.ObjectIdentifier("1.3.9999.1.7")
"""Where a certificate's subject names the cluster that its user is from."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a bot or a person, as one file."""

    user: str
    roles: tuple[str, ...]
    expires_at: datetime
    text: str = field(repr=False)
    """The whole file, with the private key."""

    def write(self, path: Path) -> Path:
        """Write the file at once, with mode 0600; nobody ever sees half of it."""
        new = path.with_name(f".{path.name}.new")
        new.touch(mode=0o600)
        new.write_text(self.text, "utf-8")
        return new.replace(path)

    def write_as_tbot(self, path: Path, *, pieces: int = 4) -> Iterator[int]:
        """Write the file as tbot does: emptied, then filled while others may read.

        Every step gives how many bytes there are by then, the first one 0; after the last
        one the file is complete. What happens between the steps is the caller's.
        """
        content = self.text.encode()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            yield 0
            size = -(-len(content) // pieces)
            for start in range(0, len(content), size):
                os.write(descriptor, content[start : start + size])
                yield min(start + size, len(content))
        finally:
            with suppress(OSError):
                os.close(descriptor)


def issue_identity(
    user: str,
    roles: tuple[str, ...],
    *,
    cluster: str,
    user_ca: Authority,
    host_cas: tuple[Authority, ...],
    now: datetime,
    lifetime: timedelta,
    key: Key | None = None,
) -> Identity:
    """Issue an identity that `user_ca` signs and that trusts servers of `host_cas`."""
    leaf = user_ca.issue(_subject(user, roles, cluster), now, lifetime, key=key or new_key())
    parts = [
        key_pem(leaf.key),
        _ssh_certificate(leaf.key, user, now, lifetime),
        certificate_pem(leaf.certificate),
        *(_ssh_authority(authority, cluster) for authority in host_cas),
        *(authority.pem for authority in host_cas),
    ]
    return Identity(user, roles, leaf.certificate.not_valid_after_utc, "".join(parts))


def _subject(user: str, roles: tuple[str, ...], cluster: str) -> x509.Name:
    # Several values of one attribute stand in one set, as Go writes them.
    principals = ("-teleport-internal-join",)
    traits = json.dumps({"logins": [""]})
    return x509.Name(
        [
            x509.RelativeDistinguishedName(
                [x509.NameAttribute(NameOID.ORGANIZATION_NAME, role) for role in roles]
                or [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "-")]
            ),
            x509.RelativeDistinguishedName(
                [x509.NameAttribute(NameOID.LOCALITY_NAME, name) for name in principals]
            ),
            x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.STREET_ADDRESS, cluster)]),
            x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.POSTAL_CODE, traits)]),
            x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, user)]),
            x509.RelativeDistinguishedName([x509.NameAttribute(CLUSTER_ATTRIBUTE, cluster)]),
        ]
    )


def _ssh_certificate(key: Key, user: str, now: datetime, lifetime: timedelta) -> str:
    end = now + lifetime
    signed = (
        SSHCertificateBuilder()
        .public_key(key.public_key())
        .serial(0)
        .type(SSHCertificateType.USER)
        .key_id(user.encode())
        .valid_principals([b"-teleport-internal-join"])
        .valid_after(int(min(now, end).timestamp()) - 60)
        .valid_before(int(end.timestamp()))
        .sign(new_key())
    )
    return signed.public_bytes().decode() + "\n"


def _ssh_authority(authority: Authority, cluster: str) -> str:
    public = authority.certificate.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return f"@cert-authority {cluster},*.{cluster} {public.decode()} type=host\n"
