"""Conditions that last, and which of them begin and end with a sweep. Pure.

People are told of a condition once when it begins and once when it ends. What they were told of is
kept in state, so neither a restart nor a sweep of another process tells it again or loses it. What
a sweep could not find out changes nothing (R1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from discovery.config.notify import NotifyKind
from discovery.model.codes import Action, IamVerdict
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Complete, Failed, Scanned, Skipped
from discovery.plan.item import Item
from discovery.reports.exit import is_expected
from discovery.reports.present_scopes import PresentScopes, is_region_disabled
from discovery.reports.report import Report

Conditions = Mapping[NotifyKind, frozenset[str]]
"""What holds, by kind: codes of the guard, scopes, ARNs or names."""

LASTING: Final = (
    NotifyKind.REFUSED,
    NotifyKind.SCOPE_FAILING,
    NotifyKind.NOT_READY,
    NotifyKind.CONFLICT,
)
"""The kinds that are conditions; `scope_back` is the end of one."""
_JUDGED: Final = (Action.CREATE, Action.UPDATE, Action.KEEP, Action.HELD, Action.BLOCKED)


def next_conditions(
    before: Conditions, report: Report, kinds: Iterable[NotifyKind], *, whole: bool
) -> dict[NotifyKind, frozenset[str]]:
    """Work out what holds after a sweep.

    Args:
        before: What held before it.
        report: Of the sweep.
        kinds: What anybody wants to be told. Nothing is kept of others, so whoever asks for one
            later hears of all that holds then.
        whole: False for a re-scan, whose guard and scopes are a part.
    """
    wanted = set(kinds)
    if NotifyKind.SCOPE_BACK in wanted:
        wanted.add(NotifyKind.SCOPE_FAILING)
    has_plan = report.error is None and not report.interrupted
    after: dict[NotifyKind, frozenset[str]] = {}
    for kind in LASTING:
        if kind in wanted:
            known = before.get(kind, frozenset())
            is_judged = has_plan or kind is NotifyKind.SCOPE_FAILING
            after[kind] = _NEXT[kind](known, report, whole) if is_judged else known
    return after


def key_of(item: Item) -> str:
    """What an item is known by among conditions: its ARN, else its name."""
    return item.arn or item.name or ""


def is_unready(item: Item) -> bool:
    """Tell whether nobody can log in with IAM to a cache that is wanted or registered."""
    is_refused = item.iam is not None and item.iam.verdict is IamVerdict.NOT_READY
    return is_refused and item.action in _JUDGED


def is_conflict(item: Item) -> bool:
    """Tell whether the item is of something that is not ours."""
    return item.action is Action.CONFLICT


def _refusals(before: frozenset[str], report: Report, whole: bool) -> frozenset[str]:  # noqa: FBT001 - of a table
    guard = report.guard
    now = frozenset({guard.code.value} if guard.refused and guard.code is not None else ())
    return now if whole else before | now


def _failing(before: frozenset[str], report: Report, whole: bool) -> frozenset[str]:  # noqa: FBT001
    now = {
        str(each.scope)
        for each in report.scopes
        if isinstance(each, Failed) and not is_expected(each.scope, report)
    }
    read = [each.scope for each in report.scopes if not _is_left_out(each)]
    entered = {each.account_id for each in read if each.region is not None}
    decided = {str(each) for each in read} | entered
    present = PresentScopes(report)
    kept = {key for key in before - decided if not whole or _key(key) in present}
    return frozenset(now | kept)


def _unready(before: frozenset[str], report: Report, whole: bool) -> frozenset[str]:  # noqa: FBT001
    holds = {key_of(item) for item in report.items if is_unready(item)}
    open_ = {key_of(item) for item in report.items if _is_verdict_open(item)}
    return frozenset(holds | (before & open_) | _unseen(before, report, whole=whole))


def _conflicts(before: frozenset[str], report: Report, whole: bool) -> frozenset[str]:  # noqa: FBT001
    holds = {key_of(item) for item in report.items if is_conflict(item)}
    open_ = {key_of(item) for item in report.items if item.is_inconclusive}
    return frozenset(holds | (before & open_) | _unseen(before, report, whole=whole))


_NEXT: Final = {
    NotifyKind.REFUSED: _refusals,
    NotifyKind.SCOPE_FAILING: _failing,
    NotifyKind.NOT_READY: _unready,
    NotifyKind.CONFLICT: _conflicts,
}


def _is_verdict_open(item: Item) -> bool:
    if item.iam is None:
        return item.is_inconclusive or item.action is Action.HELD
    return item.iam.verdict is IamVerdict.UNKNOWN


def _unseen(before: frozenset[str], report: Report, *, whole: bool) -> set[str]:
    """Those that the report does not name and that may be there all the same."""
    absent = before - {key_of(item) for item in report.items}
    read = {each.scope for each in report.scopes if isinstance(each, Complete)}
    present = PresentScopes(report)
    kept = set()
    for key in absent:
        cache = parse_cache_arn(key)
        if cache is None:
            is_gone = whole and report.complete
        else:
            is_gone = cache.scope in read or (whole and cache.scope.key not in present)
        if not is_gone:
            kept.add(key)
    return kept


def _is_left_out(scanned: Scanned) -> bool:
    return isinstance(scanned, Skipped) and not is_region_disabled(scanned)


def _key(scope: str) -> tuple[str, str]:
    account_id, _, region = scope.partition("/")
    return account_id, region
