"""Simulated time: the world's own, and the agent's clock, which may be set wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""When every run begins. Long ago, so that no lease of a role, which goes by the machine's
clock, looks as if it had run out."""


@dataclass
class SimClock:
    """A clock that stands still until `advance` is called."""

    now: datetime = EPOCH
    ahead: timedelta = timedelta(0)
    """How far the agent's clock is ahead of the world's; negative when late."""

    def world(self) -> datetime:
        """What resources live by."""
        return self.now

    def agent(self) -> datetime:
        """What the agent's machine says."""
        return self.now + self.ahead

    def monotonic(self) -> float:
        """Seconds that have passed, whatever any clock was set to."""
        return (self.now - EPOCH).total_seconds()

    def advance(self, span: timedelta) -> None:
        """Move both clocks."""
        self.now += span

    async def sleep(self, seconds: float) -> None:
        """Whoever sleeps wakes up at once, and as much time has passed."""
        self.now += timedelta(seconds=seconds)


class WallClock(SimClock):
    """Time as processes of their own have it: the machine's, and what was let pass for those that
    live in this one."""

    def __init__(self) -> None:
        super().__init__(now=EPOCH)

    def world(self) -> datetime:
        return datetime.now(UTC)

    def agent(self) -> datetime:
        return datetime.now(UTC) + (self.now - EPOCH)

    def monotonic(self) -> float:
        return time.monotonic() + super().monotonic()
