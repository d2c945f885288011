"""Print which scopes were read, and why the others were not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rich.console import Console

from discovery.model.codes import ScopeStatus
from discovery.model.values import Complete, Scanned, Scope
from discovery.reports.account_names import scope_text
from discovery.reports.coverage import coverage, has_remark, reason_of
from discovery.reports.exit import is_expected
from discovery.reports.listing import first, more
from discovery.reports.message_groups import ScopeMessageGroup, group_scopes
from discovery.reports.report import Report
from discovery.reports.signs import SCOPE_SIGNS
from discovery.reports.summary import clock_time, counted
from discovery.reports.terminal.style import SCOPE_STYLES, cell, heading
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run

_INDENT: Final = 3
_SCOPES: Final = 5
"""Scopes that are listed of those that say the same."""
_GROUPS: Final = 8
"""Groups of such scopes that are listed."""


def print_scopes(report: Report, console: Console, *, full: bool) -> None:
    """Print scopes that were not, or not wholly, read with the reason; count the others."""
    console.print(heading("Scopes", coverage(report)))
    lacking = tuple(scanned for scanned in report.scopes if _says_something(scanned))
    unread = set(map(id, report.unread_scopes))
    groups = sorted(group_scopes(lacking), key=lambda group: id(group.members[0]) not in unread)
    shown = first(groups, None if full else _GROUPS)
    entries = (entry for group in shown for entry in _group(group, report, full=full))
    print_entries(entries, console, indent=_INDENT)
    if rest := more(len(lacking), sum(len(group.members) for group in shown)):
        console.print(cell(rest, "dim"))
    if full:
        read = (scanned for scanned in report.scopes if not _says_something(scanned))
        print_entries((_entry(scanned, report) for scanned in read), console, indent=_INDENT)
    console.print()


def repeated_messages(messages: Iterable[tuple[Scope, str]]) -> dict[Scope, Scope]:
    """Map each scope whose message repeats that of an earlier scope to that scope."""
    first_with: dict[str, Scope] = {}
    found: dict[Scope, Scope] = {}
    for scope, message in messages:
        apart = message.replace(str(scope), "…").replace(scope.account_id, "…")
        same = first_with.setdefault(apart.replace(scope.region or "…", "…"), scope)
        if message and same != scope:
            found[scope] = same
    return found


def _says_something(scanned: Scanned) -> bool:
    return not isinstance(scanned, Complete) or has_remark(scanned)


def _group(group: ScopeMessageGroup, report: Report, *, full: bool) -> Iterator[Entry]:
    """Scopes that say the same: that once, then which they are."""
    if len(group.members) == 1:
        yield _entry(group.members[0], report)
        return
    ended = reason_of(group.members[0])
    head = (run(counted(len(group.members), "scope"), "bold"), run(f" · {ended}" if ended else ""))
    message = ((run(group.message),),) if group.message and (group.is_exact or not full) else ()
    yield Entry(_margin(group.members[0]), (head, *message))
    shown = first(group.members, None if full else _SCOPES)
    for scanned in shown:
        own = ((run(scanned.message),),) if full and not group.is_exact else ()
        yield Entry((), (_status(scanned, report), *own))
    if rest := more(len(group.members), len(shown)):
        yield Entry((), ((run(rest, "dim"),),))


def _entry(scanned: Scanned, report: Report) -> Entry:
    """The scope, how it ended and since when; then why."""
    ended = reason_of(scanned)
    message = ((run(scanned.message),),) if scanned.message else ()
    return Entry(_margin(scanned), (_status(scanned, report, ended), *message))


def _margin(scanned: Scanned) -> tuple[tuple[str, str], ...]:
    sign = "?" if has_remark(scanned) else SCOPE_SIGNS[scanned.status]
    return ((sign, SCOPE_STYLES[scanned.status]),)


def _status(scanned: Scanned, report: Report, ended: str = "") -> tuple[tuple[str, str], ...]:
    """The scope and its status."""
    parts = [ended] if ended else []
    if isinstance(scanned, Complete):
        parts.append(counted(len(scanned.caches), "cache"))
    since = report.failing_since.get(scanned.scope)
    if since is not None:
        parts.append(f"failing since {clock_time(since, report.finished_at)}")
    if scanned.status is ScopeStatus.FAILED and is_expected(scanned.scope, report):
        parts.append("expected")
    name = scope_text(scanned.scope, report.account_names)
    return (run(name, "bold"), run("".join(f" · {part}" for part in parts)))
