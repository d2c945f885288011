"""Circuit breaker for denied writes: a verb that the role may not use is soon not tried again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from discovery.control_plane.base import ClusterInfo, ControlPlane, Denied
from discovery.model.values import Database, ResourceName, Served
from state.records import IntentKind

DENIALS: Final = 5
"""Denials of one verb after which a sweep stops trying it, unless it was allowed once.

More than one, because a control plane can deny a single resource.
"""

_VERBS: Final = {
    IntentKind.CREATE: ("create",),
    IntentKind.UPDATE: ("update",),
    IntentKind.DELETE: ("delete",),
    IntentKind.RENAME: ("create", "delete"),
    IntentKind.REPLACE: ("delete", "create"),
    IntentKind.ADOPT: (),
    IntentKind.RELEASE: (),
}


class Breaker:
    """Control plane that passes every call on and counts the denials of one sweep."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._denials: Counter[str] = Counter()
        self._last: dict[str, Denied] = {}
        self._allowed: set[str] = set()
        self._few = asyncio.Semaphore(DENIALS)
        self._one = asyncio.Semaphore(1)

    @asynccontextmanager
    async def trial(self, kind: IntentKind) -> AsyncIterator[Denied | None]:
        """Yield the denial that a write of this kind would meet again, None when it may be tried.

        Until a verb has been allowed once, at most `DENIALS` writes of it run at a time; of
        replacements, which delete before they create, only one.
        """
        verbs = _VERBS[kind]
        async with AsyncExitStack() as turn:
            if not self._allowed.issuperset(verbs):
                is_replacing = kind is IntentKind.REPLACE
                await turn.enter_async_context(self._one if is_replacing else self._few)
            yield next(filter(None, map(self._denial_of, verbs)), None)

    def _denial_of(self, verb: str) -> Denied | None:
        is_open = verb not in self._allowed and self._denials[verb] >= DENIALS
        return self._last[verb] if is_open else None

    async def ping(self) -> ClusterInfo:
        """Pass the call on."""
        return await self._control_plane.ping()

    async def list_databases(self) -> tuple[Database, ...]:
        """Pass the call on."""
        return await self._control_plane.list_databases()

    async def get(self, name: ResourceName) -> Database | None:
        """Pass the call on."""
        return await self._control_plane.get(name)

    async def served(self) -> tuple[Served, ...]:
        """Pass the call on."""
        return await self._control_plane.served()

    async def create(self, database: Database) -> None:
        """Pass the call on and count its denial."""
        await self._counted("create", self._control_plane.create(database))

    async def update(self, database: Database) -> None:
        """Pass the call on and count its denial."""
        await self._counted("update", self._control_plane.update(database))

    async def delete(self, name: ResourceName) -> None:
        """Pass the call on and count its denial."""
        await self._counted("delete", self._control_plane.delete(name))

    async def _counted(self, verb: str, call: Awaitable[None]) -> None:
        try:
            await call
        except Denied as error:
            self._denials[verb] += 1
            self._last[verb] = error
            raise
        self._allowed.add(verb)
