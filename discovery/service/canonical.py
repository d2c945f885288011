"""The one event that tells a whole sweep, for whoever keeps logs and not reports."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any, Final

import structlog

from discovery.reports.exit import Exit, exit_code
from discovery.reports.report import Report
from discovery.reports.sentence import sentence

log = structlog.get_logger()


_LEVELS: Final = {
    Exit.FAILED: logging.ERROR,
    Exit.REFUSED: logging.WARNING,
    Exit.INCOMPLETE: logging.WARNING,
}


def log_finished(report: Report, *, kind: str) -> None:
    """One `sweep.finished` stands in the log: an error when it could not be done, a warning when
    a guard refused or something failed. `kind`: `sweep` or `rescan`."""
    ending = exit_code(report)
    level = _LEVELS.get(ending, logging.INFO)
    log.log(level, "sweep.finished", kind=kind, **finished_fields(report, ending))


def finished_fields(report: Report, ending: Exit) -> dict[str, Any]:
    """What the event says: counts of items by action and of scopes by status, and how it ended."""
    return {
        "sweep_id": report.sweep_id,
        "plan_checksum": report.checksum,
        "duration_s": round((report.finished_at - report.started_at).total_seconds(), 3),
        "exit_code": int(ending),
        "outcome": ending.name.lower(),
        "complete": report.complete,
        **report.summary,
        "scopes": dict(Counter(scope.status.value for scope in report.scopes)),
        "guard_refused": report.guard.refused,
        "guard_code": report.guard.code and report.guard.code.value,
        "paused_until": report.paused_until and report.paused_until.isoformat(),
        "error": report.error,
        "sentence": sentence(report),
    }
