"""Print the history, newest first, for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TextIO

from discovery.model.ownership import parse_cache_arn
from discovery.reports.account_names import scope_text
from discovery.reports.document import timestamp
from discovery.reports.safe_text import NAME_LIMIT
from discovery.reports.signs import SIGNS
from discovery.reports.summary import counted
from discovery.reports.terminal.item_entries import change_line
from discovery.reports.terminal.style import STYLES, cell, console_for
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run
from state.records import HistoryEntry

_INDENT: Final = 34
_BETWEEN: Final = (" · ", "")


def write_history_table(
    entries: Sequence[HistoryEntry], account_names: Mapping[str, str], stream: TextIO, *, limit: int
) -> None:
    """Print the newest `limit` entries, newest first, then how many there are."""
    console = console_for(stream)
    shown = entries[:limit]
    print_entries((_entry(each, account_names) for each in shown), console, indent=_INDENT)
    if shown:
        console.print()
    total = counted(len(entries), "entry", "entries")
    if len(shown) < len(entries):
        total += f", the newest {len(shown)} shown; --limit shows more, --format json all"
    console.print(cell(total, "bold"))


def _entry(entry: HistoryEntry, account_names: Mapping[str, str]) -> Entry:
    at = (f"{timestamp(entry.at)[:19]}Z  ", "")
    action = ("·", "dim")
    if entry.action is not None:
        action = (f"{SIGNS[entry.action]} {entry.action.value}", STYLES[entry.action])
    first = [run(entry.reason)]
    if entry.scope is not None:
        first = [run(scope_text(entry.scope, account_names), "dim"), _BETWEEN, *first]
    if entry.arn is not None or entry.name is not None:
        parsed = parse_cache_arn(entry.arn or "")
        name = parsed.name if parsed is not None else entry.name or "?"
        first = [run(name, "bold", limit=NAME_LIMIT), _BETWEEN, *first]
    if entry.action is None:  # too long for the margin
        first = [run(entry.event.value.replace("_", " "), "bold"), _BETWEEN, *first]
    changes = (change_line(change) for change in entry.changes if change.field)
    who = [(run(_who(entry), "dim"),)] if entry.agent.host else []
    return Entry((at, action), (tuple(first), (run(entry.message),), *changes, *who))


def _who(entry: HistoryEntry) -> str:
    checksum = f", plan {entry.checksum[:12]}" if entry.checksum else ""
    return f"by {entry.agent.host}, {entry.agent.version}, run {entry.sweep_id}{checksum}"
