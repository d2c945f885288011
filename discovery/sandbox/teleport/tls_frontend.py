"""The two TLS ports: the Proxy's, routed by ALPN, and Auth's own. Loopback only."""

from __future__ import annotations

import asyncio
import functools
import itertools
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from discovery.sandbox.client_hello import ClientHello, NotTls
from discovery.sandbox.clock import wall_clock
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.loopback import check_loopback, reset_at_close
from discovery.sandbox.teleport.calls import CallLog, Handshake
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.connection import Connection
from discovery.sandbox.teleport.faults import CONNECT, CallSite, Effect, Fault
from discovery.sandbox.teleport.grpc_handler import Auth
from discovery.sandbox.teleport.tls import auth_context, web_context
from discovery.sandbox.tls_server import peek_client_hello, report_refusal

PROXY, AUTH, WEB = "proxy", "auth", "web"
_HANDSHAKE_TIMEOUT_S = 10.0
"""How long a client may take for its ClientHello and the handshake."""


def auth_protocol(cluster: str) -> str:
    """Return the ALPN protocol that leads through the Proxy to the Auth of that cluster."""
    return f"teleport-auth@{cluster.encode().hex()}.teleport.cluster.local"


class TlsFrontend:
    """Accepts connections, reads where they lead, and passes them on."""

    def __init__(self, auth: Auth, web: Callable[[], asyncio.Protocol], calls: CallLog) -> None:
        self._auth = auth
        self._web = web
        self._calls = calls
        self._cluster: Cluster = auth.cluster
        self._faults: FaultBoard[Fault] = auth.faults
        self._numbers = itertools.count(1)
        self._contexts: dict[str, tuple[Any, ssl.SSLContext]] = {}
        self._listening: dict[str, socket.socket] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()

    @property
    def addresses(self) -> Mapping[str, str]:
        """`host:port` of each port that listens."""
        names = {port: at.getsockname() for port, at in self._listening.items()}
        return {port: f"{name[0]}:{name[1]}" for port, name in names.items()}

    def listen(self, port: str, host: str, number: int) -> None:
        """Listen on a port. Raises OSError when it is taken, ValueError off loopback."""
        check_loopback(host)
        listening = socket.create_server((host, number), backlog=128)
        listening.settimeout(0)
        self._listening[port] = listening
        self._spawn(self._accept(port, listening))

    def disconnect(self) -> None:
        """Reset every connection to Auth."""
        for connection in tuple(self._connections):
            connection.reset()

    def send_goaway(self) -> None:
        """End every connection to Auth with GOAWAY."""
        for connection in tuple(self._connections):
            connection.send_goaway()

    async def close(self) -> None:
        """Close every port and connection, and cancel what is under way."""
        for listening in self._listening.values():
            listening.close()
        self._listening.clear()
        calls = [task for connection in self._connections for task in connection.tasks]
        self.disconnect()
        ending = [*self._tasks, *calls]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, port: str, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            arrived, _ = await loop.sock_accept(listening)
            arrived.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._spawn(self._receive(port, arrived))

    async def _receive(self, port: str, arrived: socket.socket) -> None:
        handshake = Handshake(next(self._numbers), wall_clock(), port)
        self._calls.handshakes.append(handshake)
        try:
            async with asyncio.timeout(_HANDSHAKE_TIMEOUT_S):
                await self._route(port, arrived, handshake)
        except (OSError, NotTls, TimeoutError) as error:
            arrived.close()
            handshake.refusal = str(error) or type(error).__name__
            return
        except asyncio.CancelledError:
            arrived.close()
            raise
        await self._finish_handshake(arrived, handshake)

    async def _route(self, port: str, arrived: socket.socket, handshake: Handshake) -> None:
        """Find out where the connection leads. Raises OSError or NotTls."""
        hello = await peek_client_hello(arrived)
        handshake.server_name, handshake.alpn = hello.server_name, hello.alpn
        handshake.led_to = self._destination(port, hello)
        # Those of the web are applied with its first request: only that tells a control endpoint,
        # by which whoever set a fault can clear it again.
        active = self._faults.consume(CallSite(CONNECT, port)) if handshake.led_to != WEB else ()
        for fault in active:
            if fault.effect is Effect.DROP:
                reset_at_close(arrived)
                raise ConnectionResetError("dropped by a test")
            await asyncio.sleep(fault.delay_s)
        if not handshake.led_to:
            raise NotTls(f"no cluster is called as {hello.alpn[0]} says")

    async def _finish_handshake(self, arrived: socket.socket, handshake: Handshake) -> None:
        """Complete TLS and pass the connection on, or record why not."""

        def refuse(reason: str) -> None:
            handshake.refusal = handshake.refusal or reason

        report_refusal.set(refuse)  # in this task's own context, which the handshake runs in
        factory = self._web
        if handshake.led_to == AUTH:
            factory = functools.partial(self._connection, handshake)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                factory,
                arrived,
                ssl=self._context(handshake.led_to),
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S,
            )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            refuse(str(error) or type(error).__name__)

    def _destination(self, port: str, hello: ClientHello) -> str:
        if port == AUTH:
            return AUTH
        first = hello.alpn[0] if hello.alpn else ""
        if self._cluster.behaviour.behind_load_balancer or not first.startswith("teleport-auth@"):
            return WEB
        return AUTH if first == auth_protocol(self._cluster.name) else ""

    def _connection(self, handshake: Handshake) -> Connection:
        connection = Connection(self._auth, handshake, self._connections.discard)
        self._connections.add(connection)
        return connection

    def _context(self, side: str) -> ssl.SSLContext:
        behaviour = self._cluster.behaviour
        state = (self._cluster.generation, behaviour.auth_names, behaviour.behind_load_balancer)
        kept = self._contexts.get(side)
        if kept is None or kept[0] != state:
            make = auth_context if side == AUTH else web_context
            kept = self._contexts[side] = (state, make(self._cluster))
        return kept[1]
