"""Write changes of owner one by one (R2, R6).

Where a sweep goes on from what it finds, this stops: each resource is read again and must be the
one that a person was shown. Nobody has agreed to anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import structlog

from discovery.control_plane.base import Denied
from discovery.model.codes import Reason
from discovery.model.values import Database, ResourceName
from discovery.plan.item import Item
from discovery.plan.resource import changes_between
from discovery.sweep.write_result import conflict, missing_on_update
from discovery.sweep.write_strategy import planned_database
from state.records import IntentKind

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TransferStrategy:
    """Write to somebody else's resource, or take our labels off ours, exactly as it was shown."""

    kind: IntentKind
    if_unattempted: ClassVar[str] = "it is as it was"

    def is_due(self, item: Item) -> bool:
        """Tell that every transfer is journaled, even one that changes nothing but state."""
        return True

    def kind_of(self, item: Item) -> IntentKind:
        """Name the change of owner, whatever the write."""
        return self.kind

    def updated(self, item: Item, found: Database) -> Database:
        """Return what the person was shown."""
        target = planned_database(item)
        if changes_between(found, target):  # else the answer to an earlier attempt was lost
            _require_as_shown(item, found)
        return replace(target, revision=found.revision, opaque=found.opaque)

    def check_delete(self, item: Item, found: Database) -> None:
        """Check that it is what the person was shown."""
        _require_as_shown(item, found)

    def check_absent(self, item: Item) -> None:
        """Refuse it: somebody else removed the resource, and may have meant it."""
        raise missing_on_update(item)

    def check_denied(self, item: Item, name: ResourceName, error: Denied) -> None:
        """Let it be a failure: whose the resource is does not follow from it."""

    def log_result(self, item: Item, sweep_id: str, *, is_known: bool) -> None:
        """Log how the change of owner came out."""
        log.info("transfer.ended", kind=self.kind.value, applied=item.applied, **item.log_fields)

    def log_defect(self, item: Item, error: Exception) -> None:
        """Log an exception that no change of owner may raise."""
        log.error("transfer.broke", **item.log_fields, exc_info=error)


def _require_as_shown(item: Item, found: Database) -> None:
    if item.live is None or changes_between(item.live, found):
        raise conflict(
            item,
            Reason.OWNER_CHANGED,
            f"{found.name} is not as it was shown: somebody changed it meanwhile. It was left "
            "alone; look again",
        )
