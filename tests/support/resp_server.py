"""A server that speaks as much of Redis's protocol as a login needs, and notes what it is told.

Whatever is neither AUTH, PING nor ACL WHOAMI breaks the test that sent it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from discovery.probe.login import Server

HOST = "orders-abc123.serverless.euc1.cache.amazonaws.com"
OK: Mapping[str, bytes | None] = {
    "AUTH": b"+OK\r\n",
    "PING": b"+PONG\r\n",
    "ACL WHOAMI": b"$3\r\napp\r\n",
}


@dataclass
class RespServer:
    """What a server answers to each command: None is nothing at all, and empty is the end."""

    replies: Mapping[str, bytes | None] = field(default_factory=lambda: dict(OK))
    told: list[tuple[str, ...]] = field(default_factory=list)
    unexpected: list[tuple[str, ...]] = field(default_factory=list)
    most_at_once: int = 0
    """How many clients were connected at a time."""
    _connected: int = 0

    @contextlib.asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None, host: str = HOST) -> AsyncIterator[Server]:
        """Serve on loopback; without `tls` it takes connections and keeps silent."""
        handling: set[asyncio.Task[None]] = set()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            handling.add(task)
            self._connected += 1
            self.most_at_once = max(self.most_at_once, self._connected)
            try:
                await self._talk(reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                self._connected -= 1
                writer.close()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await writer.wait_closed()

        async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while await reader.read(1024):
                    pass
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

        work = keep_silent if tls is None else handle
        server = await asyncio.start_server(work, "127.0.0.1", 0, ssl=tls)
        port = int(server.sockets[0].getsockname()[1])
        try:
            yield Server(host, 6379, dial=("127.0.0.1", port))
        finally:
            server.close()
            for task in handling:
                task.cancel()
            await asyncio.gather(*handling, return_exceptions=True)
            # A connection whose client went away notices it by itself; nothing tells when.
            while server._active_count:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert self.unexpected == []

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            words = await _read_command(reader)
            self.told.append(words)
            name = " ".join(words[:2]) if words[0] == "ACL" else words[0]
            if name not in OK:
                self.unexpected.append(words)
                return
            reply = self.replies[name]
            if reply is None:
                await reader.read()
            if not reply:
                return
            writer.write(reply)
            await writer.drain()


async def _read_command(reader: asyncio.StreamReader) -> tuple[str, ...]:
    count = int((await reader.readuntil(b"\r\n"))[1:])
    words = []
    for _ in range(count):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(size + 2))[:-2].decode())
    return tuple(words)
