"""Certificates of the caches, made as they are needed."""

from __future__ import annotations

import ssl
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from discovery.sandbox.authorities import Authority
from discovery.sandbox.clock import wall_clock
from discovery.sandbox.data_plane.faults import Effect
from discovery.sandbox.tls_server import server_context

_ANOTHER_HOST = "another-cache.serverless.invalid"
_LIFETIME, _OVER = timedelta(days=30), timedelta(days=-1)


class Certificates:
    """An authority, and TLS contexts with certificates of it by host name."""

    def __init__(self) -> None:
        """Make the authority, and another one that nobody trusts."""
        self._authority = Authority("cachemuster sandbox: caches", wall_clock())
        self._stranger = Authority("cachemuster sandbox: not trusted", wall_clock())
        self._contexts: dict[tuple[str, bool, Effect | None], ssl.SSLContext] = {}

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority, for clients to trust."""
        return self._authority.pem

    def context(
        self, host: str, *, only_tls13: bool, fault: Effect | None = None
    ) -> ssl.SSLContext:
        """Return the context for a host; with a `fault` its certificate is wrong in that way."""
        key = (host, only_tls13, fault)
        if key not in self._contexts:
            self._contexts[key] = self._new_context(host, fault)
            if only_tls13:
                self._contexts[key].minimum_version = ssl.TLSVersion.TLSv1_3
        return self._contexts[key]

    def _new_context(self, host: str, fault: Effect | None) -> ssl.SSLContext:
        name = _ANOTHER_HOST if fault is Effect.OTHER_HOST_CERTIFICATE else host
        lifetime = _OVER if fault is Effect.EXPIRED_CERTIFICATE else _LIFETIME
        authority = self._stranger if fault is Effect.UNTRUSTED_CERTIFICATE else self._authority
        # A common name has 64 characters at most, and host names are longer; nobody reads it.
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
        leaf = authority.issue(subject, wall_clock(), lifetime, names=(name,))
        return server_context(leaf)
