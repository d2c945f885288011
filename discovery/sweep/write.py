"""Write one item of a plan: read the owner again, call, retry, and interpret the answer.

Every attempt reads the resource first. So a retry after a call whose answer was lost finds what
that call did: what it created is there, what it deleted is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from tenacity import RetryCallState

from discovery.control_plane.base import (
    AlreadyExists,
    ControlPlane,
    ControlPlaneError,
    Denied,
    Malformed,
    NotFound,
    Unavailable,
)
from discovery.control_plane.retry import ATTEMPTS, retrying
from discovery.model.codes import Action, Reason
from discovery.model.ownership import CacheArn, owner_of
from discovery.model.values import Database, ResourceName
from discovery.plan.item import Item
from discovery.plan.removal import CACHE_GOES
from discovery.plan.resource import changes_between, three_way_merge
from discovery.sweep.write_result import (
    CALL_DEADLINE_S,
    CreateAttempts,
    DeletedResource,
    WriteAborted,
    WriteResult,
    create_unknown,
    half_applied,
    missing_on_update,
    name_taken,
    no_longer_visible,
    not_replaced,
    owner_changed,
    refused,
    registered_unlisted,
    restored_unlisted,
    rolled_back,
)
from state.records import IntentKind, IntentOutcome

T = TypeVar("T")

log = structlog.get_logger()

IsDone = Callable[[Database, CreateAttempts], bool]
"""Tells whether a resource of ours that already has the name is what was to be created."""

_READS_AFTER_TAKEN = 3
_READ_PAUSE_S = 0.5


def intent_kind(item: Item) -> IntentKind:
    """Return the kind of write that carries out an item that writes."""
    if item.action is Action.CREATE:
        return IntentKind.CREATE
    if item.action is Action.DELETE:
        return IntentKind.DELETE
    if item.reason is Reason.RENAMED:
        return IntentKind.RENAME
    return IntentKind.REPLACE if item.replaces else IntentKind.UPDATE


class Writer:
    """Write the items of one sweep; once `stopping` is set, no call is retried."""

    if_unattempted = "the next sweep does"
    """What becomes of an item that was not attempted."""

    def __init__(
        self, control_plane: ControlPlane, group: str, sleep: Callable[[float], Awaitable[Any]]
    ) -> None:
        self._control_plane = control_plane
        self._group = group
        self._sleep = sleep
        self._creations_fail: str | None = None
        """Error code of the last creation of any item, None when that succeeded."""
        self.stopping = False

    def is_due(self, item: Item) -> bool:
        """Tell whether an item is to be journaled and written."""
        return item.action.writes

    def kind_of(self, item: Item) -> IntentKind:
        """Return the kind of intent that the journal keeps of an item."""
        return intent_kind(item)

    def log_result(self, item: Item, sweep_id: str, *, is_known: bool) -> None:
        """Log the outcome of an item; a failure that is known already only at level debug."""
        event = log.bind(sweep_id=sweep_id, **item.log_fields)
        if item.applied:
            event.info("item.applied")
            return
        level = logging.DEBUG if is_known else logging.WARNING
        if item.error is not None:
            event.log(level, "item.failed", error_code=item.error.code)
        else:
            event.log(level, "item.refused")

    def log_defect(self, item: Item, error: Exception) -> None:
        """Log an exception that no write may raise, with where it happened."""
        log.error("item.broke", **item.log_fields, exc_info=error)

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
        database, other = _database(item), item.unlisted
        if other is not None:
            await self._retried(lambda: self._require_absent(item, other))

        def by_this_item(found: Database, attempts: CreateAttempts) -> bool:
            # If every call was answered, somebody else created it, perhaps an agent of the same
            # group that wants the very same resource.
            return attempts.unanswered and not changes_between(found, database)

        await self._create_with_retries(item, database, by_this_item)
        return database

    async def _update(self, item: Item) -> Database:
        return await self._retried(lambda: self._update_once(item))

    async def _delete(self, item: Item) -> Database | None:
        deleted = DeletedResource()
        await self._retried(lambda: self._delete_once(item, _name(item), deleted))
        return deleted.database or item.database

    async def _rename(self, item: Item) -> Database:
        """Register the new name, then remove the old; continue if the new one is there already."""
        database, old = _database(item), item.previous_name
        if old is None:
            raise ValueError("a rename has a previous name")
        await self._create_with_retries(item, database, lambda *_: True)
        try:
            await self._retried(lambda: self._delete_once(item, old))
        except (ControlPlaneError, TimeoutError, WriteAborted) as error:
            raise half_applied(
                item,
                error,
                f"{database.name} is registered, but {old} could not be removed and stands "
                "beside it until the next sweep",
            ) from error
        return database

    async def _replace(self, item: Item) -> Database:
        name, deleted = _name(item), DeletedResource()
        if self._creations_fail is not None:
            raise not_replaced(item, self._creations_fail)
        await self._retried(lambda: self._delete_once(item, name, deleted))
        database = _without_revision(_rebase(item, deleted.database))
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
            await self._retried(lambda: self._create_once(item, database, attempts, is_done))
        except (Denied, Malformed, Unavailable) as error:
            self._creations_fail = error.code
            raise
        except TimeoutError:
            self._creations_fail = "TIMEOUT"
            raise
        self._creations_fail = None

    async def _create_once(
        self, item: Item, database: Database, attempts: CreateAttempts, is_done: IsDone
    ) -> None:
        try:
            await self._control_plane.create(database)
        except AlreadyExists as error:
            found = await self._read_taken(database.name)
            if found is None and attempts.unanswered:
                raise create_unknown(item, error, database.name) from error
            ours = found is not None and self._is_of(found, item)
            if found is None or not ours or not is_done(found, attempts):
                raise name_taken(item, database.name, self._group if ours else None) from error
        except ControlPlaneError as error:
            attempts.unanswered = attempts.unanswered or error.retryable
            raise

    async def _update_once(self, item: Item) -> Database:
        found = await self._read(_name(item), item)
        if found is None:
            raise missing_on_update(item)
        self._require_ours(found, item)
        target = _rebase(item, found)
        if not changes_between(found, target):
            return target
        try:
            await self._control_plane.update(target)
        except NotFound as error:
            raise missing_on_update(item) from error
        return target

    async def _delete_once(
        self, item: Item, name: ResourceName, deleted: DeletedResource | None = None
    ) -> None:
        found = await self._read(name, item)
        if found is None:
            return
        self._require_ours(found, item)
        self._require_not_restored(found, item)
        if deleted is not None:
            deleted.database = found
        try:
            await self._control_plane.delete(name)
        except NotFound:
            return

    async def _read(self, name: ResourceName, item: Item) -> Database | None:
        """Read the resource that was listed again, as it is now."""
        try:
            return await self._control_plane.get(name)
        except Denied as error:  # a role that is limited by labels sees only what is ours
            raise no_longer_visible(item, name, error) from error

    async def _read_taken(self, name: ResourceName) -> Database | None:
        # A read may lag behind the create that took the name (teleport/README: Reads and writes).
        for attempt in range(_READS_AFTER_TAKEN):
            if attempt:
                await self._sleep(_READ_PAUSE_S)
            try:
                found = await self._control_plane.get(name)
            except Denied:  # it is there, and the agent's role may not see it
                return None
            if found is not None:
                return found
        return None

    async def _require_absent(self, item: Item, name: ResourceName) -> None:
        """Check that the cache is not registered under the name that state remembers.

        The list lacks that name. If it is there all the same, a create would register the cache
        twice.
        """
        try:
            found = await self._control_plane.get(name)
        except Denied:  # it is somebody else's: the agent's role may see ours
            return
        if found is not None and self._is_of(found, item):
            raise registered_unlisted(item, name)

    def _is_of(self, found: Database, item: Item) -> bool:
        owner = owner_of(found, self._group)
        return isinstance(owner, CacheArn) and owner.arn == item.arn

    def _require_ours(self, found: Database, item: Item) -> None:
        if not self._is_of(found, item):
            raise owner_changed(item, found.name)

    def _require_not_restored(self, found: Database, item: Item) -> None:
        is_another = item.live is not None and found.revision != item.live.revision
        if item.removed_before and is_another and item.reason not in CACHE_GOES:
            raise restored_unlisted(item, found.name, self._group)

    async def _retried(self, step: Callable[[], Awaitable[T]]) -> T:
        async def attempt() -> T:
            return await step()

        async with asyncio.timeout(CALL_DEADLINE_S):
            return await retrying(self._sleep, stop=self._is_over)(attempt)

    def _is_over(self, call: RetryCallState) -> bool:
        return self.stopping or call.attempt_number >= ATTEMPTS


def _rebase(item: Item, found: Database | None) -> Database:
    """Merge the planned changes into the resource as it was just read."""
    planned = _database(item)
    if found is None:
        return planned
    return three_way_merge(planned, item.live if item.live is not None else found, found)


def _without_revision(database: Database) -> Database:
    return replace(database, revision="")


def _database(item: Item) -> Database:
    if item.database is None:
        raise ValueError("an item that registers has a database")
    return item.database


def _name(item: Item) -> ResourceName:
    if item.name is None:
        raise ValueError("an item that writes has a name")
    return item.name
