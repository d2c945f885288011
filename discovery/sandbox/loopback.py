"""Serving on loopback only: checking the host, running in a thread, resetting connections."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


def check_loopback(host: str) -> None:
    """Raise ValueError for a host off loopback: the keys to the simulations are no secret."""
    if not ipaddress.IPv4Address(host).is_loopback:
        raise ValueError(f"the sandbox serves on loopback only, not on {host}")


@contextmanager
def serve_in_thread(served: AbstractAsyncContextManager[T], name: str) -> Iterator[T]:
    """Serve from a thread with an event loop of its own, for code that does not use asyncio."""
    started: Future[T] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with served as address:
            started.set_result(address)
            await stop.wait()

    def work() -> None:
        try:
            loop.run_until_complete(run())
        except BaseException as error:
            started.set_exception(error)
        finally:
            loop.close()

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield started.result()
    finally:
        if not started.exception():
            loop.call_soon_threadsafe(stop.set)
        thread.join()


def reset_at_close(raw: socket.socket) -> None:
    """Make the other side get a reset when the socket is closed."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Reset the connection at once, with what was still to be sent."""
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        return
    reset_at_close(transport.get_extra_info("socket"))
    transport.abort()
