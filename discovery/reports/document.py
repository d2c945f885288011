"""Write the JSON document of a sweep or audit.

Names and meanings: discovery/README: Report document. It is written item by item, so that twenty
thousand caches need no more memory than one. Every character outside ASCII is escaped: whatever a
tag holds, a terminal shows it harmlessly and a program reads it back exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from discovery.model.fingerprint import redacted, redacted_change
from discovery.model.values import (
    Change,
    Complete,
    Database,
    Finding,
    IamJudgement,
    Note,
    Probe,
    Scanned,
)
from discovery.plan.item import Item
from discovery.plan.removal_guard import GuardVerdict
from discovery.reports.json_text import indented
from discovery.reports.report import Report

SCHEMA_VERSION: Final = 2


def write_document(report: Report, stream: TextIO) -> None:
    """Write the document to `stream`, indented by two, with a newline at its end."""
    for piece in document_text(report):
        stream.write(piece)


def document_text(report: Report) -> Iterator[str]:
    """Yield the text of the document in pieces, one for each scope and item."""
    before: str = "{"
    for key, value in _entries(report):
        yield f'{before}\n  "{key}": '
        if isinstance(value, Iterator):
            yield from _array(value)
        else:
            yield indented(value, "  ")
        before = ","
    yield "\n}\n"


def document(report: Report) -> dict[str, Any]:
    """Return the document as one value; for thousands of items use `write_document`."""
    return {
        key: list(value) if isinstance(value, Iterator) else value
        for key, value in _entries(report)
    }


def write_json(value: Mapping[str, Any], stream: TextIO) -> None:
    """Write one JSON document to `stream`, indented by two, with a newline at its end."""
    stream.write(indented(value) + "\n")


def timestamp(moment: datetime) -> str:
    """Format a time as RFC 3339 in UTC, to the millisecond: `2026-11-23T09:14:07.250Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def database_entry(database: Database) -> dict[str, Any]:
    """Return a resource as `tctl` takes it, with a digest in place of an external id."""
    return {**database.document(), "spec": redacted(database.spec)}


def change_entry(change: Change) -> dict[str, Any]:
    """Return one difference, with digests in place of external ids."""
    shown = redacted_change(change)
    return {"field": shown.field, "old": shown.old, "new": shown.new}


def _entries(report: Report) -> Iterator[tuple[str, Any]]:
    yield "schema_version", SCHEMA_VERSION
    yield "sweep_id", report.sweep_id
    yield "agent", {"host": report.agent.host, "version": report.agent.version}
    yield "started_at", timestamp(report.started_at)
    yield "finished_at", timestamp(report.finished_at)
    yield "dry_run", report.dry_run
    yield "complete", report.complete
    yield "checksum", report.checksum
    yield "endpoints", dict(sorted(report.endpoints.items()))
    yield "summary", report.summary
    yield "scopes", (_scope(scope, report) for scope in report.scopes)
    yield "items", (_item(item, report.account_names) for item in report.items)
    yield "guard", _guard(report.guard)


def _scope(scanned: Scanned, report: Report) -> dict[str, Any]:
    return {
        "account_id": scanned.scope.account_id,
        "account_name": report.account_names.get(scanned.scope.account_id),
        "region": scanned.scope.region,
        "notes": [_note(note) for note in scanned.notes],
        "status": scanned.status.value,
        "reason": None if isinstance(scanned, Complete) else scanned.reason.value,
        "message": scope_message(scanned, report.failing_since.get(scanned.scope)),
        "caches": len(scanned.caches) if isinstance(scanned, Complete) else None,
        "duration_s": round(scanned.duration_s, 3),
        "calls": scanned.calls,
    }


def scope_message(scanned: Scanned, failing_since: datetime | None) -> str:
    """Word what happened to a scope and, when known, since when it has been failing."""
    if isinstance(scanned, Complete) or failing_since is None:
        return scanned.message
    since = f"failing since {timestamp(failing_since)}"
    return f"{scanned.message.rstrip('.')}; {since}" if scanned.message else since


def _item(item: Item, account_names: Mapping[str, str]) -> dict[str, Any]:
    error = item.error
    return {
        "arn": item.arn,
        "account_id": item.scope.account_id,
        "account_name": account_names.get(item.scope.account_id),
        "region": item.scope.region or "",
        "cache": item.cache,
        "name": item.name,
        "previous_name": item.previous_name,
        "matcher": item.matcher,
        "owner": item.owner,
        "action": item.action.value,
        "reason": item.reason.value,
        "message": item.message,
        "notes": [_note(note) for note in item.notes],
        "applied": item.applied,
        "error": error
        and {"code": error.code, "message": error.message, "retryable": error.retryable},
        "changes": [change_entry(change) for change in item.changes],
        "missed": item.missed
        and {"scans": item.missed.scans, "since": timestamp(item.missed.since)},
        "iam": item.iam and _iam(item.iam),
        "database": item.database and database_entry(item.database),
    }


def _note(note: Note) -> dict[str, Any]:
    return {"code": note.code.value, "subject": note.subject, "message": note.message}


def _iam(judgement: IamJudgement) -> dict[str, Any]:
    return {
        "verdict": judgement.verdict.value,
        "as_of": judgement.as_of and timestamp(judgement.as_of),
        "users": list(judgement.users),
        "findings": [_finding(finding) for finding in judgement.findings],
        "probe": judgement.probe and _probe(judgement.probe),
    }


def _probe(probe: Probe) -> dict[str, Any]:
    return {
        "outcome": probe.outcome.value,
        "user": probe.user,
        "step": probe.step.value,
        "at": timestamp(probe.at),
        "message": probe.message,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code.value,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "message": finding.message,
        "repair": list(finding.repair),
    }


def _guard(guard: GuardVerdict) -> dict[str, Any]:
    return {
        "refused": guard.refused,
        "code": guard.code and guard.code.value,
        "removals": guard.removals,
        "population": guard.population,
        "limit": guard.limit,
        "window_s": int(guard.window.total_seconds()),
        "message": guard.message,
    }


def _array(entries: Iterator[Any]) -> Iterator[str]:
    before = "["
    for entry in entries:
        yield f"{before}\n    {indented(entry, '    ')}"
        before = ","
    yield "[]" if before == "[" else "\n  ]"
