"""Both ends of the sandbox's TLS: Auth with client certificates, the web without."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from discovery.sandbox.clock import wall_clock
from discovery.sandbox.authorities import Leaf
from discovery.sandbox.teleport.cluster import Cluster

WEB_NAMES = ("localhost", "127.0.0.1")
REVERSE_TUNNEL = "teleport-reversetunnel"
"""Offered alone, it is how clients find out whether ALPN reaches the Proxy.

See teleport/README: Connection upgrade.
"""


report_refusal: ContextVar[Callable[[str], None]] = ContextVar(
    "report_refusal", default=lambda _: None
)
"""Called with the reason when the handshake of this context is refused."""


class _AlertingTls(ssl.SSLObject):
    """Refuses a handshake so that the other side gets the alert.

    asyncio drops the connection at once and the alert with it. Asked to wait for more instead, it
    sends what there is to send; the refusal follows with the next bytes, or the client hangs up.
    """

    refusal: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as refusal:
            self.refusal = refusal
            report_refusal.get()(str(refusal))
            raise ssl.SSLWantReadError from refusal


def auth_context(cluster: Cluster) -> ssl.SSLContext:
    """Return Auth's context: a client certificate is checked when there is one.

    Source: teleport/README: TLS.
    """
    context = _context(cluster.auth_certificate())
    context.verify_mode = ssl.CERT_OPTIONAL
    for authority in cluster.user_ca.trusted:
        context.load_verify_locations(cadata=authority.pem)
    context.set_alpn_protocols(["h2"])
    return context


def web_context(cluster: Cluster) -> ssl.SSLContext:
    """Return the context of the Proxy's web side, with a certificate of its own authority."""
    context = _context(cluster.web_ca.issue_server(WEB_NAMES, wall_clock()))
    if not cluster.behaviour.behind_load_balancer:
        context.set_alpn_protocols(["http/1.1", REVERSE_TUNNEL])
    return context


def _context(leaf: Leaf) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0  # a resumed session shows no certificates
    context.sslobject_class = _AlertingTls
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # mode 0600
        file.write(leaf.pem)
        file.flush()
        context.load_cert_chain(file.name)
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
