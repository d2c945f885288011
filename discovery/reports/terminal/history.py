"""What happened, newest first, as a table, as a document and for a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TextIO

from discovery.model.ownership import parse_cache_arn
from discovery.reports.document import change_entry, timestamp
from discovery.reports.spreadsheet import write_csv
from discovery.reports.summary import counted
from discovery.reports.terminal.plan_table import change_line
from discovery.reports.terminal.style import NAME_LIMIT, SIGNS, STYLES, cell, console_for
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run
from state.records import HistoryEntry

SCHEMA_VERSION: Final = 1
_INDENT: Final = 34
_BETWEEN: Final = (" · ", "")
_COLUMNS: Final = (
    "at",
    "sweep_id",
    "host",
    "version",
    "checksum",
    "event",
    "arn",
    "account_id",
    "region",
    "name",
    "previous_name",
    "action",
    "reason",
    "message",
    "changes",
)


def is_about(entry: HistoryEntry, cache: str) -> bool:
    """True when `cache` is the entry's ARN, its cache's own name, or a name it is or was
    registered under, in upper or lower case."""
    parsed = parse_cache_arn(entry.arn or "")
    own = parsed.name if parsed is not None else None
    names = (entry.arn, own, entry.name, entry.previous_name)
    return cache.lower() in (each.lower() for each in names if each is not None)


def write_history_table(entries: Sequence[HistoryEntry], stream: TextIO, *, limit: int) -> None:
    """Print the newest `limit` entries, newest first, then how many there are."""
    console = console_for(stream)
    shown = entries[:limit]
    print_entries(map(_told, shown), console, indent=_INDENT)
    if shown:
        console.print()
    total = counted(len(entries), "entry", "entries")
    if len(shown) < len(entries):
        total += f", the newest {len(shown)} shown; --limit shows more, --format json all"
    console.print(cell(total, "bold"))


def _told(entry: HistoryEntry) -> Entry:
    at = (f"{timestamp(entry.at)[:19]}Z  ", "")
    action = ("·", "dim")
    if entry.action is not None:
        action = (f"{SIGNS[entry.action]} {entry.action.value}", STYLES[entry.action])
    first = [run(entry.reason)]
    if entry.scope is not None:
        first = [run(str(entry.scope), "dim"), _BETWEEN, *first]
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


def write_history_document(entries: Iterable[HistoryEntry], stream: TextIO) -> None:
    """Write one JSON document; times are RFC 3339 UTC."""
    document = {"schema_version": SCHEMA_VERSION, "entries": [_entry(each) for each in entries]}
    stream.write(json.dumps(document, indent=2) + "\n")


def write_history_csv(entries: Iterable[HistoryEntry], stream: TextIO) -> None:
    """Write one row an entry under a heading; text that a spreadsheet would run is disarmed."""
    write_csv(_COLUMNS, map(_csv_row, entries), stream)


def _csv_row(entry: HistoryEntry) -> Iterator[str]:
    shown = _entry(entry)
    for column in _COLUMNS:
        value = shown[column]
        yield json.dumps(value) if column == "changes" else str(value or "")


def _entry(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "at": timestamp(entry.at),
        "sweep_id": entry.sweep_id,
        "host": entry.agent.host,
        "version": entry.agent.version,
        "checksum": entry.checksum,
        "event": entry.event.value,
        "arn": entry.arn,
        "account_id": entry.scope and entry.scope.account_id,
        "region": entry.scope and entry.scope.region,
        "name": entry.name,
        "previous_name": entry.previous_name,
        "action": entry.action and entry.action.value,
        "reason": entry.reason,
        "message": entry.message,
        "changes": [change_entry(change) for change in entry.changes],
    }
