"""Write the history as a JSON document and as CSV for a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TextIO

from discovery.model.ownership import parse_cache_arn
from discovery.reports.document import change_entry, timestamp, write_json
from discovery.reports.spreadsheet import write_rows
from state.records import HistoryEntry

SCHEMA_VERSION: Final = 1
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
    "account_name",
)


def is_about(entry: HistoryEntry, cache: str) -> bool:
    """Tell whether an entry is about a cache, by ARN, name or registered name, in any case."""
    parsed = parse_cache_arn(entry.arn or "")
    own = parsed.name if parsed is not None else None
    names = (entry.arn, own, entry.name, entry.previous_name)
    return cache.lower() in (each.lower() for each in names if each is not None)


def write_history_document(
    entries: Iterable[HistoryEntry], account_names: Mapping[str, str], stream: TextIO
) -> None:
    """Write one JSON document; times are RFC 3339 UTC."""
    shown = [_entry(each, account_names) for each in entries]
    write_json({"schema_version": SCHEMA_VERSION, "entries": shown}, stream)


def write_history_csv(
    entries: Iterable[HistoryEntry], account_names: Mapping[str, str], stream: TextIO
) -> None:
    """Write one row an entry under a heading; text that a spreadsheet would run is disarmed."""
    found = (_csv_row(_entry(entry, account_names)) for entry in entries)
    write_rows(_COLUMNS, found, stream, line_end="\n")


def _csv_row(shown: Mapping[str, Any]) -> Iterator[str]:
    for column in _COLUMNS:
        value = shown[column]
        yield json.dumps(value) if column == "changes" else str(value or "")


def _entry(entry: HistoryEntry, account_names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "at": timestamp(entry.at),
        "sweep_id": entry.sweep_id,
        "host": entry.agent.host,
        "version": entry.agent.version,
        "checksum": entry.checksum,
        "event": entry.event.value,
        "arn": entry.arn,
        "account_id": entry.scope and entry.scope.account_id,
        "account_name": entry.scope and account_names.get(entry.scope.account_id),
        "region": entry.scope and entry.scope.region,
        "name": entry.name,
        "previous_name": entry.previous_name,
        "action": entry.action and entry.action.value,
        "reason": entry.reason,
        "message": entry.message,
        "changes": [change_entry(change) for change in entry.changes],
    }
