"""The control plane that an agent of a run is given: the real one, with faults and onlookers.

In front of an embedded registry it also does what a network does to Teleport: calls that fail
before anything was done, or after, or that a role does not allow; a list that is not whole. The
simulated Teleport does all that by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from discovery.control_plane.base import (
    ClusterInfo,
    ControlPlane,
    ControlPlaneError,
    Denied,
    Malformed,
    Unavailable,
)
from discovery.model.values import Database, ResourceName, Served
from tests.faults.expected_state import owner_of
from tests.faults.registries import Registry, Resource

T = TypeVar("T")

PING, LIST, GET = "ping", "list", "get"
CREATE, UPDATE, DELETE = "create", "update", "delete"
CALLS = (PING, LIST, GET, CREATE, UPDATE, DELETE)

BREAKS = {"unavailable": Unavailable, "denied": Denied, "malformed": Malformed}


@dataclass
class Break:
    """Some calls of one kind go wrong."""

    call: str
    effect: str
    """One of `BREAKS`; or `shrinks`: the list shows a part of what there is."""
    after: bool = False
    """True: the registry has acted, and only the answer is lost."""
    times: int = 1
    skip: int = 0

    def applies_to(self, call: str) -> bool:
        """Whether this call is one of those."""
        if call != self.call or not self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class CallObserver(Protocol):
    """Who sees every call: people who act, and the checker."""

    def called(self, call: str, name: str) -> None:
        """Called before each call; people may act first."""
        ...

    def listed(self, found: tuple[Database, ...]) -> None:
        """Called with what the list has shown."""
        ...

    def written(
        self, what: str, name: str, standing: Resource | None, new: Resource | None
    ) -> None:
        """Called as a write happens."""
        ...


@dataclass
class FaultyControlPlane:
    """A control plane as one process has it."""

    plane: ControlPlane
    observer: CallObserver
    registry: Registry | None = None
    """Set for an embedded registry: then its writes are reported from here."""
    breaks: list[Break] = field(default_factory=list)
    is_fenced: bool = False
    """Whether the registry shows only what is the agent's own, as a cluster does to its bot."""
    struck: Counter[str] = field(default_factory=Counter)

    async def ping(self) -> ClusterInfo:
        return await self._through(PING, "", self.plane.ping)

    async def list_databases(self) -> tuple[Database, ...]:
        found = await self._through(LIST, "", self.plane.list_databases)
        found = tuple(each for each in found if self._shows(each))
        if any(each.effect == "shrinks" and each.applies_to(LIST) for each in self.breaks):
            self.struck["list: shrinks"] += 1
            found = found[:: len(found) // 2 + 1] if len(found) > 1 else ()
        self.observer.listed(found)
        return found

    async def get(self, name: ResourceName) -> Database | None:
        return await self._through(GET, name, lambda: self._own(name))

    async def served(self) -> tuple[Served, ...]:
        return await self.plane.served()

    async def create(self, database: Database) -> None:
        name, new = database.name, Resource.of(database)
        await self._through(CREATE, name, lambda: self.plane.create(database), new)

    async def update(self, database: Database) -> None:
        name, new = database.name, Resource.of(database)

        async def update() -> None:
            await self._own(name)
            await self.plane.update(database)

        await self._through(UPDATE, name, update, new)

    async def delete(self, name: ResourceName) -> None:
        async def delete() -> None:
            await self._own(name)
            await self.plane.delete(name)

        await self._through(DELETE, name, delete)

    def _shows(self, database: Database) -> bool:
        return not self.is_fenced or owner_of(database.labels, database.spec) is not None

    async def _own(self, name: ResourceName) -> Database | None:
        """What stands there, if it may be seen. Raises: Denied."""
        found = await self.plane.get(name)
        if found is not None and not self._shows(found):
            raise Denied(f"{name} is not for this agent to see")
        return found

    async def _through(
        self,
        call: str,
        name: str,
        act: Callable[[], Awaitable[T]],
        new: Resource | None = None,
    ) -> T:
        self.observer.called(call, name)
        broken = next((e for e in self.breaks if e.effect in BREAKS and e.applies_to(call)), None)
        if broken is not None and not broken.after:
            raise self._error(broken, "before")
        if self.registry is not None and call in (CREATE, UPDATE, DELETE):
            self._log(call, name, new)
        found = await act()
        if broken is not None:
            raise self._error(broken, "after")
        return found

    def _log(self, call: str, name: str, new: Resource | None) -> None:
        assert self.registry is not None
        standing = self.registry.get(name)
        if standing is not None and not self._shows(standing.database):
            return  # the registry refuses
        if (standing is None) == (call == CREATE):  # else the registry refuses
            self.observer.written(call, name, standing, new)

    def _error(self, broken: Break, when: str) -> ControlPlaneError:
        self.struck[f"{broken.call}: {broken.effect} {when}"] += 1
        return BREAKS[broken.effect](f"{broken.call}: {broken.effect}, {when} it was done")
