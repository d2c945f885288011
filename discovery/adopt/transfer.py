"""Write changes of owner one by one (R2, R6).

Where a sweep goes on from what it finds, this stops: each resource is read again and must be the
one that a person was shown. Nobody has agreed to anything else.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from discovery.control_plane.base import ControlPlane, NotFound
from discovery.control_plane.retry import Sleep
from discovery.model.codes import Reason
from discovery.model.values import Database, ResourceName
from discovery.plan.item import Item
from discovery.plan.resource import changes_between
from discovery.sweep.write import Writer
from discovery.sweep.write_result import DeletedResource, conflict, missing_on_update
from state.records import IntentKind

log = structlog.get_logger()


class TransferWriter(Writer):
    """Write to somebody else's resource, or take our labels off ours."""

    if_unattempted = "it is as it was"

    def __init__(
        self, control_plane: ControlPlane, group: str, sleep: Sleep, *, kind: IntentKind
    ) -> None:
        super().__init__(control_plane, group, sleep)
        self._kind = kind

    def is_due(self, item: Item) -> bool:
        """Tell that every transfer is journaled, even one that changes nothing but state."""
        return True

    def kind_of(self, item: Item) -> IntentKind:
        """Name the change of owner, whatever the write."""
        return self._kind

    def log_result(self, item: Item, sweep_id: str, *, is_known: bool) -> None:
        """Log how the change of owner came out."""
        log.info("transfer.ended", kind=self._kind.value, applied=item.applied, **item.log_fields)

    def log_defect(self, item: Item, error: Exception) -> None:
        """Log an exception that no change of owner may raise."""
        log.error("transfer.broke", **item.log_fields, exc_info=error)

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
        self, item: Item, name: ResourceName, deleted: DeletedResource | None = None
    ) -> None:
        deleted = deleted or DeletedResource()
        found = await self._control_plane.get(name)
        if found is None and deleted.database is None:
            raise missing_on_update(item)  # not by us, and whoever removed it may have meant it
        if found is None:
            return
        _require_as_shown(found, item)
        deleted.database = found
        try:
            await self._control_plane.delete(name)
        except NotFound:
            return


def _require_as_shown(found: Database, item: Item) -> None:
    if item.live is None or changes_between(item.live, found):
        raise conflict(
            item,
            Reason.OWNER_CHANGED,
            f"{found.name} is not as it was shown: somebody changed it meanwhile. It was left "
            "alone; look again",
        )


def _planned(item: Item) -> Database:
    if item.database is None:
        raise ValueError("what changes its owner has a database")
    return item.database


def _name(item: Item) -> ResourceName:
    return _planned(item).name
