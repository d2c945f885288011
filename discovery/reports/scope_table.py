"""Which scopes were read, and why the others were not."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rich.console import Console

from discovery.codes import ScopeStatus
from discovery.model import Complete, Scanned
from discovery.reports.coverage import coverage, has_remark, reason_of
from discovery.reports.hanging import Entry, print_entries, run
from discovery.reports.report import Report
from discovery.reports.sentence import clock_time, counted
from discovery.reports.style import (
    SCOPE_SIGNS,
    SCOPE_STYLES,
    cell,
    heading,
)

_INDENT: Final = 3
_LISTED: Final = 10
"""Skipped scopes listed; more are counted by reason unless all are asked for."""


def print_scopes(report: Report, console: Console, *, verbose: bool) -> None:
    """Scopes that were not, or not wholly, read stand there with the reason; others are counted."""
    console.print(heading("Scopes", coverage(report)))
    listed = _listed(report, verbose=verbose)
    print_entries((_entry(scanned, report) for scanned in listed), console, indent=_INDENT)
    left_out = Counter(reason_of(s) for s in report.scopes) - Counter(reason_of(s) for s in listed)
    for reason, count in sorted(left_out.items()):
        if reason:
            console.print(cell(f"and {count} more with {reason}; -v lists them", "dim"))
    console.print()


def _listed(report: Report, *, verbose: bool) -> tuple[Scanned, ...]:
    if verbose:
        return report.scopes
    partly = [scan for scan in report.scopes if has_remark(scan)]
    unread = report.unread_scopes
    skipped = [
        scan for scan in report.scopes if scan.status is ScopeStatus.SKIPPED and scan not in unread
    ]
    return (*unread, *partly, *skipped[:_LISTED])


def _entry(scanned: Scanned, report: Report) -> Entry:
    """The scope, how it ended and since when; then why."""
    sign = "?" if has_remark(scanned) else SCOPE_SIGNS[scanned.status]
    ended = reason_of(scanned)
    if isinstance(scanned, Complete):
        ended = counted(len(scanned.caches), "cache")
    stands = [ended]
    since = report.failing_since.get(scanned.scope)
    if since is not None:
        stands.append(f"failing since {clock_time(since, report.finished_at)}")
    parts = "".join(f" · {part}" for part in stands)
    first = (run(str(scanned.scope), "bold"), run(parts))
    lines = (first, (run(scanned.message),)) if scanned.message else (first,)
    return Entry(((sign, SCOPE_STYLES[scanned.status]),), lines)
