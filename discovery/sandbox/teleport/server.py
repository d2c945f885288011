"""The simulated Teleport, served: the Proxy's one port and Auth's own, on loopback only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from discovery.sandbox.control import PREFIX
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.loopback import LOOPBACK, serve_in_thread
from discovery.sandbox.teleport.calls import CallLog
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.control import TeleportControlApi
from discovery.sandbox.teleport.faults import Fault
from discovery.sandbox.teleport.grpc_handler import Auth
from discovery.sandbox.teleport.tls_frontend import AUTH, PROXY, TlsFrontend
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
        """The URL of the control endpoints."""
        return f"{self.web}{PREFIX}"


class SimulatedTeleport:
    """A cluster behind Teleport's ports, with its faults and the log of its calls."""

    def __init__(self, cluster: Cluster | None = None, *, calls: CallLog | None = None) -> None:
        self.cluster = cluster or Cluster()
        self.faults: FaultBoard[Fault] = FaultBoard()
        self.calls = CallLog() if calls is None else calls  # an empty one is false
        self._served: tuple[asyncio.AbstractEventLoop, TlsFrontend] | None = None

    @asynccontextmanager
    async def serve(
        self, *, host: str = LOOPBACK, port: int = 0, auth_port: int = 0
    ) -> AsyncIterator[Addresses]:
        """Serve inside the `async with`, which gives the addresses; port 0 takes a free one.

        Raises OSError when a port is taken, and ValueError for a host off loopback.
        """
        auth = Auth(self.cluster, self.faults, self.calls, lambda: front.addresses[PROXY])
        controls = TeleportControlApi(self.cluster, self.faults, self.calls, self.disconnect)
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

    def serve_in_thread(
        self, *, host: str = LOOPBACK, port: int = 0, auth_port: int = 0
    ) -> AbstractContextManager[Addresses]:
        """Serve as `serve` does, from a thread, for code that does not use asyncio."""
        served = self.serve(host=host, port=port, auth_port=auth_port)
        return serve_in_thread(served, "simulated-teleport")

    def disconnect(self) -> None:
        """Reset every connection to Auth; callable from any thread."""
        if self._served is not None:
            loop, front = self._served
            loop.call_soon_threadsafe(front.disconnect)

    def send_goaway(self) -> None:
        """End every connection to Auth with GOAWAY; callable from any thread."""
        if self._served is not None:
            loop, front = self._served
            loop.call_soon_threadsafe(front.send_goaway)
