"""Group items and scopes that say the same, so that a report says it once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from discovery.model.codes import Action, Reason, ScopeReason
from discovery.model.values import Complete, Scanned, Scope
from discovery.plan.item import Item
from discovery.reports.common_text import Pattern, common_text, pattern_of

Kind = TypeVar("Kind", bound=Hashable)
Member = TypeVar("Member")


@dataclass(frozen=True, slots=True)
class MessageGroup(Generic[Kind, Member]):
    """Members of one kind with one message, in the order of the report."""

    kind: Kind
    message: str
    """What all of them say; `…` where they differ. May be empty."""
    members: tuple[Member, ...]
    is_exact: bool
    """True when that is all of what every member says, but for its own name and place."""


ItemMessageGroup = MessageGroup[tuple[Action, Reason], Item]
ScopeMessageGroup = MessageGroup[ScopeReason | None, Scanned]


def group_items(items: Iterable[Item]) -> tuple[ItemMessageGroup, ...]:
    """Group items of one action and reason that say the same, the largest group first.

    What an item says is its error, where it has one.
    """
    return group_by_message(
        items,
        kind=lambda item: (item.action, item.reason),
        message=message_of,
        own_words=lambda item: (item.name, item.previous_name),
        beside=lambda item: (item.cache, *_place(item.scope)),
    )


def group_scopes(scopes: Iterable[Scanned]) -> tuple[ScopeMessageGroup, ...]:
    """Group scopes by why they were not, or not wholly, read, the largest group first."""
    return group_by_message(
        scopes,
        kind=lambda scanned: None if isinstance(scanned, Complete) else scanned.reason,
        message=lambda scanned: scanned.message,
        own_words=lambda _: (),
        beside=lambda scanned: _place(scanned.scope),
    )


def group_by_message(
    members: Iterable[Member],
    *,
    kind: Callable[[Member], Kind],
    message: Callable[[Member], str],
    own_words: Callable[[Member], Iterable[str | None]],
    beside: Callable[[Member], Iterable[str | None]],
) -> tuple[MessageGroup[Kind, Member], ...]:
    """Group members of one kind that say the same (`common_text.pattern_of`)."""
    found: dict[tuple[Kind, str], list[tuple[Member, Pattern]]] = {}
    for member in members:
        pattern = pattern_of(message(member), own_words(member), beside(member))
        found.setdefault((kind(member), pattern.literal), []).append((member, pattern))
    groups = (_group(key, those) for (key, _), those in found.items())
    return tuple(sorted(groups, key=lambda group: -len(group.members)))


def message_of(item: Item) -> str:
    """Return what an item says: its error, where it has one, else why it has its action."""
    return f"{item.error.code}: {item.error.message}" if item.error else item.message


def _group(kind: Kind, those: list[tuple[Member, Pattern]]) -> MessageGroup[Kind, Member]:
    patterns = [pattern for _, pattern in those]
    members = tuple(member for member, _ in those)
    is_exact = len({pattern.masked for pattern in patterns}) == 1
    return MessageGroup(kind, common_text(patterns), members, is_exact)


def _place(scope: Scope) -> tuple[str | None, ...]:
    return str(scope), scope.account_id, scope.region
