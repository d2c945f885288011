"""Run sweeps and re-scans so that no failure ends the service.

Each outcome is counted and logged; only what a person has to repair ends the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from discovery.model.values import Skipped
from discovery.plan.identity import WrongState
from discovery.reports.report import Report
from discovery.service.health import HealthState
from discovery.service.metrics import Metrics
from discovery.service.runner import ScheduledRun, SweepRunner
from discovery.service.sweep_log import SweepLog
from discovery.sweep.context import SweepKind
from state.errors import StateError

log = structlog.get_logger()


@dataclass(slots=True)
class Supervisor:
    """Run work of the runner, one after another or in parallel, and record how it ended."""

    runner: SweepRunner
    metrics: Metrics
    health: HealthState
    fatal: asyncio.Future[Exception] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """Set when the state file turned out to belong to something else: no run may continue."""
    _log: SweepLog = field(default_factory=SweepLog)

    async def attempt(
        self, kind: SweepKind, work: Callable[[SweepRunner], Awaitable[ScheduledRun | None]]
    ) -> ScheduledRun | None:
        """Run the work; returns its result, or None when it did not finish. Never raises."""
        try:
            run = await work(self.runner)
        except WrongState as error:
            self._record_failure(kind, error)
            if not self.fatal.done():
                self.fatal.set_result(error)
        except StateError as error:
            self.health.state_error = type(error).__name__.upper()
            self._record_failure(kind, error)
        except Exception as error:
            self._record_failure(kind, error, is_defect=True)
        else:
            if run is not None:
                self._record_run(run)
            return run
        return None

    def _record_failure(
        self, kind: SweepKind, error: Exception, *, is_defect: bool = False
    ) -> None:
        self.metrics.record_failure(kind)
        if kind is SweepKind.SWEEP:
            self.health.sweep_failed = True
        log.error(
            "sweep.broke",
            kind=kind.value,
            error_code=type(error).__name__,
            why=str(error),
            next="nothing is forgotten; the next run starts over",
            exc_info=error if is_defect else None,
        )

    def _record_run(self, run: ScheduledRun) -> None:
        self.health.state_error = None
        self.metrics.record_run(run.report, kind=run.kind)
        self._log.log_run(run.report, kind=run.kind.value)
        _warn_of_time(run.report)
        if run.kind is SweepKind.SWEEP and not run.report.interrupted:
            self.health.sweep_failed = run.report.error is not None
            self.health.first_sweep_done |= not self.health.sweep_failed


def _warn_of_time(report: Report) -> None:
    unreached = [each for each in report.scopes if isinstance(each, Skipped) and each.past_deadline]
    if unreached:
        log.warning(
            "sweep.unfinished",
            sweep_id=report.sweep_id,
            scopes=len(unreached),
            why=unreached[0].message,
        )
