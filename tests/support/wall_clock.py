"""A wall clock that follows the loop's time, and can be set."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import apscheduler.schedulers.base
import pytest

import discovery.service.schedule

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class WallClock:
    """What everybody sees: noon when the test began, and the loop's time since."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed_s) + self.offset

    @property
    def passed_s(self) -> float:
        """Seconds of loop time since the test began: `looptime` begins at nothing."""
        return asyncio.get_running_loop().time()

    def step(self, **span: float) -> None:
        """Somebody sets the clock."""
        self.offset += timedelta(**span)


def follow(clock: WallClock, patch: pytest.MonkeyPatch) -> None:
    """The scheduler and what stands around it look at this clock."""

    class Shown(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return clock.now().astimezone(tz)

    patch.setattr(apscheduler.schedulers.base, "datetime", Shown)
    patch.setattr(discovery.service.schedule, "datetime", Shown)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    clock = WallClock()
    follow(clock, monkeypatch)
    return clock
