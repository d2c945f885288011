"""The log of calls that both simulations keep, for tests to read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

C = TypeVar("C")


class RecentCalls(Generic[C]):
    """The latest calls, oldest first; older ones are forgotten."""

    def __init__(self, capacity: int) -> None:
        self._calls: deque[C] = deque(maxlen=capacity)

    def __iter__(self) -> Iterator[C]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: C) -> None:
        """Append a call."""
        self._calls.append(call)

    def clear(self) -> None:
        """Forget every call."""
        self._calls.clear()

    def select(self, **wanted: object) -> tuple[C, ...]:
        """Return the calls with these values in these fields; None is any value."""
        given = {name: value for name, value in wanted.items() if value is not None}
        return tuple(
            call
            for call in self
            if all(getattr(call, name) == value for name, value in given.items())
        )
