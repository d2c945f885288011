"""Injected faults of both simulations: what every fault has, and which are in force."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong. Raises ValueError for settings that contradict each other."""

    effects: ClassVar[type[StrEnum]]
    """What a fault of this simulation can do."""

    effect: StrEnum
    times: int | None = None
    """For how many calls; None: for ever."""
    skip: int = 0
    """How many matching calls pass before it begins."""
    message: str = "injected by a test"
    delay_s: float = 0.0
    page_size: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "effect", self.effects(self.effect))
        for problem in (*self.problems(), *self._common_problems()):
            raise ValueError(problem)

    def problems(self) -> Iterator[str]:
        """List what contradicts the effect, in words for whoever sent the fault."""
        return iter(())

    def matches(self, call: Any) -> bool:
        """Return whether the fault applies to this call."""
        raise NotImplementedError

    def counts(self, call: Any) -> bool:
        """Return whether a matching call is one of those that `times` and `skip` count."""
        del call
        return True

    def _common_problems(self) -> Iterator[str]:
        if self.page_size < 1:
            yield "page_size is at least 1"
        if (self.times is not None and self.times < 1) or self.skip < 0:
            yield "times is at least 1, skip at least 0"


F = TypeVar("F", bound=Fault)


class FaultBoard(Generic[F]):
    """The faults in force, by number."""

    def __init__(self) -> None:
        self._faults: dict[int, F] = {}
        self._matched: dict[int, int] = {}
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[tuple[int, F]]:
        return iter(tuple(self._faults.items()))

    def add(self, fault: F) -> int:
        """Put the fault in force and return its number."""
        number = next(self._numbers)
        self._matched[number] = 0
        self._faults[number] = fault
        return number

    def remove(self, number: int) -> bool:
        """Take the fault out of force; return whether it was in force."""
        self._matched.pop(number, None)
        return self._faults.pop(number, None) is not None

    def clear(self) -> None:
        """Take every fault out of force."""
        self._faults.clear()
        self._matched.clear()

    def consume(self, call: Any) -> tuple[F, ...]:
        """Use once more each fault that applies to this call, and return those that act."""
        return tuple(
            fault
            for number, fault in self
            if fault.matches(call) and (not fault.counts(call) or self._use(number, fault))
        )

    def _use(self, number: int, fault: F) -> bool:
        used = self._matched[number] = self._matched[number] + 1
        if used <= fault.skip:
            return False
        if fault.times is not None and used >= fault.skip + fault.times:
            self.remove(number)
        return True
