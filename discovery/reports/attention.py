"""Which items of a report need a person, and in what order they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from discovery.codes import Action, Reason
from discovery.enrollment.item import Item
from discovery.reports.report import Report

GUARDED = frozenset(
    {Reason.GUARD_COUNT, Reason.GUARD_PERCENT, Reason.GUARD_EMPTY, Reason.REGISTRY_SHRANK}
)
"""Reasons for which a guard held an item back."""


class Attention(Enum):
    """How much an item wants to be seen; the most pressing first."""

    FAILED = "failed"
    UNDONE = "not done"
    """Planned, but the sweep ended before it."""
    SOMEONE = "needs someone"
    GUARDED = "refused by the guard"
    REMOVED = "removals"
    CHANGED = "changes"
    ADDED = "new"
    WAITING = "waiting"
    QUIET = "quiet"
    """Kept as it is, or not wanted: counted, not listed."""


_INTERRUPTED = "INTERRUPTED"
"""The error of an item whose turn did not come (`discovery.apply`)."""

_OF_ACTION = {
    Action.BLOCKED: Attention.SOMEONE,
    Action.CONFLICT: Attention.SOMEONE,
    Action.DELETE: Attention.REMOVED,
    Action.UPDATE: Attention.CHANGED,
    Action.CREATE: Attention.ADDED,
    Action.HELD: Attention.WAITING,
    Action.KEEP: Attention.QUIET,
    Action.SKIPPED: Attention.QUIET,
}


@dataclass(frozen=True, slots=True)
class Group:
    """The items of one kind of attention, in the report's order."""

    attention: Attention
    items: tuple[Item, ...]


def attention_of(item: Item, *, dry_run: bool) -> Attention:
    """Why, if at all, a person would look at this item."""
    if item.error is not None and item.error.code != _INTERRUPTED:
        return Attention.FAILED
    if item.action.writes and not dry_run and item.applied is not True:
        return Attention.UNDONE
    if item.action is Action.HELD and item.reason in GUARDED:
        return Attention.GUARDED
    return _OF_ACTION[item.action]


def grouped(report: Report) -> tuple[Group, ...]:
    """The items by attention, most pressing first; kinds without an item are left out."""
    found: dict[Attention, list[Item]] = {attention: [] for attention in Attention}
    for item in report.items:
        found[attention_of(item, dry_run=report.dry_run)].append(item)
    return tuple(Group(attention, tuple(group)) for attention, group in found.items() if group)
