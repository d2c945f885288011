"""Teleport as a control plane that is read and written. A write is never retried here."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from google.protobuf.message import Message

from discovery.config.control_plane import Teleport as Settings
from discovery.control_plane.base import AlreadyExists, ControlPlaneError, NotFound, Rejected
from discovery.control_plane.teleport.connection import Peer
from discovery.control_plane.teleport.convert import message_of
from discovery.control_plane.teleport.dropped_fields import SERVERLESS, dropped_pointers
from discovery.control_plane.teleport.errors import Attempt, ReadsLag, reads_lag
from discovery.control_plane.teleport.methods import (
    CREATE_DATABASE,
    DELETE_DATABASE,
    UPDATE_DATABASE,
    Method,
    Request,
    Response,
)
from discovery.control_plane.teleport.reader import LAG_PAUSE_S, LAG_READS, Sleep, TeleportReader
from discovery.control_plane.teleport.teleport_pb2 import ResourceRequest
from discovery.model.values import Clock, Database, ResourceName

log = structlog.get_logger()

WRITES_AT_ONCE: Final = 4
REQUEST_LIMIT_BYTES: Final = 4 << 20
"""Largest request that an Auth Service takes (teleport/README: Limits)."""
_CHECK_DEADLINE_S: Final = 5.0
_CHECKS: Final = 3


class Teleport(TeleportReader):
    """Read and write `db` resources of a Teleport cluster."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__(settings, clock=clock, sleep=sleep, monotonic=monotonic, environ=environ)
        self._writing = asyncio.Semaphore(WRITES_AT_ONCE)
        self._checked_peer: Peer | None = None
        self._checks_left = 0
        self._is_checking = False
        self._has_warned = False

    async def create(self, database: Database) -> None:
        """Create the resource. Raises: AlreadyExists, Rejected, Denied, Unavailable."""
        attempt = Attempt(f"creating database {database.name}", "create", name=database.name)
        try:
            await self._write(CREATE_DATABASE, message_of(database, is_new=True), attempt)
        except AlreadyExists:
            self._recent_writes.note_taken(database.name)
            raise
        self._recent_writes.note_written(database)
        await self._check_kept_fields(database)

    async def update(self, database: Database) -> None:
        """Replace the resource as a whole.

        Raises: NotFound, ReadsLag, Rejected, Denied, Unavailable.
        """
        attempt = Attempt(f"updating database {database.name}", "update", name=database.name)
        await self._write_existing(
            UPDATE_DATABASE, message_of(database, is_new=False), attempt, database.name
        )
        self._recent_writes.note_written(database)
        await self._check_kept_fields(database)

    async def delete(self, name: ResourceName) -> None:
        """Delete the resource. Raises: NotFound, ReadsLag, Denied, Unavailable."""
        attempt = Attempt(f"removing database {name}", "delete", name=name)
        try:
            await self._write_existing(DELETE_DATABASE, ResourceRequest(name=name), attempt, name)
        except NotFound:
            self._recent_writes.note_removed(name)
            raise
        self._recent_writes.note_removed(name)

    async def _write_existing(
        self,
        method: Method[Request, Response],
        request: Request,
        attempt: Attempt,
        name: ResourceName,
    ) -> None:
        """Write to what is believed to be there.

        The cluster looks into its cache before it acts, so NOT_FOUND for what was made or seen a
        moment ago is asked again.

        Raises: NotFound, when that is certain; ReadsLag, when it contradicts a write of ours.
        """
        for _ in range(LAG_READS):
            try:
                return await self._write(method, request, attempt)
            except NotFound:
                if not self._recent_writes.is_doubtful(name):
                    raise
            await self._sleep(LAG_PAUSE_S)
        try:
            await self._write(method, request, attempt)
        except NotFound as error:
            if self._recent_writes.was_accepted(name):
                raise ReadsLag(reads_lag(attempt.doing)) from error
            raise

    async def _write(
        self, method: Method[Request, Response], request: Request, attempt: Attempt
    ) -> None:
        _require_small(request, attempt)
        async with self._writing:
            await self._connection.call(method, request, attempt)

    async def _check_kept_fields(self, sent: Database) -> None:
        """Read back the first write of a connection and warn of fields that the cluster drops.

        Never fails, since the write has succeeded; the next write checks again, a few times.
        """
        try:
            peer = await self._connection.peer()
            if self._checked_peer is not peer:
                self._checked_peer, self._checks_left = peer, _CHECKS
            if self._is_checking or not self._checks_left:
                return
            self._is_checking, self._checks_left = True, self._checks_left - 1
            try:
                async with asyncio.timeout(_CHECK_DEADLINE_S):
                    read = await self._read_back(sent)
            finally:
                self._is_checking = False
        except (ControlPlaneError, TimeoutError):
            return
        if read is not None:
            self._checks_left = 0
            self._warn_of_dropped(dropped_pointers(sent, read), peer)

    async def _read_back(self, sent: Database) -> Database | None:
        """Read what was written, once reads have caught up; None when they do not."""
        for _ in range(LAG_READS):
            read = await self.get_once(sent.name)
            if read is not None and not self._recent_writes.is_stale(sent.name, read):
                return read if sent.labels.items() <= read.labels.items() else None
            await self._sleep(LAG_PAUSE_S)
        return None

    def _warn_of_dropped(self, lost: tuple[str, ...], peer: Peer) -> None:
        if not lost or self._has_warned:
            return
        self._has_warned = True
        others = [pointer for pointer in lost if pointer != SERVERLESS]
        consequences = []
        if SERVERLESS in lost:
            consequences.append(
                "Teleport takes the databases for RDS and nobody can connect to them. Their cache "
                "names are told from their labels here, and nothing is written again for it. "
                "Upgrade the Auth Service to 18.2.2 or later"
            )
        if others:
            consequences.append(f"{', '.join(others)} will be written again by every sweep")
        log.warning(
            "teleport.fields_not_kept",
            cluster=peer.cluster,
            version=peer.version,
            fields=list(lost),
            consequence="; ".join(consequences),
        )


def _require_small(request: Message, attempt: Attempt) -> None:
    size = request.ByteSize()
    if size > REQUEST_LIMIT_BYTES - 1024:
        raise Rejected(
            f"{attempt.doing}: it is {size} bytes long, and a cluster takes {REQUEST_LIMIT_BYTES}"
        )
