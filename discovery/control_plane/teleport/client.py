"""Teleport as a control plane, both halves. A write is never tried again here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final

import structlog
from google.protobuf.message import Message

from discovery.config.control_plane import Teleport as Settings
from discovery.control_plane.base import AlreadyExists, ControlPlaneError, NotFound, Rejected
from discovery.control_plane.teleport.connection import Peer
from discovery.control_plane.teleport.convert import message_of
from discovery.control_plane.teleport.dropped_fields import SERVERLESS, not_kept
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
"""What an Auth Service takes (teleport/README: Limits)."""
_LOOK_DEADLINE_S: Final = 5.0
_LOOKS: Final = 3


class Teleport(TeleportReader):
    """Reading and writing."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__(settings, clock=clock, sleep=sleep, environ=environ)
        self._writing = asyncio.Semaphore(WRITES_AT_ONCE)
        self._looked_at: Peer | None = None
        self._looks = 0
        self._is_looking = False
        self._said = False

    async def create(self, database: Database) -> None:
        """The resource exists. Raises: AlreadyExists, Rejected, Denied, Unavailable."""
        attempt = Attempt(f"creating database {database.name}", "create", name=database.name)
        try:
            await self._write(CREATE_DATABASE, message_of(database, is_new=True), attempt)
        except AlreadyExists:
            self._recent.is_taken(database.name)
            raise
        self._recent.wrote(database)
        await self._look_once(database)

    async def update(self, database: Database) -> None:
        """The resource is replaced as a whole.

        Raises: NotFound, ReadsLag, Rejected, Denied, Unavailable.
        """
        attempt = Attempt(f"updating database {database.name}", "update", name=database.name)
        await self._write_known(
            UPDATE_DATABASE, message_of(database, is_new=False), attempt, database.name
        )
        self._recent.wrote(database)
        await self._look_once(database)

    async def delete(self, name: ResourceName) -> None:
        """The resource is gone. Raises: NotFound, ReadsLag, Denied, Unavailable."""
        attempt = Attempt(f"removing database {name}", "delete", name=name)
        try:
            await self._write_known(DELETE_DATABASE, ResourceRequest(name=name), attempt, name)
        except NotFound:
            self._recent.removed(name)
            raise
        self._recent.removed(name)

    async def _write_known(
        self,
        method: Method[Request, Response],
        request: Request,
        attempt: Attempt,
        name: ResourceName,
    ) -> None:
        """Write to what is believed to be there. The cluster looks into its cache before it acts,
        so NOT_FOUND for what was made or seen a moment ago is asked again.

        Raises: NotFound, when that is certain; ReadsLag, when it contradicts a write of ours.
        """
        for _ in range(LAG_READS):
            try:
                return await self._write(method, request, attempt)
            except NotFound:
                if not self._recent.is_doubtful(name):
                    raise
            await self._sleep(LAG_PAUSE_S)
        try:
            await self._write(method, request, attempt)
        except NotFound as error:
            if self._recent.was_accepted(name):
                raise ReadsLag(reads_lag(attempt.doing)) from error
            raise

    async def _write(
        self, method: Method[Request, Response], request: Request, attempt: Attempt
    ) -> None:
        _require_small(request, attempt)
        async with self._writing:
            await self._link.call(method, request, attempt)

    async def _look_once(self, sent: Database) -> None:
        """After the first write of a connection it is known what the cluster keeps of one.

        Never fails, since the write has succeeded; the next write looks again, a few times.
        """
        try:
            peer = await self._link.peer()
            if self._looked_at is not peer:
                self._looked_at, self._looks = peer, _LOOKS
            if self._is_looking or not self._looks:
                return
            self._is_looking, self._looks = True, self._looks - 1
            try:
                async with asyncio.timeout(_LOOK_DEADLINE_S):
                    read = await self._fresh(sent)
            finally:
                self._is_looking = False
        except (ControlPlaneError, TimeoutError):
            return
        if read is not None:
            self._looks = 0
            self._say(not_kept(sent, read), peer)

    async def _fresh(self, sent: Database) -> Database | None:
        """What is read back, once it is what was written."""
        for _ in range(LAG_READS):
            read = await self.get_once(sent.name)
            if read is not None and not self._recent.is_stale(sent.name, read):
                return read if sent.labels.items() <= read.labels.items() else None
            await self._sleep(LAG_PAUSE_S)
        return None

    def _say(self, lost: tuple[str, ...], peer: Peer) -> None:
        if not lost or self._said:
            return
        self._said = True
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
