"""What happened, newest first, as a table and as a document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, TextIO

from discovery.enrollment.ownership import parse_cache_arn
from discovery.reports.document import timestamp
from discovery.reports.hanging import Entry, print_entries, run
from discovery.reports.sentence import counted
from discovery.reports.style import NAME_LIMIT, SIGNS, STYLES, cell, console_for
from state.records import HistoryEntry

SCHEMA_VERSION: Final = 1
_INDENT: Final = 34
_BETWEEN: Final = (" · ", "")


def is_about(entry: HistoryEntry, cache: str) -> bool:
    """True when `cache` is the entry's ARN, its cache's own name, or a name it is or was
    registered under."""
    parsed = parse_cache_arn(entry.arn or "")
    own = parsed.name if parsed is not None else None
    return cache in (entry.arn, own, entry.name, entry.previous_name)


def write_history_table(entries: Iterable[HistoryEntry], stream: TextIO) -> None:
    """The entries stand in `stream`, newest first, then how many there are."""
    console = console_for(stream)
    told = tuple(entries)
    print_entries(map(_told, told), console, indent=_INDENT)
    if told:
        console.print()
    console.print(cell(counted(len(told), "entry", "entries"), "bold"))


def _told(entry: HistoryEntry) -> Entry:
    at = (f"{timestamp(entry.at)[:19]}Z  ", "")
    action = (f"{SIGNS[entry.action]} {entry.action.value}", STYLES[entry.action])
    parsed = parse_cache_arn(entry.arn or "")
    name = parsed.name if parsed is not None else entry.name or "?"
    about = (run(name, "bold", limit=NAME_LIMIT), run(str(entry.scope), "dim"))
    first = (about[0], _BETWEEN, about[1], _BETWEEN, run(entry.reason.value))
    return Entry((at, action), (first, (run(entry.message),)))


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
