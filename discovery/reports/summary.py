"""Word a report as a whole: its one sentence, its heading, its guard, its early end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from discovery.model.codes import IamVerdict, ProbeOutcome, Reason
from discovery.model.ownership import IAM_LABEL
from discovery.model.values import Complete
from discovery.plan.removal_guard import GuardVerdict
from discovery.reports.attention import Attention, grouped
from discovery.reports.report import Report

_DONE: Final = {
    Attention.ADDED: "created",
    Attention.CHANGED: "updated",
    Attention.REMOVED: "removed",
}


def sentence(report: Report) -> str:
    """Sum a report up in one sentence to be read aloud; times are UTC.

    `312 caches in 41 accounts; 3 created, 1 removed; 2 scopes unread since 09:14`
    """
    parts = (_found, _happened, _turned, login_counts, _unread, _ended, _paused)
    return "; ".join(words for part in parts if (words := part(report)))


def about_run(report: Report) -> str:
    """Word when the run began and how long it took: `2026-11-23 09:24:04 UTC · 3.2 s`."""
    started = report.started_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    took = (report.finished_at - report.started_at).total_seconds()
    written = " · nothing was written" if report.dry_run else ""
    return f"{started} · {took:.1f} s{written}"


def simulated_aws(report: Report) -> tuple[str, str]:
    """Word which addresses answer instead of AWS, and for how many services."""
    addresses = ", ".join(sorted(set(report.endpoints.values())))
    return addresses, counted(len(report.endpoints), "service")


def guard_verdict(guard: GuardVerdict) -> str:
    """Word what the guard decided; its message says why."""
    if guard.refused and guard.code is not None:
        return f"refused: {guard.code.value}"
    return "lets the removals pass" if guard.removals else "nothing to weigh"


def stop_reasons(report: Report) -> Iterator[str]:
    """Say why the run did not finish; nothing for one that did."""
    if report.error:
        yield report.error
    if report.interrupted and report.stop_message:
        yield report.stop_message


def counted(count: int, one: str, many: str | None = None) -> str:
    """Word a number of things: `1 cache`, `2 caches`, `0 entries`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _found(report: Report) -> str:
    complete = [scope for scope in report.scopes if isinstance(scope, Complete)]
    caches = sum(len(scope.caches) for scope in complete)
    accounts = len({scope.scope.account_id for scope in complete})
    return f"{counted(caches, 'cache')} in {counted(accounts, 'account')}"


def _happened(report: Report) -> str:
    count = {group.attention: len(group.items) for group in grouped(report)}
    would_be = "would be " if report.dry_run else ""
    parts = [f"{count[kind]} {would_be}{word}" for kind, word in _DONE.items() if kind in count]
    if Attention.FAILED in count:
        parts.append(f"{count[Attention.FAILED]} failed")
    if Attention.UNDONE in count:
        parts.append(f"{count[Attention.UNDONE]} not done")
    waiting = count.get(Attention.SOMEONE, 0) + count.get(Attention.GUARDED, 0)
    if waiting:
        parts.append(f"{waiting} {'needs' if waiting == 1 else 'need'} someone")
    going = sum(1 for item in report.items if item.reason is Reason.WAITING)
    if going:
        parts.append(f"{going} waiting to be removed")
    unread = sum(1 for item in report.items if item.reason is Reason.REGISTRY_UNREAD)
    if unread:
        parts.append(f"{unread} not compared with what is registered")
    return ", ".join(parts) or "nothing to change"


def _turned(report: Report) -> str:
    """How many registrations say that a person can log in with IAM, and it is so no longer."""
    turned = sum(
        1
        for item in report.items
        if item.iam is not None
        and item.iam.verdict is IamVerdict.NOT_READY
        and item.live is not None
        and item.live.labels.get(IAM_LABEL) == IamVerdict.READY
    )
    return f"{turned} no longer ready for IAM login" if turned else ""


def login_counts(report: Report) -> str:
    """Count the caches that were probed, by the outcome that says most of each; empty for none."""
    probes = (item.iam.probe for item in report.items if item.iam is not None)
    count = Counter(probe.outcome for probe in probes if probe is not None)
    words = [f"{count[outcome]} {outcome.value}" for outcome in ProbeOutcome if count[outcome]]
    return f"logins: {', '.join(words)}" if words else ""


def _unread(report: Report) -> str:
    unread = report.unread_scopes
    if not unread:
        return ""
    moments = [
        report.failing_since[scope.scope] for scope in unread if scope.scope in report.failing_since
    ]
    since = f" since {clock_time(min(moments), report.finished_at)}" if moments else ""
    return f"{counted(len(unread), 'scope')} unread{since}"


def _ended(report: Report) -> str:
    if report.error is not None:
        return "not finished"
    if report.plan_changed:
        return "the plan has changed"
    return "interrupted" if report.interrupted else ""


def _paused(report: Report) -> str:
    if report.paused_until is None:
        return ""
    return f"paused until {clock_time(report.paused_until, report.finished_at)}"


def clock_time(moment: datetime, today: datetime) -> str:
    """Format a UTC time as `09:14`, with its date when it is not of today."""
    at, now = moment.astimezone(UTC), today.astimezone(UTC)
    return at.strftime("%H:%M" if at.date() == now.date() else "%Y-%m-%d %H:%M")
