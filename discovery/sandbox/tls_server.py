"""TLS of the simulations' servers: contexts, the ClientHello read ahead, refusals with an alert."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Callable
from contextvars import ContextVar

from discovery.sandbox.authorities import Leaf
from discovery.sandbox.client_hello import ClientHello, NotTls, read_client_hello

_LARGEST_HELLO = 65536
_RECHECK_S = 0.005
"""How often an incomplete ClientHello is read again."""

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


def server_context(leaf: Leaf) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and 1.3 that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0  # a resumed session shows no certificates
    context.sslobject_class = _AlertingTls
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # mode 0600
        file.write(leaf.pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context


async def peek_client_hello(arrived: socket.socket) -> ClientHello:
    """Return the ClientHello, left unread for TLS to read. Raises NotTls."""
    seen = -1
    while True:
        data = await _peeked(arrived)
        hello = read_client_hello(data)
        if hello is not None:
            return hello
        if not data or len(data) >= _LARGEST_HELLO:
            raise NotTls("the client sent no ClientHello")
        if len(data) == seen:
            await asyncio.sleep(_RECHECK_S)
        seen = len(data)


async def _peeked(arrived: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(arrived, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(arrived)
    return arrived.recv(_LARGEST_HELLO, socket.MSG_PEEK)
