"""When things are done, by two clocks that need not agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from discovery.service.schedule import Schedule
from tests.support.wall_clock import WallClock, wall

__all__ = ["wall"]

pytestmark = pytest.mark.looptime

MINUTE = timedelta(minutes=1)
NONE = timedelta(0)


@pytest.fixture
async def schedule(wall: WallClock) -> AsyncIterator[Schedule]:
    made = Schedule()
    yield made
    await made.stop()


def noting(wall: WallClock, moments: list[float]) -> Callable[[], Awaitable[Any]]:
    """Work that takes no time and notes when it was done."""

    async def work() -> None:
        moments.append(round(wall.passed_s))

    return work


async def test_the_first_is_at_once_then_one_each_interval(
    schedule: Schedule, wall: WallClock
) -> None:
    schedule.start()
    moments: list[float] = []
    schedule.every("sweep", noting(wall, moments), interval=5 * MINUTE, jitter=NONE)
    await asyncio.sleep(16 * 60)
    assert moments == [0, 300, 600, 900]


async def test_jitter_only_adds(schedule: Schedule, wall: WallClock) -> None:
    schedule.start()
    moments: list[float] = []
    schedule.every("sweep", noting(wall, moments), interval=5 * MINUTE, jitter=MINUTE)
    await asyncio.sleep(3600 * 10)
    spans = [later - earlier for earlier, later in pairwise(moments)]
    assert min(spans) >= 300
    assert max(spans) <= 361
    assert max(spans) - min(spans) > 20


@pytest.mark.parametrize("hours", [-1, -30 * 24, 1, 30 * 24])
async def test_a_clock_that_is_set_costs_no_sweep(
    schedule: Schedule, wall: WallClock, hours: float
) -> None:
    schedule.start()
    moments: list[float] = []
    schedule.every("sweep", noting(wall, moments), interval=5 * MINUTE, jitter=NONE)
    await asyncio.sleep(60)
    wall.step(hours=hours)
    await asyncio.sleep(30 * 60)
    assert len(moments) in (6, 7)
    spans = [later - earlier for earlier, later in pairwise(moments)]
    assert max(spans) <= 302


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_set_holds_up_no_single_job(
    schedule: Schedule, wall: WallClock, hours: float
) -> None:
    schedule.start()
    moments: list[float] = []
    schedule.once("rescan", noting(wall, moments), after=timedelta(seconds=5))
    await asyncio.sleep(1)
    wall.step(hours=hours)
    with capture_logs() as logs:
        await asyncio.sleep(60)
    assert moments in ([5], [6])
    told = [each for each in logs if each["event"] == "schedule.clock_stepped"]
    assert len(told) == (1 if hours < 0 else 0)


async def test_one_that_takes_longer_than_its_interval_is_never_two(
    schedule: Schedule, wall: WallClock
) -> None:
    schedule.start()
    at_once, most, begun = 0, 0, 0

    async def slow() -> None:
        nonlocal at_once, most, begun
        begun += 1
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(12 * 60)
        at_once -= 1

    schedule.every("sweep", slow, interval=5 * MINUTE, jitter=NONE)
    await asyncio.sleep(3600)
    assert most == 1
    assert begun in (4, 5)
    schedule.hold()
    await schedule.wait_until_idle()


async def test_missed_ones_are_one(schedule: Schedule, wall: WallClock) -> None:
    schedule.start()
    moments: list[float] = []
    schedule.every("sweep", noting(wall, moments), interval=5 * MINUTE, jitter=NONE)
    await asyncio.sleep(1)
    wall.step(days=7)  # a laptop was asleep
    await asyncio.sleep(200)
    assert moments in ([0], [0, 1])


async def test_a_rhythm_can_be_changed(schedule: Schedule, wall: WallClock) -> None:
    schedule.start()
    moments: list[float] = []
    schedule.every("sweep", noting(wall, moments), interval=60 * MINUTE, jitter=NONE)
    await asyncio.sleep(60)
    schedule.change("sweep", interval=MINUTE, jitter=NONE)
    await asyncio.sleep(150)
    assert moments == [0, 120, 180]
    due_at = schedule.due_at("sweep")
    assert due_at is not None
    assert round((due_at - wall.now()).total_seconds()) == 30


async def test_a_single_job_can_be_asked_for_while_it_runs(
    schedule: Schedule, wall: WallClock
) -> None:
    """APScheduler drops a job whose id is that of one that runs."""
    schedule.start()
    moments: list[float] = []

    async def work() -> None:
        moments.append(round(wall.passed_s))
        if len(moments) == 1:
            schedule.once("rescan", work, after=NONE)
            await asyncio.sleep(30)

    schedule.once("rescan", work, after=NONE)
    await asyncio.sleep(60)
    assert len(moments) == 2


async def test_one_that_waits_is_replaced(schedule: Schedule, wall: WallClock) -> None:
    schedule.start()
    moments: list[float] = []
    for span in (60, 10, 20):
        after = timedelta(seconds=span)
        schedule.once("follow", noting(wall, moments), after=after)
    await asyncio.sleep(120)
    assert moments == [20]


async def test_held_it_begins_nothing_and_what_runs_goes_on(
    schedule: Schedule, wall: WallClock
) -> None:
    schedule.start()
    ended: list[float] = []

    async def slow() -> None:
        await asyncio.sleep(5)
        ended.append(round(wall.passed_s))

    schedule.every("sweep", slow, interval=MINUTE, jitter=NONE)
    await asyncio.sleep(1)
    schedule.hold()
    schedule.once("rescan", slow, after=NONE)
    await schedule.wait_until_idle()
    await asyncio.sleep(600)
    assert ended == [5]


async def test_stopped_it_leaves_nothing_running(wall: WallClock) -> None:
    schedule = Schedule()
    schedule.start()

    async def endless() -> None:
        await asyncio.Event().wait()

    schedule.every("sweep", endless, interval=MINUTE, jitter=NONE)
    await asyncio.sleep(1)
    await schedule.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}
