"""The simulated Teleport, served: the Proxy's one port and Auth's own, on loopback only."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from aiohttp import web

from discovery.sandbox.teleport.calls import CallLog
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.control import PREFIX, Controls
from discovery.sandbox.teleport.faults import FaultBoard
from discovery.sandbox.teleport.grpc_handler import Auth
from discovery.sandbox.teleport.tls_frontend import AUTH, LOOPBACK, PROXY, TlsFrontend
from discovery.sandbox.teleport.web import Web


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a served Teleport listens, as `host:port`."""

    proxy: str
    auth: str

    @property
    def web(self) -> str:
        """The URL of the Proxy's web side."""
        return f"https://{self.proxy}"

    @property
    def control(self) -> str:
        """The URL of the sandbox's own door."""
        return f"{self.web}{PREFIX}"


class SimulatedTeleport:
    """A cluster behind Teleport's ports, with its faults and the log of what was asked."""

    def __init__(self, cluster: Cluster | None = None, *, calls: CallLog | None = None) -> None:
        self.cluster = cluster or Cluster()
        self.faults = FaultBoard()
        self.calls = CallLog() if calls is None else calls  # an empty one is false
        self._served: tuple[asyncio.AbstractEventLoop, TlsFrontend] | None = None

    @asynccontextmanager
    async def serve(
        self, *, host: str = LOOPBACK, port: int = 0, auth_port: int = 0
    ) -> AsyncIterator[Addresses]:
        """Serves inside the `async with`; port 0 takes a free one.

        Raises OSError when a port is taken, and ValueError for a host that is not loopback: the
        keys to this cluster are no secret.
        """
        auth = Auth(self.cluster, self.faults, self.calls, lambda: front.addresses[PROXY])
        controls = Controls(self.cluster, self.faults, self.calls, self.disconnect)
        pages = Web(self.cluster, self.faults, self.calls, controls, lambda: front.addresses[PROXY])
        # Whoever hangs up ends his request: one that is late by minutes does not outlive us.
        http = web.Server(pages.handle, handler_cancellation=True)
        front = TlsFrontend(auth, http, self.calls)
        try:
            front.listen(PROXY, host, port)
            front.listen(AUTH, host, auth_port)
            self._served = (asyncio.get_running_loop(), front)
            yield Addresses(front.addresses[PROXY], front.addresses[AUTH])
        finally:
            self._served = None
            await front.close()
            await http.shutdown(timeout=0.1)

    @contextmanager
    def serve_in_thread(
        self, *, host: str = LOOPBACK, port: int = 0, auth_port: int = 0
    ) -> Iterator[Addresses]:
        """As `serve`, from a thread with a loop of its own, for code that does not use asyncio."""
        started: Future[Addresses] = Future()
        loop = asyncio.new_event_loop()
        stop = asyncio.Event()

        async def run() -> None:
            async with self.serve(host=host, port=port, auth_port=auth_port) as addresses:
                started.set_result(addresses)
                await stop.wait()

        def work() -> None:
            try:
                loop.run_until_complete(run())
            except BaseException as error:
                started.set_exception(error)
            finally:
                loop.close()

        thread = threading.Thread(target=work, name="simulated-teleport", daemon=True)
        thread.start()
        try:
            yield started.result()
        finally:
            if not started.exception():
                loop.call_soon_threadsafe(stop.set)
            thread.join()

    def disconnect(self) -> None:
        """Every connection to Auth is reset; callable from any thread."""
        if self._served is not None:
            loop, front = self._served
            loop.call_soon_threadsafe(front.disconnect)

    def say_goodbye(self) -> None:
        """Every connection to Auth is ended with GOAWAY; callable from any thread."""
        if self._served is not None:
            loop, front = self._served
            loop.call_soon_threadsafe(front.say_goodbye)
