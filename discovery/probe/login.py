"""Log in to one cache, step by step: resolve, tcp, tls, auth, ping.

What is sent is `AUTH user token`, `PING` and `ACL WHOAMI`, and nothing else: of redis-py only the
protocol is used, without the commands that its clients send on their own. Nothing is written to
a cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohappyeyeballs import start_connection
from redis.asyncio import Connection
from redis.exceptions import NoPermissionError, RedisError

from discovery.model.codes import ProbeStep
from discovery.probe.failures import Failure, FailureKind, failure_of

SHARE: Final[Mapping[ProbeStep, float]] = {
    ProbeStep.RESOLVE: 0.4,
    ProbeStep.TCP: 0.6,
    ProbeStep.TLS: 0.4,
    ProbeStep.AUTH: 0.5,
    ProbeStep.PING: 0.4,
}
"""Most of the whole time that one step may take, so that a slow one is known by its name."""
_CLOSING_S: Final = 0.5
"""How long the other side may take to agree to the end of TLS."""


@dataclass(frozen=True, slots=True)
class Server:
    """A cache's address."""

    host: str
    """The name that its certificate must bear."""
    port: int
    dial: tuple[str, int] | None = None
    """Where to connect instead; only a simulated AWS has that."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in."""

    user: str
    token: str = field(repr=False)


async def try_login(
    server: Server, login: Login | None, tls: ssl.SSLContext, timeout_s: float
) -> Failure | None:
    """Log in, and say what stopped it; None when the cache let the user in.

    `login`: None tries the network alone, which never ends well: NO_CREDENTIALS at the step auth.
    """
    attempt = _Attempt(server, login, tls)
    ends_at = asyncio.get_running_loop().time() + timeout_s
    try:
        for step, work in attempt.steps:
            failure = await _run_step(step, work, ends_at, timeout_s)
            if failure is not None:
                return failure
    finally:
        await attempt.close()
    return None


async def _run_step(
    step: ProbeStep, work: Callable[[], Awaitable[FailureKind | None]], ends_at: float, whole: float
) -> Failure | None:
    now = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(min(ends_at, now + SHARE[step] * whole)):
            kind = await work()
    except (OSError, EOFError, RedisError, ValueError, RecursionError) as error:
        return failure_of(step, error)
    return None if kind is None else Failure(step, kind)


class _Attempt:
    """One login with what its steps have opened so far."""

    def __init__(self, server: Server, login: Login | None, tls: ssl.SSLContext) -> None:
        self._server = server
        self._login = login
        self._tls = tls
        self._addresses: list[Any] = []
        self._socket: socket.socket | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._connection: _Connection | None = None
        self.steps = (
            (ProbeStep.RESOLVE, self._resolve),
            (ProbeStep.TCP, self._connect),
            (ProbeStep.TLS, self._start_tls),
            (ProbeStep.AUTH, self._authenticate),
            (ProbeStep.PING, self._ping),
        )

    async def _resolve(self) -> None:
        host, port = self._server.dial or (self._server.host, self._server.port)
        loop = asyncio.get_running_loop()
        self._addresses = list(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    async def _connect(self) -> None:
        self._socket = await start_connection(self._addresses, happy_eyeballs_delay=0.25)

    async def _start_tls(self) -> None:
        reader, self._writer = await asyncio.open_connection(
            sock=self._socket,
            ssl=self._tls,
            server_hostname=self._server.host,
            ssl_shutdown_timeout=_CLOSING_S,
        )
        self._connection = _Connection(reader, self._writer)

    async def _authenticate(self) -> FailureKind | None:
        if self._login is None:
            return FailureKind.NO_CREDENTIALS
        answer = await self._ask("AUTH", self._login.user, self._login.token)
        return None if answer == "OK" else FailureKind.UNEXPECTED_REPLY

    async def _ping(self) -> FailureKind | None:
        """Both commands may be forbidden by the access string: the login stands all the same."""
        with contextlib.suppress(NoPermissionError):
            if await self._ask("PING") != "PONG":
                return FailureKind.UNEXPECTED_REPLY
        with contextlib.suppress(NoPermissionError):
            if self._login is not None and await self._ask("ACL", "WHOAMI") != self._login.user:
                return FailureKind.ANOTHER_USER
        return None

    async def _ask(self, *words: str) -> Any:
        assert self._connection is not None  # noqa: S101 - the steps come one after the other
        await self._connection.send_command(*words)
        return await self._connection.read_response()

    async def close(self) -> None:
        """Close what is open."""
        if self._connection is not None and self._writer is not None:
            await self._connection.disconnect()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        elif self._socket is not None:
            self._socket.close()


class _Connection(Connection):
    """Redis's protocol over a stream that is open already; sends nothing by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(
            protocol=2,
            driver_info=None,
            socket_timeout=None,
            socket_connect_timeout=None,
            decode_responses=True,
            encoding_errors="replace",
        )
        self._reader, self._writer = reader, writer
        self._parser.on_connect(self)  # type: ignore[no-untyped-call]

    async def _connect(self) -> None:
        """Fail where redis-py would connect again."""
        raise ConnectionResetError("the cache closed the connection")
