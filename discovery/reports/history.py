"""What happened, newest first, as a table and as a document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, TextIO

from rich.text import Text

from discovery.enrollment.ownership import parse_cache_arn
from discovery.reports.document import timestamp
from discovery.reports.sentence import counted
from discovery.reports.style import NAME_LIMIT, SIGNS, STYLES, cell, columns, console_for
from state.records import HistoryEntry

SCHEMA_VERSION: Final = 1


def is_about(entry: HistoryEntry, cache: str) -> bool:
    """True when `cache` is the entry's ARN, its cache's own name, or a name it is or was
    registered under."""
    parsed = parse_cache_arn(entry.arn or "")
    own = parsed.name if parsed is not None else None
    return cache in (entry.arn, own, entry.name, entry.previous_name)


def write_history_table(entries: Iterable[HistoryEntry], stream: TextIO) -> None:
    """The entries stand in `stream`, newest first, then how many there are."""
    console = console_for(stream)
    count = 0
    table = columns(20, 10, None)
    for entry in entries:
        count += 1
        action = Text(f"{SIGNS[entry.action]} {entry.action.value}", style=STYLES[entry.action])
        table.add_row(cell(timestamp(entry.at)[:19] + "Z"), action, _about(entry))
    if count:
        console.print(table)
        console.print()
    console.print(cell(counted(count, "entry", "entries"), "bold"))


def _about(entry: HistoryEntry) -> Text:
    parsed = parse_cache_arn(entry.arn or "")
    name = parsed.name if parsed is not None else entry.name or "?"
    first = Text(" · ").join(
        (
            cell(name, "bold", limit=NAME_LIMIT),
            cell(str(entry.scope), "dim"),
            cell(entry.reason.value),
        )
    )
    return Text("\n").join((first, cell(entry.message)))


def write_history_document(entries: Iterable[HistoryEntry], stream: TextIO) -> None:
    """One JSON document stands in `stream`; times are RFC 3339 UTC."""
    document = {"schema_version": SCHEMA_VERSION, "entries": [_entry(each) for each in entries]}
    stream.write(json.dumps(document, indent=2) + "\n")


def _entry(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "at": timestamp(entry.at),
        "sweep_id": entry.sweep_id,
        "arn": entry.arn,
        "account_id": entry.scope.account_id,
        "region": entry.scope.region,
        "name": entry.name,
        "previous_name": entry.previous_name,
        "action": entry.action.value,
        "reason": entry.reason.value,
        "message": entry.message,
    }
