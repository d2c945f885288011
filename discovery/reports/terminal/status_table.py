"""What state remembers, for a person."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Final, TextIO

from rich.console import Console

from discovery.model.codes import ScopeStatus
from discovery.model.values import Scope
from discovery.reports.account_names import scope_text
from discovery.reports.safe_text import NAME_LIMIT
from discovery.reports.signs import SCOPE_SIGNS
from discovery.reports.status import Status, service_sentence, status_sentence
from discovery.reports.summary import clock_time, counted
from discovery.reports.terminal.scope_table import repeated_messages
from discovery.reports.terminal.style import SCOPE_STYLES, cell, console_for, heading
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run
from state.records import PendingRemoval, Registration, RememberedScope, TakenName

_INDENT: Final = 3


def write_status_table(status: Status, stream: TextIO, *, verbose: bool) -> None:
    """Write the status; registrations and read scopes are counted unless `verbose`."""
    console = console_for(stream)
    _print_head(status, console)
    _print_scopes(status, console, verbose=verbose)
    _print_registrations(status, console, verbose=verbose)
    _print_waiting(status, console)
    _print_taken(status, console)
    console.print(cell(status_sentence(status), "bold"), soft_wrap=True)


def _print_head(status: Status, console: Console) -> None:
    console.print(heading("cachemuster status", str(status.path)))
    identity, last = status.state.identity, status.state.last_sweep
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
    console.print(cell(service_sentence(status)))
    if status.paused_until is not None:
        until = status.paused_until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        text = f"? Paused until {until}: sweeps scan and remember, and write nothing"
        console.print(cell(text, "yellow"))
    for open_intent in status.state.open_intents:
        intent = open_intent.intent
        text = f"! unfinished {intent.action.value} of {intent.name}; the next sweep takes it up"
        console.print(cell(text, "bold red"))
    console.print()


def _print_scopes(status: Status, console: Console, *, verbose: bool) -> None:
    count = Counter(scope.status for scope in status.scopes)
    words = {
        ScopeStatus.COMPLETE: "read",
        ScopeStatus.FAILED: "unread",
        ScopeStatus.SKIPPED: "not asked",
    }
    counts = ", ".join(f"{count[kind]} {word}" for kind, word in words.items() if count[kind])
    console.print(heading("Scopes", counts or "none yet"))
    listed = status.scopes if verbose else status.incomplete
    before = repeated_messages((each.scope, each.message) for each in listed)
    entries = (_scope(each, status, before.get(each.scope)) for each in listed)
    print_entries(entries, console, indent=_INDENT)
    if status.oldest is not None and status.oldest.last_complete_at is not None:
        when = clock_time(status.oldest.last_complete_at, status.now)
        where = scope_text(status.oldest.scope, status.account_names)
        console.print(cell(f"Oldest complete scan: {when}, {where}", "dim"))
    lists = status.state.regions.values()
    if lists:
        when = clock_time(min(each.read_at for each in lists), status.now)
        console.print(cell(f"Regions as of {when}, {counted(len(lists), 'account')}", "dim"))
    console.print()


def _scope(scope: RememberedScope, status: Status, repeats: Scope | None) -> Entry:
    """The scope, how it stands and what was last read of it; then why, or as which other one."""
    now = status.now
    partly = scope.status is ScopeStatus.COMPLETE and scope.message
    sign = ("?" if partly else SCOPE_SIGNS[scope.status], SCOPE_STYLES[scope.status])
    parts = [scope.reason.value] if scope.reason else []
    if scope.failing_since:
        often = f", {scope.failures} times in a row" if scope.failures > 1 else ""
        parts.append(f"failing since {clock_time(scope.failing_since, now)}{often}")
    parts.append(_last_read(scope, now))
    if repeats is not None:
        parts.append(f"as {repeats}")
    where = scope_text(scope.scope, status.account_names)
    first = (run(where, "bold"), run("".join(f" · {part}" for part in parts)))
    says_why = scope.message and repeats is None
    return Entry((sign,), (first, (run(scope.message),)) if says_why else (first,))


def _last_read(scope: RememberedScope, now: datetime) -> str:
    if scope.last_complete_at is None:
        return "never read"
    return f"{counted(scope.caches or 0, 'cache')} at {clock_time(scope.last_complete_at, now)}"


def _print_registrations(status: Status, console: Console, *, verbose: bool) -> None:
    registrations = sorted(status.state.registrations.items())
    remark = "" if verbose or not registrations else "-v lists them"
    console.print(heading(f"Registered ({len(registrations)})", remark))
    if verbose:
        entries = (_registration(name, one, status.now) for name, one in registrations)
        print_entries(entries, console, indent=_INDENT)
    console.print()


def _registration(name: str, one: Registration, now: datetime) -> Entry:
    written = f" · written {clock_time(one.updated_at, now)}"
    return Entry((("=", ""),), ((run(name, limit=NAME_LIMIT), run(written, "dim")),))


def _print_waiting(status: Status, console: Console) -> None:
    waiting, others = status.waiting, status.of_another_agent
    remark = "removed once the reason has held"
    _print_pending(f"Waiting ({len(waiting)})", remark, waiting, status, console)
    remark = "left alone while their caches exist; `cachemuster adopt NAME` takes one"
    _print_pending(f"Another agent's ({len(others)})", remark, others, status, console)


def _print_pending(
    title: str,
    remark: str,
    pending_removals: tuple[PendingRemoval, ...],
    status: Status,
    console: Console,
) -> None:
    if not pending_removals:
        return
    console.print(heading(title, remark))
    print_entries((_missed(miss, status) for miss in pending_removals), console, indent=_INDENT)
    console.print()


def _print_taken(status: Status, console: Console) -> None:
    taken = sorted(status.state.taken.items())
    if not taken:
        return
    remark = "by resources that the list does not show; `cachemuster adopt` takes them over"
    console.print(heading(f"Names taken ({len(taken)})", remark))
    entries = (_taken(one, status.now) for _, one in taken)
    print_entries(entries, console, indent=_INDENT)
    console.print()


def _taken(taken: TakenName, now: datetime) -> Entry:
    since = f" · since {clock_time(taken.since, now)}"
    first = (run(taken.name, limit=NAME_LIMIT), run(since, "dim"))
    return Entry((("!", "yellow"),), (first, (run(f"wanted for {taken.arn}", "dim"),)))


def _missed(miss: PendingRemoval, status: Status) -> Entry:
    since = clock_time(miss.since, status.now)
    held = f"{miss.reason.value} for {counted(miss.scans, 'scan')}, since {since}"
    rest = "" if status.is_held(miss) else f"; {_countdown(status, miss)}"
    return Entry((("?", ""),), ((run(f"{miss.name}: {held}{rest}"),),))


def _countdown(status: Status, miss: PendingRemoval) -> str:
    """What is still to come before the removal: scans, time, and then proof and budget."""
    left, at = status.scans_left(miss), status.not_before(miss)
    parts = [f"{counted(left, 'scan')} to go"] if left else []
    if at > status.now:
        parts.append(f"not before {clock_time(at, status.now)}")
    return ", ".join(parts) or "its time is up: proof, budget and policy decide"
