"""Group the items of a report by how much they need a person, most pressing first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from discovery.model.codes import Action, Reason
from discovery.plan.item import Item
from discovery.reports.report import Report
from discovery.reports.signs import SIGNS

GUARDED = frozenset(
    {Reason.GUARD_COUNT, Reason.GUARD_PERCENT, Reason.GUARD_EMPTY, Reason.REGISTRY_SHRANK}
)
"""Reasons for which a guard held an item back."""


class Attention(Enum):
    """How much an item needs a person, the most pressing first."""

    FAILED = "failed"
    UNDONE = "not done"
    """Planned, but the sweep ended before it, or was paused."""
    GUARDED = "refused by the guard"
    REMOVED = "removals"
    SOMEONE = "needs someone"
    CHANGED = "changes"
    ADDED = "new"
    WAITING = "waiting"
    QUIET = "quiet"
    """Kept as it is, or not wanted: counted, not listed."""


_INTERRUPTED = "INTERRUPTED"
"""The error of an item whose turn did not come (`discovery.sweep.apply`)."""

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

_TITLES: Final = {
    Attention.FAILED: ("Failed", "the next sweep tries again"),
    Attention.UNDONE: ("Not done", "planned, and not written"),
    Attention.GUARDED: ("Refused", "removals that the guard held back"),
    Attention.REMOVED: ("Removed", ""),
    Attention.SOMEONE: ("Needs someone", "stays like this until a person changes something"),
    Attention.CHANGED: ("Updated", ""),
    Attention.ADDED: ("Created", ""),
    Attention.WAITING: ("Waiting", "for evidence, time or permission"),
    Attention.QUIET: ("Nothing to do", ""),
}
_WOULD_BE: Final = frozenset({Attention.REMOVED, Attention.CHANGED, Attention.ADDED})

PRESSING: Final = (Attention.FAILED, Attention.UNDONE, Attention.GUARDED, Attention.SOMEONE)
"""What does not pass by itself, or did not go as planned."""

URGENT: Final = frozenset({*PRESSING, Attention.REMOVED})
"""What is listed first."""


@dataclass(frozen=True, slots=True)
class Group:
    """The items of one kind of attention, in the order of the report."""

    attention: Attention
    items: tuple[Item, ...]


def attention_of(item: Item, *, dry_run: bool) -> Attention:
    """Decide how much an item needs a person."""
    if item.error is not None and item.error.code != _INTERRUPTED:
        return Attention.FAILED
    if item.action.writes and not dry_run and item.applied is not True:
        return Attention.UNDONE
    if item.action is Action.HELD and item.reason in GUARDED:
        return Attention.GUARDED
    return _OF_ACTION[item.action]


def title_of(attention: Attention, *, dry_run: bool) -> tuple[str, str]:
    """Return the title of a group and the remark beside it, which may be empty."""
    title, remark = _TITLES[attention]
    return (f"Would be {title.lower()}" if dry_run and attention in _WOULD_BE else title, remark)


def grouped(report: Report) -> tuple[Group, ...]:
    """Group the items by attention, most pressing first; empty groups are left out."""
    found: dict[Attention, list[Item]] = {attention: [] for attention in Attention}
    for item in report.items:
        found[attention_of(item, dry_run=report.dry_run)].append(item)
    return tuple(Group(attention, tuple(group)) for attention, group in found.items() if group)


def pressing_items(groups: Iterable[Group]) -> tuple[Item, ...]:
    """List the items that do not pass by themselves, or did not go as planned."""
    return tuple(item for group in groups if group.attention in PRESSING for item in group.items)


def unchanged_line(items: tuple[Item, ...]) -> str:
    """Count what stays as it is: `= 300 keep   . 12 skipped (ENGINE 2, NO_MATCHER 10)`."""
    parts = []
    for action in (Action.KEEP, Action.SKIPPED):
        reasons = Counter(item.reason for item in items if item.action is action)
        if not reasons:
            continue
        detail = ", ".join(f"{reason.value} {count}" for reason, count in sorted(reasons.items()))
        shown = f" ({detail})" if action is Action.SKIPPED else ""
        parts.append(f"{SIGNS[action]} {reasons.total()} {action.value}{shown}")
    return "   ".join(parts)
