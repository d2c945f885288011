"""Write one item of a plan: the calls it takes, their retries, and what their errors mean.

What each call requires of the resource is in `write_strategy`; one attempt of it in `write_calls`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from discovery.control_plane.base import (
    ControlPlane,
    ControlPlaneError,
    Denied,
    Malformed,
    Unavailable,
)
from discovery.control_plane.retry import Sleep, retried
from discovery.model.values import Database, ResourceName
from discovery.plan.item import Item
from discovery.plan.resource import changes_between
from discovery.sweep.write_calls import IsDone, WriteCalls
from discovery.sweep.write_result import (
    CALL_DEADLINE_S,
    CreateAttempts,
    DeletedResource,
    WriteAborted,
    WriteResult,
    half_applied,
    not_replaced,
    refused,
    rolled_back,
)
from discovery.sweep.write_strategy import WriteStrategy, intent_kind, planned_database, rebase
from state.records import IntentKind, IntentOutcome

T = TypeVar("T")


class Writer:
    """Write the items of one run; once `stop` is set, no call is retried."""

    def __init__(
        self,
        control_plane: ControlPlane,
        group: str,
        strategy: WriteStrategy,
        sleep: Sleep,
        stop: asyncio.Event,
    ) -> None:
        self._control_plane = control_plane
        self._calls = WriteCalls(control_plane, group, strategy, sleep)
        self._sleep = sleep
        self._stop = stop
        self._creations_fail: str | None = None
        """Error code of the last creation of any item, None when that succeeded."""

    async def write(self, item: Item) -> WriteResult:
        """Carry out an item. Raises nothing that the control plane can cause."""
        steps = {
            IntentKind.CREATE: self._create,
            IntentKind.UPDATE: self._update,
            IntentKind.DELETE: self._delete,
            IntentKind.RENAME: self._rename,
            IntentKind.REPLACE: self._replace,
        }
        try:
            database = await steps[intent_kind(item)](item)
        except WriteAborted as aborted:
            return aborted.result
        except (ControlPlaneError, TimeoutError) as error:
            return refused(item, error)
        return WriteResult(replace(item, applied=True, database=database), IntentOutcome.DONE)

    async def _create(self, item: Item) -> Database:
        database, other = planned_database(item), item.unlisted
        if other is not None:
            await self._retried(lambda: self._calls.require_absent(item, other))

        def by_this_item(found: Database, attempts: CreateAttempts) -> bool:
            # If every call was answered, somebody else created it, perhaps an agent of the same
            # group that wants the very same resource.
            return attempts.unanswered and not changes_between(found, database)

        await self._create_with_retries(item, database, by_this_item)
        return database

    async def _update(self, item: Item) -> Database:
        name = _name(item)
        return await self._retried(lambda: self._calls.update(item, name))

    async def _delete(self, item: Item) -> Database | None:
        name, deleted = _name(item), DeletedResource()
        await self._retried(lambda: self._calls.delete(item, name, deleted))
        return deleted.database or item.database

    async def _rename(self, item: Item) -> Database:
        """Register the new name, then remove the old; continue if the new one is there already."""
        database, old = planned_database(item), item.previous_name
        if old is None:
            raise ValueError("a rename has a previous name")
        await self._create_with_retries(item, database, lambda *_: True)
        try:
            await self._retried(lambda: self._calls.delete(item, old, DeletedResource()))
        except (ControlPlaneError, TimeoutError, WriteAborted) as error:
            raise half_applied(
                item,
                error,
                f"{database.name} is registered, but {old} could not be removed and stays "
                "registered beside it until the next sweep",
            ) from error
        return database

    async def _replace(self, item: Item) -> Database:
        name, deleted = _name(item), DeletedResource()
        if self._creations_fail is not None:
            raise not_replaced(item, self._creations_fail)
        await self._retried(lambda: self._calls.delete(item, name, deleted))
        database = _without_revision(rebase(item, deleted.database))
        try:
            await self._create_with_retries(
                item, database, lambda found, _: not changes_between(found, database)
            )
        except (ControlPlaneError, TimeoutError, WriteAborted) as error:
            if deleted.database is not None and await self._restore(deleted.database):
                raise rolled_back(
                    item, error, f"{name} could not be registered anew and is back as it was"
                ) from error
            raise half_applied(
                item,
                error,
                f"{name} was removed to be registered anew, and that failed; the next sweep "
                "registers it",
            ) from error
        return database

    async def _restore(self, database: Database) -> bool:
        try:
            await self._retried(lambda: self._control_plane.create(_without_revision(database)))
        except (ControlPlaneError, TimeoutError):
            return False
        return True

    async def _create_with_retries(self, item: Item, database: Database, is_done: IsDone) -> None:
        attempts = CreateAttempts()
        try:
            await self._retried(lambda: self._calls.create(item, database, attempts, is_done))
        except (Denied, Malformed, Unavailable) as error:
            self._creations_fail = error.code
            raise
        except TimeoutError:
            self._creations_fail = "TIMEOUT"
            raise
        self._creations_fail = None

    async def _retried(self, step: Callable[[], Awaitable[T]]) -> T:
        async with asyncio.timeout(CALL_DEADLINE_S):
            return await retried(step, self._sleep, is_over=self._stop.is_set)


def _without_revision(database: Database) -> Database:
    return replace(database, revision="")


def _name(item: Item) -> ResourceName:
    if item.name is None:
        raise ValueError("an item that writes has a name")
    return item.name
