"""One connection to a cache, from its ClientHello to its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from discovery.sandbox.aws.world import World
from discovery.sandbox.client_hello import NotTls
from discovery.sandbox.data_plane.caches import ServedCache, find_cache
from discovery.sandbox.data_plane.calls import Call, CallLog
from discovery.sandbox.data_plane.certificates import Certificates
from discovery.sandbox.data_plane.commands import Commands, name_of
from discovery.sandbox.data_plane.faults import CONNECT, CallSite, Effect, Fault
from discovery.sandbox.data_plane.resp import (
    LINE_LIMIT,
    Error,
    ProtocolViolation,
    Reply,
    encode,
    read_command,
)
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.loopback import reset, reset_at_close
from discovery.sandbox.tls_server import peek_client_hello, report_refusal

_HANDSHAKE_TIMEOUT_S = 10.0
_CLOSING_TIMEOUT_S = 1.0
_UNRECOGNIZED_NAME = bytes.fromhex("15 0303 0002 02 70")
"""A TLS alert: there is no such host."""


class Reset(Exception):
    """The connection is to be reset at once."""


@dataclass(frozen=True, slots=True)
class Plane:
    """What all connections share."""

    world: World
    certificates: Certificates
    faults: FaultBoard[Fault]
    calls: CallLog


class Connection:
    """One client's connection."""

    def __init__(self, plane: Plane, arrived: socket.socket, number: int) -> None:
        self._plane = plane
        self._socket = arrived
        self._number = number
        self._served: ServedCache | None = None

    async def serve(self) -> None:
        """Serve until the client hangs up, or is sent away."""
        with self._socket:
            try:
                async with asyncio.timeout(_HANDSHAKE_TIMEOUT_S):
                    hello = await peek_client_hello(self._socket)
            except (OSError, NotTls, TimeoutError) as error:
                self._log(CONNECT, error="(no TLS)", reason=str(error) or type(error).__name__)
                self._forget_unread()
                return
            served = self._served = find_cache(self._plane.world, hello.server_name)
            if served is None:
                self._refuse_name(hello.server_name)
                return
            with suppress(Reset, OSError):
                await self._serve_cache(served)

    def _refuse_name(self, name: str) -> None:
        self._log(CONNECT, error="(no such host)", reason=f"no cache answers at {name!r}")
        self._forget_unread()
        with suppress(OSError):
            self._socket.sendall(_UNRECOGNIZED_NAME)

    def _forget_unread(self) -> None:
        """Read what the client sent: left unread, it would make the end a reset."""
        with suppress(OSError):
            self._socket.recv(LINE_LIMIT)

    async def _serve_cache(self, served: ServedCache) -> None:
        active = self._faults(CONNECT)
        try:
            if not await _may_go_on(active):
                self._log(CONNECT, error="(no answer)")
                await _drain(self._socket)
                return
        except Reset:
            self._log(CONNECT, error="(reset)")
            reset_at_close(self._socket)
            raise
        stream = await self._handshake(served, active)
        if stream is None:
            return
        reader, writer = stream
        try:
            await self._converse(Commands(served, self._number), reader, writer)
        except Reset:
            reset(writer.transport)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client hung up
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()
            with suppress(OSError, TimeoutError):
                await writer.wait_closed()

    async def _handshake(
        self, served: ServedCache, active: Iterable[Fault]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Complete TLS; return None when the client does not want it."""
        refused: list[str] = []

        def refuse(reason: str) -> None:
            if not refused:
                self._log(CONNECT, error="(TLS refused)", reason=reason)
            refused.append(reason)

        report_refusal.set(refuse)  # in this task's own context, as the handshake
        wrong = [fault.effect for fault in active if fault.effect.name.endswith("CERTIFICATE")]
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(LINE_LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                self._socket,
                ssl=self._plane.certificates.context(
                    served.cache.host,
                    only_tls13=served.cache.is_public,
                    fault=next(iter(wrong), None),
                ),
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S,
                ssl_shutdown_timeout=_CLOSING_TIMEOUT_S,
            )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            refuse(str(error) or type(error).__name__)
            return None
        self._log(CONNECT)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _converse(
        self, commands: Commands, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while not commands.closes:
            try:
                words = await read_command(reader, logged_in=commands.user is not None)
            except ProtocolViolation as error:
                writer.write(encode(Error(f"ERR Protocol error: {error}"), commands.version))
                await writer.drain()
                return
            if not words:
                continue
            reply = await self._reply(commands, words, reader)
            if reply is None:
                return
            writer.write(encode(reply, commands.version))
            await writer.drain()

    async def _reply(
        self, commands: Commands, words: Sequence[bytes], reader: asyncio.StreamReader
    ) -> Reply | None:
        """Return the reply to a command; None when the connection ends without one."""
        name = name_of(words)
        if not commands.is_current():
            self._log(name, error="(closed)", reason="the cache is gone, or the user its group")
            return None
        active = self._faults(name)
        if not await _may_go_on(active):
            self._log(name, user=commands.user, error="(no answer)")
            await _discard(reader)
            return None
        broken = [Error(fault.message) for fault in active if fault.effect is Effect.ERROR]
        reply = broken[0] if broken else commands.answer(words)
        code = reply.text.partition(" ")[0] if isinstance(reply, Error) else None
        self._log(name, user=commands.user, error=code, reason=commands.refusal)
        return reply

    def _faults(self, command: str) -> tuple[Fault, ...]:
        assert self._served is not None  # noqa: S101 - it was found
        place = self._served.region.place
        site = CallSite(place.account_id, place.name, self._served.cache.name, command)
        return self._plane.faults.consume(site)

    def _log(
        self,
        command: str,
        *,
        user: str | None = None,
        error: str | None = None,
        reason: str | None = None,
    ) -> None:
        served = self._served
        account_id, region, cache = (
            (served.account.id, served.region.place.name, served.cache.name)
            if served is not None
            else (None, None, None)
        )
        self._plane.calls.add(
            Call(
                at=self._plane.world.clock(),
                connection=self._number,
                account_id=account_id,
                region=region,
                cache=cache,
                command=command,
                user=user,
                error=error,
                reason=reason,
            )
        )


async def _may_go_on(active: Iterable[Fault]) -> bool:
    """Apply faults that come before an answer; return whether one follows. Raises Reset."""
    for fault in active:
        match fault.effect:
            case Effect.LATENCY:
                await asyncio.sleep(fault.delay_s)
            case Effect.RESET:
                raise Reset
            case Effect.SILENT:
                return False
            case _:
                pass
    return True


async def _drain(arrived: socket.socket) -> None:
    """Read and forget what a client sends, until it hangs up."""
    while await asyncio.get_running_loop().sock_recv(arrived, LINE_LIMIT):
        pass


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(LINE_LIMIT):
        pass
