"""Log runs: one event that sums up each, and events for scopes whose state changes.

Items are logged when they are written (`item.applied` and its like, in `discovery.sweep.apply`). A
scope that fails is logged when it starts to, when its reason changes, and when it can be read
again: a thousand that are denied all week are a thousand lines, not a thousand every five minutes.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import Any, Final

import structlog

from discovery.model.codes import NoteCode, Reason, ScopeReason
from discovery.model.values import Complete, Failed, Scanned, Scope
from discovery.reports.exit import Exit, exit_code, is_expected
from discovery.reports.report import Report
from discovery.reports.summary import sentence

log = structlog.get_logger()

_LEVELS: Final = {
    Exit.FAILED: logging.ERROR,
    Exit.REFUSED: logging.WARNING,
    Exit.INCOMPLETE: logging.WARNING,
}


class SweepLog:
    """Log the runs of one process."""

    def __init__(self) -> None:
        self._failing: dict[Scope, ScopeReason] = {}
        self._noted: dict[Scope, frozenset[NoteCode]] = {}

    def log_run(self, report: Report, *, kind: str) -> None:
        """Log one event for each scope that changed, then `sweep.finished`.

        It is an error when the run failed, a warning when a guard refused or something failed.
        `kind`: `sweep` or `rescan`.
        """
        for scanned in report.scopes:
            self._log_scope(scanned, report)
        exit_status = exit_code(report)
        level = _LEVELS.get(exit_status, logging.INFO)
        log.log(level, "sweep.finished", kind=kind, **finished_fields(report, exit_status))

    def _log_scope(self, scanned: Scanned, report: Report) -> None:
        scope = scanned.scope
        event = log.bind(sweep_id=report.sweep_id, account_id=scope.account_id, region=scope.region)
        if isinstance(scanned, Failed):
            if self._failing.get(scope) is not scanned.reason:
                self._failing[scope] = scanned.reason
                level = logging.INFO if is_expected(scope, report) else logging.WARNING
                reason = scanned.reason.value
                event.log(level, "scope.failed", reason=reason, message=scanned.message)
        elif isinstance(scanned, Complete):
            if self._failing.pop(scope, None) is not None:
                event.info("scope.recovered", caches=len(scanned.caches))
            codes = frozenset(note.code for note in scanned.notes)
            if codes == self._noted.get(scope, frozenset()):
                return
            self._noted[scope] = codes
            if codes:
                event.warning("scope.noted", notes=sorted(codes), message=scanned.message)
            else:
                event.info("scope.notes_ended")


def finished_fields(report: Report, exit_status: Exit) -> dict[str, Any]:
    """Fields of `sweep.finished`: items by action, scopes by status, and how it ended."""
    return {
        "sweep_id": report.sweep_id,
        "plan_checksum": report.checksum,
        "duration_s": round((report.finished_at - report.started_at).total_seconds(), 3),
        "exit_code": int(exit_status),
        "outcome": exit_status.name.lower(),
        "complete": report.complete,
        **_of_this_run(report).summary,
        "scopes": dict(Counter(scope.status.value for scope in report.scopes)),
        "guard_refused": report.guard.refused,
        "guard_code": report.guard.code and report.guard.code.value,
        "paused_until": report.paused_until and report.paused_until.isoformat(),
        "error": report.error,
        "sentence": sentence(report),
    }


def _of_this_run(report: Report) -> Report:
    """The report without items of scopes outside this run, such as those of another shard."""
    scanned = {each.scope for each in report.scopes}
    items = tuple(
        item
        for item in report.items
        if item.reason is not Reason.NOT_IN_RUN or item.scope in scanned
    )
    return replace(report, items=items)
