"""Both ends of the sandbox's TLS: Auth with client certificates, the web without."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from discovery.sandbox.clock import wall_clock
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.tls_server import server_context

WEB_NAMES = ("localhost", "127.0.0.1")
REVERSE_TUNNEL = "teleport-reversetunnel"
"""Offered alone, it is how clients find out whether ALPN reaches the Proxy.

See teleport/README: Connection upgrade.
"""


def auth_context(cluster: Cluster) -> ssl.SSLContext:
    """Return Auth's context: a client certificate is checked when there is one.

    Source: teleport/README: TLS.
    """
    context = server_context(cluster.auth_certificate())
    context.verify_mode = ssl.CERT_OPTIONAL
    for authority in cluster.user_ca.trusted:
        context.load_verify_locations(cadata=authority.pem)
    context.set_alpn_protocols(["h2"])
    return context


def web_context(cluster: Cluster) -> ssl.SSLContext:
    """Return the context of the Proxy's web side, with a certificate of its own authority."""
    context = server_context(cluster.web_ca.issue_server(WEB_NAMES, wall_clock()))
    if not cluster.behaviour.behind_load_balancer:
        context.set_alpn_protocols(["http/1.1", REVERSE_TUNNEL])
    return context


@dataclass(frozen=True, slots=True)
class Client:
    """The client, as its certificate says; without one, nobody with no role."""

    user: str = ""
    roles: tuple[str, ...] = ()
    expires_at: datetime | None = None


def client_of(connection: ssl.SSLObject) -> Client:
    """Return the client that the verified certificate names."""
    der = connection.getpeercert(binary_form=True)
    if der is None:
        return Client()
    certificate = x509.load_der_x509_certificate(der)
    subject = certificate.subject
    [user] = _values(subject, NameOID.COMMON_NAME)
    roles = _values(subject, NameOID.ORGANIZATION_NAME)
    return Client(user, tuple(roles), certificate.not_valid_after_utc)


def certificates_sent(connection: ssl.SSLObject) -> int:
    """Return how many certificates the client sent, its own included."""
    if connection.getpeercert(binary_form=True) is None:
        return 0
    # Public as `SSLObject.get_unverified_chain` from Python 3.13 on.
    chain = connection._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
    return len(chain or ())


def _values(subject: x509.Name, attribute: x509.ObjectIdentifier) -> Sequence[str]:
    return [str(part.value) for part in subject.get_attributes_for_oid(attribute)]
