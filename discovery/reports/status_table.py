"""What state remembers, for a person."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console
from rich.text import Text

from discovery.codes import ScopeStatus
from discovery.enrollment.ownership import parse_cache_arn
from discovery.model import Arn
from discovery.reports.sentence import clock_time, counted
from discovery.reports.status import Status
from discovery.reports.style import (
    NAME_LIMIT,
    SCOPE_SIGNS,
    SCOPE_STYLES,
    cell,
    columns,
    console_for,
    heading,
)
from state.records import Miss, ScopeMemory


def write_status_table(status: Status, stream: TextIO, *, verbose: bool) -> None:
    """The status stands in `stream`; registrations and read scopes are counted unless `verbose`."""
    console = console_for(stream)
    _print_head(status, console)
    _print_scopes(status, console, verbose=verbose)
    _print_registrations(status, console, verbose=verbose)
    _print_waiting(status, console)
    console.print(cell(status_sentence(status), "bold"), soft_wrap=True)


def status_sentence(status: Status) -> str:
    """`312 registrations in 41 accounts; 2 waiting; 2 scopes unread since 09:14`"""
    registered = counted(len(status.memory.registrations), "registration")
    parts = [f"{registered} in {counted(_accounts(status), 'account')}"]
    if status.paused_until is not None:
        parts.append(f"paused until {clock_time(status.paused_until, status.now)}")
    if status.memory.misses:
        parts.append(f"{len(status.memory.misses)} waiting")
    since = [scope.failing_since for scope in status.unread if scope.failing_since]
    if status.unread:
        when = f" since {clock_time(min(since), status.now)}" if since else ""
        parts.append(f"{counted(len(status.unread), 'scope')} unread{when}")
    return "; ".join(parts)


def _accounts(status: Status) -> int:
    return len({_owner(one.arn) for one in status.memory.registrations.values()})


def _owner(arn: Arn) -> str:
    parsed = parse_cache_arn(arn)
    return str(parsed.account_id) if parsed else ""


def _print_head(status: Status, console: Console) -> None:
    console.print(heading("cachemuster status", str(status.path)))
    identity, last = status.memory.identity, status.memory.last_sweep
    if identity is not None:
        simulated = ", a simulated AWS" if identity.endpoint_override else ""
        console.print(
            cell(f"group {identity.group}, {identity.control_plane} {identity.cluster}{simulated}")
        )
    if last is None:
        console.print(cell("No sweep has finished with this state yet."))
    else:
        finished = last.finished_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        ended = "every scope read" if last.complete else "some scopes unread"
        console.print(cell(f"Last sweep {finished}, exit {last.exit_code}, {ended}"))
    if status.paused_until is not None:
        until = status.paused_until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        text = f"? Paused until {until}: sweeps scan and remember, and write nothing"
        console.print(cell(text, "yellow"))
    for open_intent in status.memory.open_intents:
        intent = open_intent.intent
        console.print(cell(f"! unfinished {intent.action.value} of {intent.name}", "bold red"))
    console.print()


def _print_scopes(status: Status, console: Console, *, verbose: bool) -> None:
    count = Counter(scope.status for scope in status.scopes)
    words = {
        ScopeStatus.COMPLETE: "read",
        ScopeStatus.FAILED: "unread",
        ScopeStatus.SKIPPED: "not asked",
    }
    told = ", ".join(f"{count[kind]} {word}" for kind, word in words.items() if count[kind])
    console.print(heading("Scopes", told or "none yet"))
    table = columns(1, None)
    for scope in status.scopes if verbose else status.wanting:
        style = SCOPE_STYLES[scope.status]
        partly = scope.status is ScopeStatus.COMPLETE and scope.message
        sign = cell("?" if partly else SCOPE_SIGNS[scope.status], style)
        table.add_row(sign, _about(scope, status.now))
    if table.row_count:
        console.print(table)
    if status.oldest is not None and status.oldest.last_complete_at is not None:
        when = clock_time(status.oldest.last_complete_at, status.now)
        console.print(cell(f"Oldest complete scan: {when}, {status.oldest.scope}", "dim"))
    console.print()


def _about(scope: ScopeMemory, now: datetime) -> Text:
    """The scope, how it stands and what was last read of it; then why."""
    parts = [cell(str(scope.scope), "bold")]
    if scope.reason:
        parts.append(cell(scope.reason.value))
    if scope.failing_since:
        often = f", {scope.failures} times in a row" if scope.failures > 1 else ""
        parts.append(cell(f"failing since {clock_time(scope.failing_since, now)}{often}"))
    line = Text(" · ").join((*parts, cell(_last_read(scope, now))))
    return Text("\n").join((line, cell(scope.message))) if scope.message else line


def _last_read(scope: ScopeMemory, now: datetime) -> str:
    if scope.last_complete_at is None:
        return "never read"
    return f"{counted(scope.caches or 0, 'cache')} at {clock_time(scope.last_complete_at, now)}"


def _print_registrations(status: Status, console: Console, *, verbose: bool) -> None:
    registrations = sorted(status.memory.registrations.items())
    remark = "" if verbose or not registrations else "-v lists them"
    console.print(heading(f"Registered ({len(registrations)})", remark))
    if verbose:
        table = columns(1, None, 16)
        for name, one in registrations:
            written = clock_time(one.updated_at, status.now)
            table.add_row("=", cell(name, limit=NAME_LIMIT), cell(written, "dim"))
        console.print(table)
    console.print()


def _print_waiting(status: Status, console: Console) -> None:
    misses = sorted(status.memory.misses.items())
    if not misses:
        return
    console.print(heading(f"Waiting ({len(misses)})", "removed once the reason has held"))
    for name, miss in misses:
        since = clock_time(miss.since, status.now)
        held = f"{miss.reason.value} for {counted(miss.scans, 'scan')}, since {since}; "
        held += _countdown(status, miss)
        table = columns(1, None)
        table.add_row("?", cell(f"{name}: {held}"))
        console.print(table)
    console.print()


def _countdown(status: Status, miss: Miss) -> str:
    """What is still to come before the removal: scans, time, and then proof and budget."""
    left, at = status.scans_left(miss), status.not_before(miss)
    parts = [f"{counted(left, 'scan')} to go"] if left else []
    if at > status.now:
        parts.append(f"not before {clock_time(at, status.now)}")
    return ", ".join(parts) or "its time is up: proof, budget and policy decide"
