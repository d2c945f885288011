"""Count what needs somebody, the most pressing first: what every report begins with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from discovery.model.codes import Action, IamVerdict, Severity
from discovery.model.values import Scanned
from discovery.plan.item import Item
from discovery.reports.attention import Attention, attention_of
from discovery.reports.coverage import lacks_a_fact, reason_of
from discovery.reports.exit import is_expected
from discovery.reports.report import Report


class NeedKind(StrEnum):
    """Why something needs somebody, the most pressing first."""

    UNREAD = "unread"
    PARTLY_READ = "partly-read"
    FAILED = "failed"
    UNDONE = "not-done"
    REFUSED = "refused"
    REMOVED = "removed"
    CONFLICT = "conflict"
    BLOCKED = "blocked"
    NOT_READY = "not-ready"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Need:
    """Scopes or items that need somebody for one kind of reason; one item may be in several."""

    kind: NeedKind
    sign: str
    words: str
    """The words behind the number: `scopes unread`, `would be removed`."""
    scopes: tuple[Scanned, ...] = ()
    items: tuple[Item, ...] = ()
    reasons: tuple[tuple[str, int], ...] = ()
    """Codes with their counts, the most frequent first; an item may have more than one."""

    @property
    def count(self) -> int:
        """How many scopes or items there are."""
        return len(self.scopes) + len(self.items)


_OF_ATTENTION: Final = {
    Attention.FAILED: NeedKind.FAILED,
    Attention.UNDONE: NeedKind.UNDONE,
    Attention.GUARDED: NeedKind.REFUSED,
    Attention.REMOVED: NeedKind.REMOVED,
}
_OF_ACTION: Final = {Action.CONFLICT: NeedKind.CONFLICT, Action.BLOCKED: NeedKind.BLOCKED}
_OF_VERDICT: Final = {
    IamVerdict.NOT_READY: NeedKind.NOT_READY,
    IamVerdict.UNKNOWN: NeedKind.UNKNOWN,
}
_WORDS: Final[Mapping[NeedKind, tuple[str, str, str]]] = {
    NeedKind.UNREAD: ("!", "scope unread", "scopes unread"),
    NeedKind.PARTLY_READ: ("?", "scope partly read", "scopes partly read"),
    NeedKind.FAILED: ("!", "failed", "failed"),
    NeedKind.UNDONE: ("!", "not done", "not done"),
    NeedKind.REFUSED: ("!", "removal refused", "removals refused"),
    NeedKind.REMOVED: ("-", "removed", "removed"),
    NeedKind.CONFLICT: ("!", "conflict", "conflicts"),
    NeedKind.BLOCKED: ("!", "blocked", "blocked"),
    NeedKind.NOT_READY: ("!", "not ready for IAM login", "not ready for IAM login"),
    NeedKind.UNKNOWN: ("?", "IAM login unknown", "IAM login unknown"),
}


def needs(report: Report) -> tuple[Need, ...]:
    """Count what needs somebody by kind, most pressing first; kinds without any are left out.

    A scope whose failure is expected needs nobody.
    """
    items = items_by_need(report.items, dry_run=report.dry_run)
    return (*_scope_needs(report), *(_need(kind, found, report) for kind, found in items))


def needs_somebody(item: Item, *, dry_run: bool) -> bool:
    """Tell whether an item counts in `needs`."""
    return any(True for _ in kinds_of(item, dry_run=dry_run))


def items_by_need(
    items: Iterable[Item], *, dry_run: bool
) -> tuple[tuple[NeedKind, tuple[Item, ...]], ...]:
    """Divide the items that need somebody by kind, most pressing first."""
    found: dict[NeedKind, list[Item]] = {kind: [] for kind in NeedKind}
    for item in items:
        for kind in kinds_of(item, dry_run=dry_run):
            found[kind].append(item)
    return tuple((kind, tuple(those)) for kind, those in found.items() if those)


def kinds_of(item: Item, *, dry_run: bool) -> Iterator[NeedKind]:
    """Yield the kinds of need in which an item counts."""
    kind = _OF_ATTENTION.get(attention_of(item, dry_run=dry_run)) or _OF_ACTION.get(item.action)
    if kind is not None:
        yield kind
    verdict = item.iam and _OF_VERDICT.get(item.iam.verdict)
    if verdict:
        yield verdict


def _scope_needs(report: Report) -> Iterator[Need]:
    unread = tuple(one for one in report.unread_scopes if not is_expected(one.scope, report))
    partly = tuple(one for one in report.scopes if lacks_a_fact(one))
    if unread:
        yield _scopes_need(NeedKind.UNREAD, unread, map(reason_of, unread))
    if partly:
        codes = (note.code.value for one in partly for note in one.notes)
        yield _scopes_need(NeedKind.PARTLY_READ, partly, codes)


def need_words(kind: NeedKind, count: int, *, dry_run: bool) -> str:
    """Return the words behind the number of a kind: `scopes unread`, `would be removed`."""
    _, one, many = _WORDS[kind]
    would_be = "would be " if dry_run and kind is NeedKind.REMOVED else ""
    return would_be + (one if count == 1 else many)


def _need(kind: NeedKind, items: tuple[Item, ...], report: Report) -> Need:
    reasons = (code for item in items for code in _REASONS.get(kind, _reason)(item))
    words = need_words(kind, len(items), dry_run=report.dry_run)
    return Need(kind, _WORDS[kind][0], words, items=items, reasons=_counts(reasons))


def _scopes_need(kind: NeedKind, scopes: tuple[Scanned, ...], reasons: Iterable[str]) -> Need:
    words = need_words(kind, len(scopes), dry_run=True)
    return Need(kind, _WORDS[kind][0], words, scopes=scopes, reasons=_counts(reasons))


def _counts(reasons: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(reasons).items(), key=lambda reason: (-reason[1], reason[0])))


def _reason(item: Item) -> tuple[str, ...]:
    return (item.reason.value,)


def _error(item: Item) -> tuple[str, ...]:
    return (item.error.code,) if item.error else ()


def _blockers(item: Item) -> Iterable[str]:
    found = item.iam.findings if item.iam else ()
    return sorted({one.code.value for one in found if one.severity is Severity.BLOCKER})


def _unknowns(item: Item) -> Iterable[str]:
    found = item.iam.findings if item.iam else ()
    return sorted({one.code.value for one in found if one.severity is Severity.WARNING})


_REASONS: Final[Mapping[NeedKind, Callable[[Item], Iterable[str]]]] = {
    NeedKind.FAILED: _error,
    NeedKind.NOT_READY: _blockers,
    NeedKind.UNKNOWN: _unknowns,
}
"""What is counted of the items of a kind, where it is not their reason."""
