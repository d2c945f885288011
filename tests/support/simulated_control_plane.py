"""A control plane in memory with Teleport's rules, and faults on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import count

from discovery.control_plane.base import AlreadyExists, ClusterInfo, NotFound
from discovery.control_plane.embedded.validation import validated
from discovery.model.values import Database, ResourceName, Served


@dataclass
class Fault:
    """What goes wrong with one call of `method` for `name` (any, when None)."""

    method: str
    error: BaseException | None = None
    name: str | None = None
    landed: bool = False
    """True: the call took effect and only the answer was lost."""
    meddle: Callable[[], None] | None = None
    """Done before the call: what somebody else does at that very moment."""
    hang: bool = False
    times: int = 1


@dataclass
class SimulatedControlPlane:
    resources: dict[str, Database] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as a call hangs."""
    release: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it, and hanging calls go on."""
    crowd: int = 0
    crowded: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as `crowd` calls are under way at once."""
    revisions: Iterable[int] = field(default_factory=lambda: count(1))

    def put(self, *databases: Database) -> None:
        for database in databases:
            revision = str(next(iter(self.revisions)))
            stored = replace(database, revision=revision, opaque=f"raw {revision}".encode())
            self.resources[database.name] = stored

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [call for call in self.calls if call[0] != "get"]

    async def ping(self) -> ClusterInfo:
        return ClusterInfo(kind="simulated", cluster="sim")

    async def list_databases(self) -> tuple[Database, ...]:
        return tuple(self.resources.values())

    async def get(self, name: ResourceName) -> Database | None:
        await self._call("get", name, lambda: None)
        return self.resources.get(name)

    async def served(self) -> tuple[Served, ...]:
        return ()

    async def create(self, database: Database) -> None:
        def effect() -> None:
            if database.name in self.resources:
                raise AlreadyExists(f"{database.name} exists")
            self.put(validated(database))

        await self._call("create", database.name, effect)

    async def update(self, database: Database) -> None:
        def effect() -> None:
            self._require(database.name)
            self.put(validated(database))

        await self._call("update", database.name, effect)

    async def delete(self, name: ResourceName) -> None:
        def effect() -> None:
            self._require(name)
            del self.resources[name]

        await self._call("delete", name, effect)

    def _require(self, name: ResourceName) -> None:
        if name not in self.resources:
            raise NotFound(f"{name} not found")

    async def _call(self, method: str, name: str, effect: Callable[[], None]) -> None:
        self.calls.append((method, name))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == self.crowd:
            self.crowded.set()
        try:
            await asyncio.sleep(0)
            fault = self._fault(method, name)
            if fault is None:
                effect()
                return
            if fault.meddle is not None:
                fault.meddle()
            if fault.hang:
                self.hanging.set()
                await self.release.wait()
            if fault.error is None or fault.landed:
                effect()
            if fault.error is not None:
                raise fault.error
        finally:
            self.at_once -= 1

    def _fault(self, method: str, name: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.method == method and fault.name in (None, name):
                fault.times -= 1
                return fault
        return None
