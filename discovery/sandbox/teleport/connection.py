"""One HTTP/2 connection to Auth: who calls, and how it ends."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable

from grpclib.config import Configuration
from grpclib.protocol import H2Protocol
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import PingReceived

from discovery.sandbox import loopback
from discovery.sandbox.clock import wall_clock
from discovery.sandbox.teleport.calls import Handshake
from discovery.sandbox.teleport.grpc_handler import Auth, GrpcHandler
from discovery.sandbox.teleport.tls import Client, certificates_sent, client_of

_PING_STRIKES = 2
"""How many pings may come too soon (gRPC's own default)."""

_CONFIGURATION = Configuration().__for_server__()
_H2 = H2Configuration(
    client_side=False,
    header_encoding="ascii",
    validate_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_inbound_headers=False,
    normalize_outbound_headers=False,
)


class Connection(H2Protocol):
    """One connection to Auth; the client is identified when it is made."""

    def __init__(self, auth: Auth, handshake: Handshake, on_close: Callable[[Connection], None]):
        self._handler = GrpcHandler(auth, self)
        super().__init__(self._handler, _CONFIGURATION, _H2)
        self.auth = auth
        self.handshake = handshake
        self.client = Client()
        self.transport: asyncio.Transport | None = None
        self._on_close = on_close
        self._expiry: asyncio.TimerHandle | None = None
        self._last_ping = float("-inf")
        self._strikes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Identify the client; close the connection of one that may not come in."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TLS over TCP
        self.transport = transport
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        self.handshake.certificates = certificates_sent(tls)
        if tls.selected_alpn_protocol() != "h2":
            self._refuse("no application protocol in common: Auth speaks h2 only")
            return
        if self.handshake.certificates > 1:
            self._refuse("access denied: intermediaries are not supported")
            return
        self.client = client_of(tls)
        self.handshake.user = self.client.user
        super().connection_made(transport)
        self.processor.processors[PingReceived] = self._ping_received
        self._watch_expiry()

    def data_received(self, data: bytes) -> None:
        """Process frames."""
        if not self.handshake.refusal:
            super().data_received(data)

    def connection_lost(self, error: BaseException | None) -> None:
        """Cancel the calls that were under way."""
        if self._expiry is not None:
            self._expiry.cancel()
        if hasattr(self, "processor"):
            super().connection_lost(error)
        self._on_close(self)

    def reset(self) -> None:
        """Reset the connection at once."""
        loopback.reset(self.transport)

    def send_goaway(
        self, code: ErrorCodes = ErrorCodes.NO_ERROR, words: bytes = b"graceful_stop"
    ) -> None:
        """End the connection with GOAWAY."""
        if self.transport is None or self.transport.is_closing():
            return
        h2 = self.connection._connection  # noqa: SLF001 - grpclib has no word for GOAWAY
        h2.close_connection(error_code=code, additional_data=words)
        self.connection.flush()
        self.transport.close()

    @property
    def address(self) -> str:
        """`host:port` of the client."""
        assert self.transport is not None  # noqa: S101 - there are no calls before
        host, port = self.transport.get_extra_info("peername")
        return f"{host}:{port}"

    @property
    def tasks(self) -> frozenset[asyncio.Task[None]]:
        """The calls under way."""
        return frozenset(self._handler.tasks.values())

    def _refuse(self, reason: str) -> None:
        self.handshake.refusal = reason
        assert self.transport is not None  # noqa: S101 - it was made
        self.transport.close()

    def _watch_expiry(self) -> None:
        expires_at = self.client.expires_at
        if self.auth.cluster.behaviour.disconnects_expired and expires_at is not None:
            left_s = (expires_at - wall_clock()).total_seconds()
            self._expiry = asyncio.get_running_loop().call_later(max(left_s, 0), self.reset)

    def _ping_received(self, _: PingReceived) -> None:
        shortest = self.auth.cluster.behaviour.shortest_ping_interval.total_seconds()
        now = time.monotonic()
        self._strikes = self._strikes + 1 if now - self._last_ping < shortest else 0
        self._last_ping = now
        if self._strikes > _PING_STRIKES:
            self.send_goaway(ErrorCodes.ENHANCE_YOUR_CALM, b"too_many_pings")
