"""The list of caches and registrations: which are on the page, in what groups, found by what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import Action, FindingCode, IamVerdict
from discovery.plan.item import Item
from discovery.reports.account_names import account_label
from discovery.reports.attention import Attention, attention_of, title_of
from discovery.reports.html.charts import UNJUDGED, VERDICT_WORDS
from discovery.reports.item_groups import divide_items
from discovery.reports.needs import NeedKind, kinds_of, needs
from discovery.reports.report import Report
from discovery.reports.safe_text import NAME_LIMIT, shortened
from discovery.reports.view import Detail, GroupBy, View

EVERY_ITEM: Final = 2_000
"""Up to so many items all are listed; of more, those that need somebody."""
MOST: Final = 2_000
"""Of those that need somebody, and `MOST_IN_FULL` of all: what a browser shows within seconds."""
MOST_IN_FULL: Final = 20_000
OPEN: Final = 12
"""A list of so few caches is seen without opening it."""
PRINTED: Final = 25
"""Caches of a group that are printed."""
NO_OWNER: Final = "(none)"
"""The value of the filter `owner` for caches whose owner is not known."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as it is listed, with what it needs somebody for."""

    item: Item
    needs: tuple[NeedKind, ...]


@dataclass(frozen=True, slots=True)
class CacheGroup:
    """Items that are listed under one heading."""

    anchor: str
    """The filter that shows its items alone, and more of their kind listed elsewhere."""
    title: str
    remark: str
    entries: tuple[Entry, ...]

    @property
    def pressing(self) -> int:
        """How many of them need somebody."""
        return sum(1 for entry in self.entries if entry.needs)

    @property
    def unprinted(self) -> int:
        """How many of those that need somebody are beyond what is printed."""
        return max(0, self.pressing - PRINTED)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter, with words and a count of the listed items that have it."""

    value: str
    words: str
    count: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A field of the form that filters the list, and of the page's address."""

    key: str
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class CacheList:
    """The listed items by group, what they can be filtered by, and how many are left out."""

    groups: tuple[CacheGroup, ...]
    filters: tuple[Filter, ...]
    total: int
    listed: int
    needing: int
    """How many of all items need somebody."""

    @property
    def left_out(self) -> int:
        """How many items are not on the page."""
        return self.total - self.listed

    @property
    def is_open(self) -> bool:
        """Whether the groups are open from the start."""
        return self.listed <= OPEN


def cache_list(report: Report, view: View) -> CacheList:
    """Choose the items of the page, group them, and collect what they can be filtered by."""
    entries = [
        Entry(item, tuple(sorted(kinds_of(item, dry_run=report.dry_run), key=_PLACES.__getitem__)))
        for item in report.items
    ]
    listed = _listed(entries, view.detail)
    return CacheList(
        groups=tuple(_grouped(listed, report, view.group_by)),
        filters=tuple(_filters(listed, report)),
        total=len(entries),
        listed=len(listed),
        needing=sum(1 for entry in entries if entry.needs),
    )


def _listed(entries: list[Entry], detail: Detail) -> list[Entry]:
    all_fit = len(entries) <= EVERY_ITEM and detail is not Detail.SUMMARY
    if all_fit or detail is Detail.FULL:
        return sorted(entries, key=_urgency)[:MOST_IN_FULL]
    return sorted((entry for entry in entries if entry.needs), key=_urgency)[:MOST]


def _urgency(entry: Entry) -> int:
    """Place among the kinds of what needs somebody; last for what needs nobody."""
    return _PLACES[entry.needs[0]] if entry.needs else len(_PLACES)


_PLACES: Final = {kind: place for place, kind in enumerate(NeedKind)}


