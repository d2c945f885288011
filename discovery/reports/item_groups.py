"""Divide the items of a report by account, region or owner (`--group-by`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import Action
from discovery.model.values import Scanned
from discovery.plan.item import Item
from discovery.reports.account_names import account_label
from discovery.reports.attention import Attention, attention_of, title_of
from discovery.reports.needs import NeedKind, items_by_need, need_words
from discovery.reports.report import Report
from discovery.reports.view import GroupBy


@dataclass(frozen=True, slots=True)
class ItemGroup:
    """The items of one account, region or owner, in the order of the report."""

    key: str | None
    """None: no owner, or no region."""
    title: str
    items: tuple[Item, ...]
    needs: tuple[tuple[NeedKind, tuple[Item, ...]], ...]
    """Those that need somebody, by kind; an item may be in several."""
    unread: tuple[Scanned, ...]
    """Scopes of the account or region that were not read."""

    @property
    def pressing(self) -> tuple[Item, ...]:
        """The items that need somebody, each once, most pressing first."""
        found = {id(item): item for _, items in self.needs for item in items}
        return tuple(found.values())


_KEYS: Final[Mapping[GroupBy, Callable[[Item], str | None]]] = {
    GroupBy.ACCOUNT: lambda item: item.scope.account_id,
    GroupBy.REGION: lambda item: item.scope.region,
    GroupBy.OWNER: lambda item: item.owner or None,
}


def divide_items(report: Report, by: GroupBy) -> tuple[ItemGroup, ...]:
    """Divide all items: where most needs somebody first, then by title; `no owner` last.

    An account or region of which nothing but unread scopes is known is there too.
    """
    items: dict[str | None, list[Item]] = {}
    unread: dict[str | None, list[Scanned]] = {}
    for scanned in report.unread_scopes if by is not GroupBy.OWNER else ():
        scope = scanned.scope
        key = scope.account_id if by is GroupBy.ACCOUNT else scope.region
        unread.setdefault(key, []).append(scanned)
        items.setdefault(key, [])
    for item in report.items:
        items.setdefault(_KEYS[by](item), []).append(item)
    groups = (_group(report, by, key, those, unread.get(key, [])) for key, those in items.items())
    return tuple(sorted(groups, key=_rank))


def group_counts(group: ItemGroup, *, dry_run: bool) -> Iterator[tuple[int, str]]:
    """Count what a group holds: what needs somebody, what changes and waits, what stays."""
    if group.unread:
        words = need_words(NeedKind.UNREAD, len(group.unread), dry_run=dry_run)
        yield len(group.unread), words
    for kind, items in group.needs:
        yield len(items), need_words(kind, len(items), dry_run=dry_run)
    calm = Counter(attention_of(item, dry_run=dry_run) for item in group.items)
    for attention in (Attention.CHANGED, Attention.ADDED, Attention.WAITING):
        if calm[attention]:
            yield calm[attention], title_of(attention, dry_run=dry_run)[0].lower()
    actions = Counter(item.action for item in group.items)
    for action, word in ((Action.KEEP, "kept"), (Action.SKIPPED, "skipped")):
        if actions[action]:
            yield actions[action], word


def _group(
    report: Report, by: GroupBy, key: str | None, items: list[Item], unread: list[Scanned]
) -> ItemGroup:
    title = f"no {by.value}" if key is None else key
    if by is GroupBy.ACCOUNT and key is not None:
        title = account_label(report, key)
    found = items_by_need(items, dry_run=report.dry_run)
    return ItemGroup(key, title, tuple(items), found, tuple(unread))


def _rank(group: ItemGroup) -> tuple[bool, int, str]:
    return group.key is None, -len(group.pressing) - len(group.unread), group.title
