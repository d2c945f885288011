"""Write the items of a report as CSV (RFC 4180), one on each line, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TextIO

from discovery.model.codes import Severity
from discovery.plan.item import Item
from discovery.reports.document import timestamp
from discovery.reports.item_groups import divide_items
from discovery.reports.item_text import probe_text
from discovery.reports.needs import kinds_of
from discovery.reports.report import Report
from discovery.reports.spreadsheet import write_rows
from discovery.reports.view import View

_LINE_END: Final = "\r\n"


def write_items(report: Report, stream: TextIO, view: View) -> None:
    """Write a heading and all items: in the order of the report, or by group as the view says."""
    rows = (_row(item, report) for item in _in_order(report, view))
    write_rows(tuple(COLUMNS), rows, stream, line_end=_LINE_END)


def _in_order(report: Report, view: View) -> Iterator[Item]:
    if view.group_by is None:
        yield from report.items
        return
    for group in divide_items(report, view.group_by):
        yield from group.items


def _row(item: Item, report: Report) -> Iterator[str]:
    return (value(item, report) or "" for value in COLUMNS.values())


def _applied(item: Item) -> str:
    return "" if item.applied is None else str(item.applied).lower()


def _error(item: Item) -> str:
    return f"{item.error.code}: {item.error.message}" if item.error else ""


def _findings(item: Item, severity: Severity) -> str:
    found = item.iam.findings if item.iam else ()
    return " ".join(sorted({one.code.value for one in found if one.severity is severity}))


def _notes(item: Item) -> str:
    return " ".join(sorted({note.code.value for note in item.notes}))


COLUMNS: Final[Mapping[str, Callable[[Item, Report], str | None]]] = {
    "account_id": lambda item, _: item.scope.account_id,
    "account_name": lambda item, report: report.account_names.get(item.scope.account_id),
    "region": lambda item, _: item.scope.region,
    "cache": lambda item, _: item.cache,
    "name": lambda item, _: item.name,
    "previous_name": lambda item, _: item.previous_name,
    "owner": lambda item, _: item.owner,
    "matcher": lambda item, _: item.matcher,
    "action": lambda item, _: item.action.value,
    "reason": lambda item, _: item.reason.value,
    "needs": lambda item, report: " ".join(kinds_of(item, dry_run=report.dry_run)),
    "applied": lambda item, _: _applied(item),
    "error": lambda item, _: _error(item),
    "verdict": lambda item, _: item.iam.verdict.value if item.iam else "",
    "users": lambda item, _: " ".join(item.iam.users) if item.iam else "",
    "blockers": lambda item, _: _findings(item, Severity.BLOCKER),
    "warnings": lambda item, _: _findings(item, Severity.WARNING),
    "infos": lambda item, _: _findings(item, Severity.INFO),
    "missed_scans": lambda item, _: str(item.missed.scans) if item.missed else "",
    "missed_since": lambda item, _: timestamp(item.missed.since) if item.missed else "",
    "notes": lambda item, _: _notes(item),
    "arn": lambda item, _: item.arn,
    "message": lambda item, _: item.message,
    "login": lambda item, _: probe_text(item.iam.probe) if item.iam and item.iam.probe else "",
}
"""The value of each column; columns are added at the end, none renamed or removed."""
