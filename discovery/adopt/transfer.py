"""Changes of owner, journaled and written one by one (R2, R6).

Where a sweep goes on from what it finds, this stops: each resource is read again and must be the
one that a person was shown. Nobody has agreed to anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import structlog

from discovery.control_plane.base import NotFound
from discovery.model.codes import Reason
from discovery.model.values import Clock, Database, ItemError, ResourceName
from discovery.plan.item import Item
from discovery.plan.resource import changes_between
from discovery.sweep.write import Writer
from discovery.sweep.write_result import DeletedResource, WriteResult, conflict, missing_on_update
from state.errors import StateError
from state.records import Intent, IntentKind
from state.store import Store

log = structlog.get_logger()


class TransferWriter(Writer):
    """Writes to somebody else's resource, or takes our labels off ours."""

    async def _update_once(self, item: Item) -> Database:
        found, target = await self._control_plane.get(_name(item)), _planned(item)
        if found is None:
            raise missing_on_update(item)
        if not changes_between(found, target):
            return target  # the answer to an earlier attempt was lost
        _require_as_shown(found, item)
        try:
            await self._control_plane.update(
                replace(target, revision=found.revision, opaque=found.opaque)
            )
        except NotFound as error:
            raise missing_on_update(item) from error
        return target

    async def _delete_once(
        self, item: Item, name: ResourceName, removed: DeletedResource | None = None
    ) -> None:
        removed = removed or DeletedResource()
        found = await self._control_plane.get(name)
        if found is None and removed.database is None:
            raise missing_on_update(item)  # not by us, and whoever removed it may have meant it
        if found is None:
            return
        _require_as_shown(found, item)
        removed.database = found
        try:
            await self._control_plane.delete(name)
        except NotFound:
            return


@dataclass(slots=True, kw_only=True)
class Transfers:
    """The changes of owner of one command."""

    kind: IntentKind
    writer: TransferWriter
    store: Store
    clock: Clock
    stop: asyncio.Event
    """Set: the write in hand is ended, and none is begun."""
    transfer_id: str
    _trouble: str | None = field(default=None, init=False)
    """Why the journal cannot be written; without it nothing more is attempted."""

    async def of(self, items: Iterable[tuple[Item, bool]]) -> tuple[Item, ...]:
        """The items with their outcomes; those that are not as agreed any more are left alone."""
        return tuple([await self._one(item, as_agreed=agreed) for item, agreed in items])

    async def _one(self, item: Item, *, as_agreed: bool) -> Item:
        if self._trouble is not None:
            return _failed(item, "STATE", f"not attempted: {self._trouble}")
        if self.stop.is_set():
            return _failed(item, "INTERRUPTED", "stopped before it was attempted; it is as it was")
        if not as_agreed:
            text = "it, or its cache, changed after the plan was shown; it is as it was. Look again"
            return _failed(item, "PLAN_CHANGED", text)
        try:
            intent_id = await asyncio.to_thread(self.store.begin, self._intent(item))
        except StateError as error:
            self._trouble = str(error)
            return _failed(item, "STATE", f"not attempted: {error}")
        return await self._acknowledged(intent_id, await self._written(item))

    async def _written(self, item: Item) -> WriteResult:
        try:
            return await self.writer.write(item)
        except Exception as error:
            log.error("transfer.broke", **item.log_fields, exc_info=error)
            text = (
                f"an unexpected {type(error).__name__} stopped it; whether it was written is not "
                "known. The next sweep looks; please report it with the log"
            )
            return WriteResult(_failed(item, "INTERNAL", text), None)

    async def _acknowledged(self, intent_id: int, written: WriteResult) -> Item:
        item = written.item
        log.info("transfer.ended", kind=self.kind.value, applied=item.applied, **item.log_fields)
        if written.outcome is None:
            return item
        outcome = (intent_id, written.outcome, written.error, self.clock())
        try:
            await asyncio.to_thread(self.store.finish, *outcome)
        except StateError as error:
            self._trouble = str(error)
            text = f"it was written, but state does not know: {error}"
            return replace(item, error=item.error or ItemError("STATE", text, retryable=True))
        return item

    def _intent(self, item: Item) -> Intent:
        if item.arn is None:
            raise ValueError("what changes its owner stands for a cache")
        return Intent(
            sweep_id=self.transfer_id,
            kind=self.kind,
            action=item.action,
            reason=item.reason,
            arn=item.arn,
            scope=item.scope,
            name=_name(item),
            previous_name=None,
            database=item.database,
            at=self.clock(),
        )


def _require_as_shown(found: Database, item: Item) -> None:
    if item.live is None or changes_between(item.live, found):
        raise conflict(
            item,
            Reason.OWNER_CHANGED,
            f"{found.name} is not as it was shown: somebody changed it meanwhile. It was left "
            "alone; look again",
        )


def _failed(item: Item, code: str, message: str) -> Item:
    return replace(item, applied=False, error=ItemError(code, message, retryable=True))


def _planned(item: Item) -> Database:
    if item.database is None:
        raise ValueError("what changes its owner has a database")
    return item.database


def _name(item: Item) -> ResourceName:
    return _planned(item).name
