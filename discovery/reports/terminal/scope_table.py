"""Print which scopes were read, and why the others were not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console

from discovery.model.codes import ScopeStatus
from discovery.model.values import Complete, Scanned, Scope
from discovery.reports.coverage import coverage, has_remark, reason_of, unlisted_reasons
from discovery.reports.report import Report
from discovery.reports.signs import SCOPE_SIGNS
from discovery.reports.summary import clock_time, counted
from discovery.reports.terminal.style import SCOPE_STYLES, cell, heading
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run

_INDENT: Final = 3
_LISTED: Final = 10
"""Skipped scopes listed; more are counted by reason unless all are asked for."""


def print_scopes(report: Report, console: Console, *, verbose: bool) -> None:
    """Print scopes that were not, or not wholly, read with the reason; count the others."""
    console.print(heading("Scopes", coverage(report)))
    listed = _listed(report, verbose=verbose)
    repeats = repeated_messages((scanned.scope, scanned.message) for scanned in listed)
    entries = (_entry(scanned, report, repeats.get(scanned.scope)) for scanned in listed)
    print_entries(entries, console, indent=_INDENT)
    for reason, count in sorted(unlisted_reasons(report, listed).items()):
        console.print(cell(f"and {count} more with {reason}; -v lists them", "dim"))
    console.print()


def repeated_messages(messages: Iterable[tuple[Scope, str]]) -> dict[Scope, Scope]:
    """Map each scope whose message repeats that of an earlier scope to that scope."""
    first: dict[str, Scope] = {}
    found: dict[Scope, Scope] = {}
    for scope, message in messages:
        apart = message.replace(str(scope), "…").replace(scope.account_id, "…")
        same = first.setdefault(apart.replace(scope.region or "…", "…"), scope)
        if message and same != scope:
            found[scope] = same
    return found


def _listed(report: Report, *, verbose: bool) -> tuple[Scanned, ...]:
    if verbose:
        return report.scopes
    partly = [scan for scan in report.scopes if has_remark(scan)]
    unread = report.unread_scopes
    skipped = [
        scan for scan in report.scopes if scan.status is ScopeStatus.SKIPPED and scan not in unread
    ]
    return (*unread, *partly, *skipped[:_LISTED])


def _entry(scanned: Scanned, report: Report, repeats: Scope | None) -> Entry:
    """The scope, how it ended and since when; then why, or of which one it repeats."""
    sign = "?" if has_remark(scanned) else SCOPE_SIGNS[scanned.status]
    ended = reason_of(scanned)
    if isinstance(scanned, Complete):
        ended = counted(len(scanned.caches), "cache")
    stands = [ended]
    since = report.failing_since.get(scanned.scope)
    if since is not None:
        stands.append(f"failing since {clock_time(since, report.finished_at)}")
    if repeats is not None:
        stands.append(f"as {repeats}")
    parts = "".join(f" · {part}" for part in stands)
    first = (run(str(scanned.scope), "bold"), run(parts))
    lines = (first, (run(scanned.message),)) if scanned.message and repeats is None else (first,)
    return Entry(((sign, SCOPE_STYLES[scanned.status]),), lines)
