"""One HTTP/2 connection to an Auth Service, with its calls counted.

Channels of grpclib are used here alone; its statuses and exceptions also in `errors`, where they
are translated.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from grpclib.client import Channel, Handler, Stream
from grpclib.config import Configuration
from grpclib.const import Cardinality
from grpclib.encoding.proto import ProtoCodec
from grpclib.exceptions import ProtocolError
from grpclib.protocol import H2Protocol

from discovery.config.fields import HostPort
from discovery.control_plane.base import Unavailable
from discovery.control_plane.teleport.errors import SERVER_NAME, Attempt, error_of_call
from discovery.control_plane.teleport.http_proxy import NEXT_ADDRESS_AFTER_S
from discovery.control_plane.teleport.methods import Method, Request, Response

OpenSocket = Callable[[], Awaitable[socket.socket]]
"""Open a socket that leads to the address, where a plain connection does not."""

_CONFIGURATION: Final = Configuration(
    # Auth takes no more than a ping a minute and ends connections that ping faster
    # (teleport/README: Keepalive).
    _keepalive_time=75.0,
    _keepalive_timeout=20.0,
    _keepalive_permit_without_calls=True,
    _http2_max_pings_without_data=0,
    _http2_min_sent_ping_interval_without_data=74.0,
    ssl_target_name_override=SERVER_NAME,
)


LARGEST_ANSWER_BYTES: Final = 64 << 20
"""Auth caps no answer; a full page takes a few MiB, and what answers in its place may say 4 GiB."""
_SHUTDOWN_S: Final = 1.0
"""How long the other side has to take leave; then the connection is cut."""


class _Protocol(H2Protocol):
    """HTTP/2 that remembers why the connection ended: a refused certificate shows only there."""

    lost: BaseException | None = None
    alpn: str | None = None
    """The protocol that the handshake agreed on."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.ended = asyncio.Event()
        self.alpn = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost = exc
        super().connection_lost(exc)
        self.ended.set()


class _Channel(Channel):
    """A channel that connects once: a new connection has to be checked before it carries calls."""

    def __init__(
        self, address: HostPort, context: ssl.SSLContext, open_socket: OpenSocket | None
    ) -> None:
        super().__init__(
            address.host, address.port, ssl=context, codec=ProtoCodec(), config=_CONFIGURATION
        )
        self._open_socket = open_socket
        self.protocol: _Protocol | None = None

    async def _create_connection(self) -> H2Protocol:
        if self.protocol is not None:
            raise ConnectionResetError("the connection ended")
        if self._open_socket is None:
            self.protocol = await self._connect_to(
                host=self._host, port=self._port, happy_eyeballs_delay=NEXT_ADDRESS_AFTER_S
            )
        else:
            plain = await self._open_socket()
            try:
                self.protocol = await self._connect_to(sock=plain)
            except BaseException:
                plain.close()
                raise
        return self.protocol

    async def _connect_to(self, **where: Any) -> _Protocol:
        _, protocol = await asyncio.get_running_loop().create_connection(
            lambda: _Protocol(Handler(), self._config, self._h2_config),
            **where,
            ssl=self._ssl,
            server_hostname=SERVER_NAME,
            ssl_shutdown_timeout=_SHUTDOWN_S,
        )
        return protocol


def _limit_answer(stream: Stream[Any, Any]) -> None:
    """Refuse an answer that says it is larger than any: grpclib reads as much as it is told."""
    answer = stream._stream  # noqa: SLF001 - grpclib knows no limit
    read = answer.recv_data

    async def recv_data(size: int) -> bytes:
        if size > LARGEST_ANSWER_BYTES:
            raise ProtocolError(f"an answer of {size} bytes")
        return await read(size)

    answer.recv_data = recv_data  # type: ignore[method-assign]


class GrpcConnection:
    """A connection that carries calls, closed once it is retired and its last call has ended."""

    def __init__(self, channel: _Channel, protocol: _Protocol) -> None:
        self._channel = channel
        self._protocol = protocol
        self._calls = 0
        self._is_retired = False

    @classmethod
    async def open(
        cls, address: HostPort, context: ssl.SSLContext, open_socket: OpenSocket | None = None
    ) -> GrpcConnection:
        """Connect and shake hands. Raises: ssl.SSLError, OSError."""
        channel = _Channel(address, context, open_socket)
        try:
            await channel.__connect__()
        except BaseException:
            channel.close()
            raise
        assert channel.protocol is not None  # noqa: S101 - set by connecting
        return cls(channel, channel.protocol)

    @property
    def alpn(self) -> str | None:
        """The protocol that the handshake agreed on."""
        return self._protocol.alpn

    @property
    def is_usable(self) -> bool:
        """Whether a new call may begin: neither retired nor ended by the other side."""
        return not (self._is_retired or self._protocol.connection.is_closing())

    async def call(
        self,
        method: Method[Request, Response],
        request: Request,
        attempt: Attempt,
        *,
        deadline_s: float,
    ) -> Response:
        """Make one call. Raises: ControlPlaneError."""
        self._calls += 1
        began = time.monotonic()
        try:
            async with self._channel.request(
                method.path,
                Cardinality.UNARY_UNARY,
                method.request,
                method.response,
                timeout=deadline_s,
            ) as stream:
                await stream.send_message(request, end=True)
                _limit_answer(stream)
                response = await stream.recv_message()
        except Exception as error:
            if isinstance(error, TimeoutError) and self._is_silent_since(began):
                self._is_retired = True  # most likely it is dead; the next call dials anew
            raise error_of_call(error, attempt, self._protocol.lost) from error
        finally:
            self._calls -= 1
            self._close_if_done()
        if response is None:
            raise Unavailable(f"{attempt.doing}: {attempt.place} broke off its answer")
        return response

    def retire(self) -> None:
        """Let no new call begin; those under way end as they would."""
        self._is_retired = True
        self._close_if_done()

    def close(self) -> None:
        """Close at once, whatever is under way."""
        self._is_retired = True
        self._channel.close()

    async def wait_closed(self) -> None:
        """Wait until nothing of a closed connection is left, its socket included."""
        await self._protocol.ended.wait()

    def _close_if_done(self) -> None:
        if self._is_retired and self._calls == 0:
            self._channel.close()

    def _is_silent_since(self, moment: float) -> bool:
        heard = self._protocol.connection.last_data_received
        return heard is None or heard < moment
