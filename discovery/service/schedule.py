"""Run jobs on time: APScheduler by the wall clock, with alarms by the monotonic clock.

APScheduler sleeps until a wall-clock time. When that clock is set back by an hour, the next sweep
comes an hour late (measured with 3.11). So every job also has a monotonic alarm: when that goes off
and the job has not started, it is due now, whatever the wall clock says.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import structlog
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger

log = structlog.get_logger()

Work = Callable[[], Awaitable[Any]]
"""What a job does."""

SLACK_S: Final = 1.0
"""How long after its time a job counts as held back by the wall clock."""


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler is untyped
    """Trigger: from start to start `interval`, plus up to `jitter`; missed runs are one run."""

    def __init__(self, interval: timedelta, jitter: timedelta) -> None:
        self.interval = interval
        self.jitter = jitter

    @property
    def longest_s(self) -> float:
        """Longest time between two starts, in seconds."""
        return (self.interval + self.jitter).total_seconds()

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Time of the next run, for APScheduler; the first is due at once."""
        if previous is None:
            return now
        return now + self.interval + random.random() * self.jitter  # noqa: S311 - no secret


@dataclass(slots=True, eq=False)
class _Job:
    """What APScheduler does not keep of one job."""

    job_id: str
    work: Work
    longest_s: float
    """Time within which it starts, by the monotonic clock."""
    is_repeated: bool
    alarm: asyncio.TimerHandle | None = None
    is_running: bool = False

    def disarm(self) -> None:
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None


class Schedule:
    """Jobs by name. A repeated job never runs twice at once."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._jobs: dict[str, _Job] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._numbers = count()
        self._is_held = False

    def start(self) -> None:
        """Start running jobs when they are due."""
        self._scheduler.start()

    def every(self, name: str, work: Work, *, interval: timedelta, jitter: timedelta) -> None:
        """Run the work now and then repeatedly; replaces a job of that name."""
        trigger = Every(interval, jitter)
        self._add(name, work, trigger, longest_s=0.0, is_repeated=True)
        self._jobs[name].longest_s = trigger.longest_s

    def change(self, name: str, *, interval: timedelta, jitter: timedelta) -> None:
        """Change interval and jitter of a job; its next run is one interval from now."""
        entry, trigger = self._jobs[name], Every(interval, jitter)
        next_run_at = trigger.get_next_fire_time(_now(), _now())
        self._scheduler.modify_job(entry.job_id, trigger=trigger, next_run_time=next_run_at)
        entry.longest_s = trigger.longest_s
        self._arm(name, entry, trigger.longest_s)

    def once(self, name: str, work: Work, *, after: timedelta) -> None:
        """Run the work once after a delay; replaces a waiting job of that name."""
        trigger = DateTrigger(_now() + after, timezone=UTC)
        self._add(name, work, trigger, longest_s=after.total_seconds(), is_repeated=False)

    def due_at(self, name: str) -> datetime | None:
        """Wall-clock time of the next run of a job; None when unknown."""
        entry = self._jobs.get(name)
        job = self._scheduler.get_job(entry.job_id) if entry is not None else None
        return job.next_run_time if job is not None else None

    def hold(self) -> None:
        """Start no more jobs; running ones continue."""
        self._is_held = True
        self._scheduler.pause()
        for entry in self._jobs.values():
            entry.disarm()

    async def wait_until_idle(self) -> None:
        """Wait until no job is running."""
        while self._running:
            await asyncio.wait(self._running)

    async def stop(self) -> None:
        """Start no more jobs and cancel those that run."""
        for entry in self._jobs.values():
            entry.disarm()
        self._jobs.clear()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)  # cancels what runs, whatever `wait` says
            await asyncio.sleep(0)  # it stops by a callback of the loop
        await asyncio.gather(*self._running, return_exceptions=True)

    def _add(
        self, name: str, work: Work, trigger: BaseTrigger, *, longest_s: float, is_repeated: bool
    ) -> None:
        if self._is_held:
            return
        self._remove(name)
        # An id of its own: a job that waits under the id of one that runs is skipped and lost.
        entry = _Job(f"{name} #{next(self._numbers)}", work, longest_s, is_repeated)
        self._jobs[name] = entry
        self._scheduler.add_job(
            self._run,
            trigger,
            args=[name, entry],
            id=entry.job_id,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        self._arm(name, entry, longest_s)

    def _remove(self, name: str) -> None:
        before = self._jobs.pop(name, None)
        if before is not None:
            before.disarm()
            with contextlib.suppress(JobLookupError):  # it is being begun for the last time
                self._scheduler.remove_job(before.job_id)

    async def _run(self, name: str, entry: _Job) -> None:
        if entry.is_repeated:
            self._arm(name, entry, entry.longest_s)
        elif self._jobs.get(name) is entry:
            self._jobs.pop(name).disarm()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine is run by one
        self._running.add(task)
        entry.is_running = True
        try:
            await entry.work()
        finally:
            entry.is_running = False
            self._running.discard(task)

    def _arm(self, name: str, entry: _Job, after_s: float) -> None:
        """Set the alarm after which a job that has not started is due."""
        entry.disarm()
        if not self._is_held:
            loop = asyncio.get_running_loop()
            entry.alarm = loop.call_later(after_s + SLACK_S, self._overdue, name, entry)

    def _overdue(self, name: str, entry: _Job) -> None:
        job = self._scheduler.get_job(entry.job_id)
        if job is None or self._jobs.get(name) is not entry:
            return
        late_s = (job.next_run_time - _now()).total_seconds()
        if late_s > 0 and not entry.is_running:
            log.warning("schedule.clock_stepped", job=name, held_back_s=round(late_s, 3))
            job.modify(next_run_time=_now())
        self._arm(name, entry, entry.longest_s)


def _now() -> datetime:
    return datetime.now(UTC)
