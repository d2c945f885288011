"""Stored values that pass through statuses while the clock runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delays:
    """How long changes take, by the sandbox's clock; zero means at once."""

    creating: timedelta = timedelta(0)
    modifying: timedelta = timedelta(0)
    deleting: timedelta = timedelta(0)
    retagging: timedelta = timedelta(0)
    """How long a cache is `modifying` after its tags changed (terraform-provider-aws #48930)."""
    tag_index_lag: timedelta = timedelta(0)
    """After this, new resources and changed tags are seen by the tagging API."""
    tag_index_memory: timedelta = timedelta(0)
    """For so long the tagging API still returns what is deleted (boto3 #3341: hours)."""


LIKE_AWS = Delays(
    creating=timedelta(seconds=8),
    modifying=timedelta(seconds=4),
    deleting=timedelta(seconds=6),
    tag_index_lag=timedelta(seconds=10),
    tag_index_memory=timedelta(seconds=60),
)
"""Delays in AWS's order of size, short enough for a person to wait for."""


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What a stored value becomes at a moment; None: it is gone."""

    due_at: datetime
    finish: Callable[[T], T | None]


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """One change of a stored value. None before: it is new; None after: it is gone."""

    before: T | None
    after: T | None
    due_at: datetime | None = None
    """When the change that is under way now is due."""
    is_timed: bool = False
    """Whether the passing of time made the change."""


class TimedStore(Generic[T]):
    """Stored values by id, some of them on their way to another value."""

    def __init__(self) -> None:
        self._values: dict[str, T] = {}
        self._changes: dict[str, Change[T]] = {}
        self.watch: Callable[[Step[T]], None] | None = None
        """Called after every change."""

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> T | None:
        """Return the value, or None."""
        return self._values.get(key)

    def values(self) -> tuple[T, ...]:
        """Return all values in the order of their ids."""
        return tuple(value for _, value in sorted(self._values.copy().items()))

    def put(self, key: str, value: T, change: Change[T] | None = None) -> None:
        """Store a value; `change` replaces what was under way for it."""
        self._put(key, value, change, is_timed=False)

    def edit(self, key: str, value: T) -> None:
        """Store a value; what was under way for it goes on."""
        before = self._values.get(key)
        self._values[key] = value
        if self.watch is not None:
            self.watch(Step(before, value))

    def drop(self, key: str) -> None:
        """Remove a value."""
        self._drop(key, is_timed=False)

    def _put(self, key: str, value: T, change: Change[T] | None, *, is_timed: bool) -> None:
        before = self._values.get(key)
        self._values[key] = value
        self._changes.pop(key, None)
        if change is not None:
            self._changes[key] = change
        if self.watch is not None:
            self.watch(Step(before, value, change.due_at if change else None, is_timed))

    def _drop(self, key: str, *, is_timed: bool) -> None:
        before = self._values.pop(key, None)
        self._changes.pop(key, None)
        if self.watch is not None and before is not None:
            self.watch(Step(before, None, is_timed=is_timed))

    def advance(self, now: datetime) -> None:
        """Finish every change that is due at `now`."""
        if not self._changes:
            return
        for key, change in tuple(self._changes.items()):
            if change.due_at > now:
                continue
            value = self._values.get(key)
            finished = None if value is None else change.finish(value)
            if finished is None:
                self._drop(key, is_timed=True)
            else:
                self._put(key, finished, None, is_timed=True)