def _grouped(listed: list[Entry], report: Report, group_by: GroupBy | None) -> Iterator[CacheGroup]:
    if group_by is None:
        yield from _by_need(listed, report)
        return
    found = {id(entry.item): entry for entry in listed}
    for group in divide_items(report, group_by):
        entries = [found[id(item)] for item in group.items if id(item) in found]
        if entries:
            anchor = f"{group_by.value}={group.key or NO_OWNER}"
            yield CacheGroup(anchor, group.title, "", tuple(sorted(entries, key=_urgency)))


def _by_need(listed: list[Entry], report: Report) -> Iterator[CacheGroup]:
    """Group by the most pressing need, then, of what needs nobody, by what becomes of it."""
    for need in needs(report):
        own = tuple(entry for entry in listed if entry.needs[:1] == (need.kind,))
        above = sum(need.kind in entry.needs[1:] for entry in listed)
        if own or above:
            remark = f"and {above} of those above" if above else ""
            yield CacheGroup(
                f"needs={need.kind}", need.words[:1].upper() + need.words[1:], remark, own
            )
    rest: dict[tuple[str, str], list[Entry]] = {
        title_of(attention, dry_run=report.dry_run): [] for attention in Attention
    }
    for entry in listed:
        if not entry.needs:
            rest.setdefault(_title_of_rest(entry.item, dry_run=report.dry_run), []).append(entry)
    for (title, remark), entries in rest.items():
        if entries:
            yield CacheGroup("", title, remark, tuple(entries))


def _title_of_rest(item: Item, *, dry_run: bool) -> tuple[str, str]:
    attention = attention_of(item, dry_run=dry_run)
    if attention is not Attention.QUIET:
        return title_of(attention, dry_run=dry_run)
    if item.action is Action.KEEP:
        return "Kept", "nothing to do"
    return "Not wanted", "and not registered"


# -- filters -------------------------------------------------------------------------------------

_VALUES: Final[Mapping[str, Callable[[Item], str]]] = {
    "action": lambda item: item.action.value,
    "verdict": lambda item: item.iam.verdict.value if item.iam else "none",
    "account": lambda item: item.scope.account_id,
    "region": lambda item: item.scope.region or "",
    "owner": lambda item: item.owner or NO_OWNER,
}
"""The value of each filter that an item has one of."""


def row_values(entry: Entry) -> dict[str, str]:
    """Return what a row is found by: the attributes `data-…` of the page."""
    values = {key: of(entry.item) for key, of in _VALUES.items()}
    findings = entry.item.iam.findings if entry.item.iam else ()
    codes = sorted({finding.code.value for finding in findings})
    return {"needs": " ".join(entry.needs), "finding": " ".join(codes), **values}


def _filters(listed: Iterable[Entry], report: Report) -> Iterator[Filter]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in listed:
        for key, value in row_values(entry).items():
            values = value.split() if key in ("needs", "finding") else [value]
            counts[key].update(values)
    for key, label in _LABELS.items():
        order = _ORDERS.get(key) or sorted(counts[key])
        choices = tuple(
            Choice(value, _words(key, value, report), counts[key][value])
            for value in order
            if counts[key][value]
        )
        if len(choices) > 1 or (choices and key in ("needs", "finding")):
            yield Filter(key, label, choices)


def _words(key: str, value: str, report: Report) -> str:
    """How a value is called on the page."""
    if key == "account":
        return shortened(account_label(report, value), NAME_LIMIT)
    if key == "needs":
        return value.replace("-", " ")
    if key == "verdict":
        return VERDICT_WORDS[IamVerdict(value)] if value != "none" else UNJUDGED
    if key == "owner" and value == NO_OWNER:
        return "no owner known"
    return shortened(value, NAME_LIMIT) if value else "none"


_LABELS: Final = {
    "needs": "Needs somebody",
    "action": "Action",
    "verdict": "IAM login",
    "finding": "Finding",
    "account": "Account",
    "region": "Region",
    "owner": "Owner",
}
_ORDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "needs": tuple(NeedKind),
    "action": tuple(Action),
    "verdict": (*IamVerdict, "none"),
    "finding": tuple(FindingCode),
}
