"""The sandbox's time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Answers the present moment as an aware datetime."""


def wall_clock() -> datetime:
    """Return the machine's own time, in UTC."""
    return datetime.now(UTC)


class SteppableClock:
    """A clock that follows another one, moved by what it was advanced."""

    def __init__(self, base: Clock = wall_clock) -> None:
        self._base = base
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Return the present moment."""
        return self._base() + self._ahead

    @property
    def ahead(self) -> timedelta:
        """How far this clock is before its base; negative when behind."""
        return self._ahead

    def advance(self, by: timedelta) -> None:
        """Move every later reading by `by`; a negative one sets the clock back."""
        self._ahead += by
