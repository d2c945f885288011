"""Attempts at a round: whatever comes of one is counted and logged, and nothing ends the service
but what only a person can mend."""

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
    """One after another or side by side."""

    rounds: SweepRunner
    metrics: Metrics
    vitals: HealthState
    fatal: asyncio.Future[Exception] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """Set when the state file turned out to belong to something else: no round may go on."""
    _log: SweepLog = field(default_factory=SweepLog)

    async def attempt(
        self, kind: SweepKind, work: Callable[[SweepRunner], Awaitable[ScheduledRun | None]]
    ) -> ScheduledRun | None:
        """The round, once it has come to its end; None when it did not. Never raises."""
        try:
            done = await work(self.rounds)
        except WrongState as error:
            self._broke(kind, error)
            if not self.fatal.done():
                self.fatal.set_result(error)
        except StateError as error:
            self.vitals.state_trouble = type(error).__name__.upper()
            self._broke(kind, error)
        except Exception as error:
            self._broke(kind, error, is_defect=True)
        else:
            if done is not None:
                self._ended(done)
            return done
        return None

    def _broke(self, kind: SweepKind, error: Exception, *, is_defect: bool = False) -> None:
        self.metrics.broke(kind)
        if kind is SweepKind.SWEEP:
            self.vitals.sweep_trouble = True
        log.error(
            "sweep.broke",
            kind=kind.value,
            error_code=type(error).__name__,
            why=str(error),
            next="nothing is forgotten; the next round begins from the start",
            exc_info=error if is_defect else None,
        )

    def _ended(self, done: ScheduledRun) -> None:
        self.vitals.state_trouble = None
        self.metrics.swept(done.report, kind=done.kind)
        self._log.finished(done.report, kind=done.kind.value)
        _warn_of_time(done.report)
        if done.kind is SweepKind.SWEEP and not done.report.interrupted:
            self.vitals.sweep_trouble = done.report.error is not None
            self.vitals.first_sweep_done |= not self.vitals.sweep_trouble


def _warn_of_time(report: Report) -> None:
    unreached = [each for each in report.scopes if isinstance(each, Skipped) and each.past_deadline]
    if unreached:
        log.warning(
            "sweep.unfinished",
            sweep_id=report.sweep_id,
            scopes=len(unreached),
            why=unreached[0].message,
        )
