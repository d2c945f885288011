"""Print a change of owner for a person: as it is planned, and as it went."""

from __future__ import annotations

from typing import Any, Final, TextIO

from rich.console import Console
from rich.padding import Padding

from discovery.model.values import Change
from discovery.plan.item import Item
from discovery.reports.item_text import differences, value_text
from discovery.reports.safe_text import NAME_LIMIT, escape_unprintable
from discovery.reports.summary import counted
from discovery.reports.terminal.style import cell, console_for, heading
from discovery.reports.transfer import (
    TransferReport,
    item_error,
    manual_texts,
    past_tense,
    transfer_sentence,
)

_CHANGES: Final = 6
"""Changes shown of each of several resources; of a single one all are."""


def write_transfer_plan(report: TransferReport, stream: TextIO) -> None:
    """Write what a person is to agree to: every resource, and what changes in it."""
    console = console_for(stream)
    console.print(_title(report))
    few = len(report.transfer.items) == 1
    for item in report.transfer.items:
        _print_planned(item, console, limit=None if few else _CHANGES)
    _print_refused(report, console)
    console.print()


def write_transfer(report: TransferReport, stream: TextIO) -> None:
    """Write what was done, then the commands for what was not, then one sentence."""
    console = console_for(stream)
    console.print(_title(report))
    for item in report.done:
        console.print(cell(f"~ {past_tense(report.verb)} {item.name}", "yellow", limit=NAME_LIMIT))
        console.print(_detail(item.message))
        if item.error is not None:
            console.print(_detail(f"{item.error.code}: {item.error.message}", "red"))
    for item in report.failed:
        console.print(cell(f"! {item.name}", "bold red", limit=NAME_LIMIT))
        console.print(_detail(_why(item)))
    _print_refused(report, console)
    for block in manual_texts(report):
        stream.write(f"\n{block}")
    if report.done:
        for line in report.advice:
            stream.write(f"{escape_unprintable(line)}\n")
    console.print(cell(transfer_sentence(report), "bold"), soft_wrap=True)


def _title(report: TransferReport) -> Any:
    return heading(f"cachemuster {report.verb}", f"group {report.group}, {report.control_plane}")


def _print_planned(item: Item, console: Console, *, limit: int | None) -> None:
    console.print(cell(f"~ {item.name}", "yellow", limit=NAME_LIMIT))
    console.print(_detail(f"for cache {item.cache} in {item.scope}: {item.message}"))
    changes = differences(item)
    for change in changes[:limit]:
        console.print(_detail(_change(change)))
    if len(changes) > len(changes[:limit]):
        rest = len(changes) - len(changes[:limit])
        console.print(_detail(f"and {counted(rest, 'more change')}", "dim"))
    for note in item.notes:
        console.print(_detail(f"note {note.code.value}: {note.message}", "dim"))


def _detail(text: str, style: str = "") -> Padding:
    return Padding(cell(text, style), (0, 0, 0, 2))


def _change(change: Change) -> str:
    return f"{change.field}: {value_text(change.old)} → {value_text(change.new)}"


def _print_refused(report: TransferReport, console: Console) -> None:
    for each in report.transfer.refused:
        console.print(cell(f"! {each.name} is refused: {each.code.value}", "bold red"))
        console.print(_detail(each.message))
    for scope in report.unread:
        text = f"? {scope.scope} could not be read: {scope.reason.value}, {scope.message}"
        console.print(cell(text, "cyan"))


def _why(item: Item) -> str:
    error = item_error(item)
    return f"{error['code']}: {error['message']}"
