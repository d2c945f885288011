"""When things are done: APScheduler by the wall clock, woken by the monotonic one.

APScheduler sleeps until a wall-clock time. When that clock is set back by an hour, the next sweep
comes an hour late (measured with 3.11). So every job also has a monotonic alarm: when that goes off
and the job was not begun, it is due now, whatever the wall clock says.
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

SLACK_S: Final = 1.0
"""How long after its time a job counts as held back by the wall clock."""


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler is untyped
    """From the beginning of one run to the beginning of the next: `interval`, and up to `jitter`
    more. Runs that were missed are one run."""

    def __init__(self, interval: timedelta, jitter: timedelta) -> None:
        self.interval = interval
        self.jitter = jitter

    @property
    def longest_s(self) -> float:
        return (self.interval + self.jitter).total_seconds()

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """APScheduler's question; the first run is due at once."""
        if previous is None:
            return now
        return now + self.interval + random.random() * self.jitter  # noqa: S311 - no secret


@dataclass(slots=True, eq=False)
class _Job:
    """One job, as far as APScheduler does not keep it."""

    job_id: str
    work: Work
    longest_s: float
    """Within so long it is begun, by the monotonic clock."""
    is_repeated: bool
    alarm: asyncio.TimerHandle | None = None
    is_running: bool = False

    def disarm(self) -> None:
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None


class Schedule:
    """Jobs by name. What is repeated never runs beside itself."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._jobs: dict[str, _Job] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._numbers = count()
        self._is_held = False

    def start(self) -> None:
        """Jobs begin when they are due."""
        self._scheduler.start()

    def every(self, name: str, work: Work, *, interval: timedelta, jitter: timedelta) -> None:
        """The work is done at once, and then again and again; one of that name is replaced."""
        trigger = Every(interval, jitter)
        self._add(name, work, trigger, longest_s=0.0, is_repeated=True)
        self._jobs[name].longest_s = trigger.longest_s

    def change(self, name: str, *, interval: timedelta, jitter: timedelta) -> None:
        """From now on it is done in this rhythm, next after one interval."""
        entry, trigger = self._jobs[name], Every(interval, jitter)
        next_run_at = trigger.get_next_fire_time(_now(), _now())
        self._scheduler.modify_job(entry.job_id, trigger=trigger, next_run_time=next_run_at)
        entry.longest_s = trigger.longest_s
        self._arm(name, entry, trigger.longest_s)

    def once(self, name: str, work: Work, *, after: timedelta) -> None:
        """The work is done once, so long from now; one of that name that waits is replaced."""
        trigger = DateTrigger(_now() + after, timezone=UTC)
        self._add(name, work, trigger, longest_s=after.total_seconds(), is_repeated=False)

    def due_at(self, name: str) -> datetime | None:
        """When it is done next, by the wall clock; None when that is not known."""
        entry = self._jobs.get(name)
        job = self._scheduler.get_job(entry.job_id) if entry is not None else None
        return job.next_run_time if job is not None else None

    def hold(self) -> None:
        """Nothing more is begun; what is running goes on."""
        self._is_held = True
        self._scheduler.pause()
        for entry in self._jobs.values():
            entry.disarm()

    async def wait_until_idle(self) -> None:
        """Nothing is running any more."""
        while self._running:
            await asyncio.wait(self._running)

    async def stop(self) -> None:
        """Nothing more is begun, and what is still running was cancelled."""
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
        """When the time is over and the job was not begun, it is due."""
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
