"""What a run of writes requires of each resource, and what the journal and the log say of it.

`write.Writer` makes the calls of a sweep and of a change of owner alike; a strategy decides from
each resource, as it was read just before a call, whether and what is written to it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar, Protocol

import structlog

from discovery.control_plane.base import Denied
from discovery.model.codes import Action, Reason
from discovery.model.ownership import CacheArn, owner_of
from discovery.model.values import Database, ResourceName
from discovery.plan.item import Item
from discovery.plan.removal import CACHE_GOES
from discovery.plan.resource import three_way_merge
from discovery.sweep.write_result import no_longer_visible, owner_changed, restored_unlisted
from state.records import IntentKind

log = structlog.get_logger()


class WriteStrategy(Protocol):
    """Decide what is written to a resource as it is now. Every check raises WriteAborted."""

    if_unattempted: ClassVar[str]
    """What becomes of an item that was not attempted."""

    def is_due(self, item: Item) -> bool:
        """Tell whether an item is to be journaled and written."""
        ...

    def kind_of(self, item: Item) -> IntentKind:
        """Return the kind of intent that the journal keeps of an item."""
        ...

    def updated(self, item: Item, found: Database) -> Database:
        """Return what to write over the resource; equal to it when nothing is left to write."""
        ...

    def check_delete(self, item: Item, found: Database) -> None:
        """Check that the resource may be deleted."""
        ...

    def check_absent(self, item: Item) -> None:
        """Check that a delete may find nothing to delete, though this item deleted nothing."""
        ...

    def check_denied(self, item: Item, name: ResourceName, error: Denied) -> None:
        """Check whether it is a conflict that a resource may not be read; else it is a failure."""
        ...

    def log_result(self, item: Item, sweep_id: str, *, is_known: bool) -> None:
        """Log the outcome of an item; `is_known`: an earlier sweep logged the same failure."""
        ...

    def log_defect(self, item: Item, error: Exception) -> None:
        """Log an exception that no write may raise, with where it happened."""
        ...


@dataclass(frozen=True, slots=True)
class SweepStrategy:
    """Write only to what is ours, and keep what others changed there since it was listed (R2)."""

    group: str
    if_unattempted: ClassVar[str] = "the next sweep does"

    def is_due(self, item: Item) -> bool:
        """Tell whether the plan has the item written."""
        return item.action.writes

    def kind_of(self, item: Item) -> IntentKind:
        """Name the kind of write."""
        return intent_kind(item)

    def updated(self, item: Item, found: Database) -> Database:
        """Merge the planned changes into the resource."""
        self._require_ours(item, found)
        return rebase(item, found)

    def check_delete(self, item: Item, found: Database) -> None:
        """Check that it is ours, and none that another agent registered after our removal."""
        self._require_ours(item, found)
        is_another = item.live is not None and found.revision != item.live.revision
        if item.removed_before and is_another and item.reason not in CACHE_GOES:
            raise restored_unlisted(item, found.name, self.group)

    def check_absent(self, item: Item) -> None:
        """Accept it: the resource was to be removed."""

    def check_denied(self, item: Item, name: ResourceName, error: Denied) -> None:
        """Report a conflict: a role that is limited by labels sees only what is ours."""
        raise no_longer_visible(item, name, error) from error

    def log_result(self, item: Item, sweep_id: str, *, is_known: bool) -> None:
        """Log the outcome; a failure that is known already only at level debug."""
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
        """Log it as a defect of this item's write."""
        log.error("item.broke", **item.log_fields, exc_info=error)

    def _require_ours(self, item: Item, found: Database) -> None:
        if not is_registration_of(item, found, self.group):
            raise owner_changed(item, found.name)


def intent_kind(item: Item) -> IntentKind:
    """Return the kind of write that carries out an item that writes."""
    if item.action is Action.CREATE:
        return IntentKind.CREATE
    if item.action is Action.DELETE:
        return IntentKind.DELETE
    if item.reason is Reason.RENAMED:
        return IntentKind.RENAME
    return IntentKind.REPLACE if item.replaces else IntentKind.UPDATE


def is_registration_of(item: Item, found: Database, group: str) -> bool:
    """Tell whether a resource is the group's registration of the item's cache."""
    owner = owner_of(found, group)
    return isinstance(owner, CacheArn) and owner.arn == item.arn


def rebase(item: Item, found: Database | None) -> Database:
    """Merge the planned changes into the resource as it was just read."""
    planned = planned_database(item)
    if found is None:
        return planned
    return three_way_merge(planned, item.live if item.live is not None else found, found)


def planned_database(item: Item) -> Database:
    """Return what the item registers. Raises: ValueError, when it registers nothing."""
    if item.database is None:
        raise ValueError("an item that registers has a database")
    return item.database
