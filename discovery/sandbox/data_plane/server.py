"""The data plane, served: one TLS port on loopback for all caches of a simulated AWS."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

from discovery.sandbox.aws.world import World
from discovery.sandbox.data_plane.calls import CallLog
from discovery.sandbox.data_plane.certificates import Certificates
from discovery.sandbox.data_plane.connection import Connection, Plane
from discovery.sandbox.data_plane.control import DataPlaneControlApi
from discovery.sandbox.data_plane.faults import Fault
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.loopback import LOOPBACK, check_loopback, serve_in_thread

_LOG = logging.getLogger(__name__)


class SimulatedCaches:
    """The caches of a simulated AWS, which clients can log in to.

    All share one port: the server name that a client sends in TLS tells them apart. AWS closes a
    connection 12 hours after its IAM login; that is left out.
    """

    def __init__(self, world: World, *, calls: CallLog | None = None) -> None:
        """Take the world whose caches are to answer, and make their certificate authority."""
        self.faults: FaultBoard[Fault] = FaultBoard()
        self.calls = CallLog() if calls is None else calls  # an empty one is false
        self.controls = DataPlaneControlApi(self.faults, self.calls)
        self._certificates = Certificates()
        self._plane = Plane(world, self._certificates, self.faults, self.calls)
        self._numbers = itertools.count(1)

    @property
    def ca_pem(self) -> str:
        """The certificate that clients have to trust."""
        return self._certificates.ca_pem

    @asynccontextmanager
    async def serve(self, *, host: str = LOOPBACK, port: int = 0) -> AsyncIterator[str]:
        """Serve inside the `async with`, which gives `address:port`; port 0 takes a free one.

        Raises OSError when the port is taken, and ValueError for a host off loopback.
        """
        check_loopback(host)
        with socket.create_server((host, port), backlog=128) as listening:
            listening.settimeout(0)
            address, number = listening.getsockname()
            accepting = asyncio.create_task(self._accept(listening))
            try:
                yield f"{address}:{number}"
            finally:
                accepting.cancel()
                await asyncio.gather(accepting, return_exceptions=True)

    def serve_in_thread(
        self, *, host: str = LOOPBACK, port: int = 0
    ) -> AbstractContextManager[str]:
        """Serve as `serve` does, from a thread, for code that does not use asyncio."""
        return serve_in_thread(self.serve(host=host, port=port), "simulated-caches")

    async def _accept(self, listening: socket.socket) -> None:
        async with asyncio.TaskGroup() as connections:
            while True:
                arrived, _ = await asyncio.get_running_loop().sock_accept(listening)
                arrived.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections.create_task(self._serve_one(arrived))

    async def _serve_one(self, arrived: socket.socket) -> None:
        number = next(self._numbers)
        try:
            await Connection(self._plane, arrived, number).serve()
        except Exception:
            _LOG.exception("the sandbox failed on connection %s to a cache", number)
