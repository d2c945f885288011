"""Teleport as a control plane that is read only; there is no way to write from here (R5).

Reads that a sweep rests on are retried here, page by page. Reading one resource is not: its
caller does that, and looks again before each attempt (`discovery.sweep.write_calls`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, Self

from google.protobuf.empty_pb2 import Empty

from discovery.config.control_plane import Teleport as Settings
from discovery.control_plane.base import (
    ClusterInfo,
    ControlPlaneError,
    Malformed,
    NotFound,
)
from discovery.control_plane.retry import retried
from discovery.control_plane.teleport.connection import AuthConnection, Peer
from discovery.control_plane.teleport.convert import database_of
from discovery.control_plane.teleport.dropped_fields import DroppedFields
from discovery.control_plane.teleport.errors import Attempt, ReadsLag, Unsupported, reads_lag
from discovery.control_plane.teleport.methods import (
    GET_DATABASE,
    GET_DATABASES,
    LIST_DATABASES,
    PING,
    Method,
    Request,
    Response,
)
from discovery.control_plane.teleport.read_your_writes import RecentWrites
from discovery.control_plane.teleport.services import served_databases
from discovery.control_plane.teleport.teleport_pb2 import (
    ListDatabasesRequest,
    PingRequest,
    ResourceRequest,
)
from discovery.model.values import Clock, Database, ResourceName, Served

KIND: Final = "teleport"
PAGE_SIZE: Final = 500
PAGE_DEADLINE_S: Final = 30.0
_PAGES_LIMIT: Final = 100_000
SERVING_KEPT_S: Final = 900.0
"""How long what Database Services serve is remembered.

It is a list as long as the databases, of each Database Service, and only remarks rest on it.
"""
LAG_READS: Final = 8
LAG_PAUSE_S: Final = 0.4
"""Between two reads of what lags behind a write of ours."""

Sleep = Callable[[float], Awaitable[Any]]


class TeleportReader:
    """Read `db` resources of a Teleport cluster."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._connection = AuthConnection(settings, clock, sleep, environ)
        self._sleep = sleep
        self._monotonic = monotonic
        self._recent_writes = RecentWrites(monotonic)
        self._dropped_fields = DroppedFields()
        self._served: tuple[float, tuple[Served, ...]] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def peer(self) -> Peer:
        """Say who answers, by which route, and as whom we speak. Raises: ControlPlaneError."""
        return await retried(self._connection.peer, self._sleep)

    @property
    def last_peer(self) -> Peer | None:
        """Who answered last; None: nobody yet. Asks nothing."""
        return self._connection.last_peer

    async def ping(self) -> ClusterInfo:
        """Name the cluster and its Auth Service's version. Raises: ControlPlaneError."""
        pong = await self.ask(PING, PingRequest(), Attempt("asking who answers", "", "cluster"))
        return ClusterInfo(
            kind=KIND,
            cluster=pong.cluster_name,
            version=pong.server_version,
            identity_expires_at=(await self.peer()).identity.expires_at,
        )

    async def list_databases(self) -> tuple[Database, ...]:
        """List all visible resources, by name, to the last page. Raises: ControlPlaneError."""
        found: dict[ResourceName, Database] = {}
        async with aclosing(self._pages()) as pages:
            async for page in pages:
                found.update({each.name: each for each in page})
        self._recent_writes.note_list(found)
        return self._recent_writes.apply_to_list(self._dropped_fields.restore_all(found.values()))

    async def first_page(self) -> tuple[Database, ...]:
        """List some visible resources, as they are. Raises: ControlPlaneError."""
        async with aclosing(self._pages()) as pages:
            async for page in pages:
                return page
        return ()

    async def get(self, name: ResourceName) -> Database | None:
        """Read the resource as it is now.

        A read that lags behind what was written or seen a moment ago is made again.

        Raises: ReadsLag, ControlPlaneError.
        """
        found = await self.get_once(name)
        for _ in range(LAG_READS):
            if not self._recent_writes.is_stale(name, found):
                break
            await self._sleep(LAG_PAUSE_S)
            found = await self.get_once(name)
        if found is None and self._recent_writes.was_accepted(name):
            raise ReadsLag(reads_lag(f"reading database {name}"))
        if found is None or self._recent_writes.is_gone(found):
            return None
        self._recent_writes.note_seen(found)
        return self._dropped_fields.restore(found)

    async def served(self) -> tuple[Served, ...]:
        """Like `read_served`; nothing where it cannot be read, which `preflight` says."""
        try:
            return await self.read_served()
        except ControlPlaneError:
            return ()

    async def read_served(self) -> tuple[Served, ...]:
        """Say what Database Services serve, as of some minutes ago. Raises: ControlPlaneError."""
        now = self._monotonic()
        if self._served is None or now - self._served[0] >= SERVING_KEPT_S:
            self._served = now, await served_databases(self)
        return self._served[1]

    async def _pages(self) -> AsyncGenerator[tuple[Database, ...], None]:
        attempt = Attempt("listing databases", "list")
        try:
            async with aclosing(self._listed_by_page(attempt)) as pages:
                async for page in pages:
                    yield page
        except Unsupported:  # before 18.1.7; asked each time, because clusters are upgraded
            response = await self.ask(GET_DATABASES, Empty(), attempt)
            yield tuple(database_of(each) for each in response.databases)

    async def _listed_by_page(self, attempt: Attempt) -> AsyncGenerator[tuple[Database, ...], None]:
        seen: set[str] = set()
        token = ""
        while True:
            request = ListDatabasesRequest(page_size=PAGE_SIZE, page_token=token)
            response = await self.ask(LIST_DATABASES, request, attempt)
            yield tuple(database_of(each) for each in response.databases)
            token = response.next_page_token
            if not token:  # the only sign of the end: a page may be short, or empty
                return
            if token in seen or len(seen) >= _PAGES_LIMIT:
                raise Malformed(
                    "listing databases: the cluster gave the same page twice, so the list has no "
                    "end and nothing can rest on it"
                )
            seen.add(token)

    async def ask(
        self, method: Method[Request, Response], request: Request, attempt: Attempt
    ) -> Response:
        """Make a call that only reads, and retry it while that is worth it.

        Raises: ControlPlaneError.
        """

        async def once() -> Response:
            return await self._connection.call(method, request, attempt, deadline_s=PAGE_DEADLINE_S)

        return await retried(once, self._sleep)

    async def get_once(self, name: ResourceName) -> Database | None:
        """Read a resource with one call, as the answer shows it. Raises: ControlPlaneError."""
        attempt = Attempt(f"reading database {name}", "read", name=name)
        try:
            message = await self._connection.call(GET_DATABASE, ResourceRequest(name=name), attempt)
        except NotFound:
            return None
        return database_of(message)
