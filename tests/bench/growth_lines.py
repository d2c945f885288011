"""Points of `tests.bench.growth`, the straight lines through them, and the table of both."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.figures import AGAIN, FIRST
from tests.bench.measure import MIB, Cost

SWEEPS = (FIRST, AGAIN)


@dataclass(frozen=True, slots=True)
class World:
    """One world to sweep."""

    accounts: int
    regions: int
    caches: int
    others: int = 0
    """Registrations beside those of its caches."""

    @property
    def registrations(self) -> int:
        """Everything that is listed once the world was swept."""
        return self.caches + self.others


@dataclass(frozen=True, slots=True)
class Series:
    """Worlds in which one thing grows."""

    what: str
    worlds: Sequence[World]

    def size(self, world: World) -> int:
        """How many there are of what grows."""
        return int(getattr(world, self.what))


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a sweep."""

    unit: str
    read: Callable[[Cost], float]
    shown: str
    """Its format."""


MEASURES = (
    Measure("CPU s", lambda cost: cost.cpu_s, ".2f"),
    Measure("wall s", lambda cost: cost.undisturbed_s, ".2f"),
    Measure("MiB", lambda cost: cost.peak_bytes / MIB, ".0f"),
)
"""Of the wall time, what was spent waiting for a core is left out."""

Costs = Mapping[tuple[World, str], Cost]
"""By world and sweep."""


@dataclass(frozen=True, slots=True)
class Line:
    """The straight line nearest to some points."""

    start: float
    slope: float
    off: float
    """Largest distance of a point from it, as a share of the line there."""

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> Line:
        """Fit it, by least squares."""
        xs, ys = zip(*points, strict=True)
        slope, start = statistics.linear_regression(xs, ys)
        off = max(abs(y / (start + slope * x) - 1) for x, y in points)
        return cls(start, slope, off)


def line_of(each: Series, sweep: str, measure: Measure, costs: Costs) -> Line:
    """The line through the points of one series."""
    return Line.through(
        [(each.size(world), measure.read(costs[world, sweep])) for world in each.worlds]
    )


def lines(found: Sequence[Series], costs: Costs) -> Iterator[str]:
    """The table, in Markdown."""
    heads = [f"{sweep.partition(',')[0]}: {each.unit}" for sweep in SWEEPS for each in MEASURES]
    yield f"| | {' | '.join(heads)} |\n"
    yield "| --- " * (1 + len(heads)) + "|\n"
    for each in found:
        for world in each.worlds:
            cells = [
                format(measure.read(costs[world, sweep]), measure.shown)
                for sweep in SWEEPS
                for measure in MEASURES
            ]
            yield f"| {each.size(world)} {each.what} | {' | '.join(cells)} |\n"
        fitted = [
            _described(line_of(each, sweep, measure, costs), measure)
            for sweep in SWEEPS
            for measure in MEASURES
        ]
        yield f"| **one more, off** | {' | '.join(fitted)} |\n"


def _described(line: Line, measure: Measure) -> str:
    by, unit = (1000, "ms") if measure.unit.endswith(" s") else (1024, "KiB")
    return f"{line.slope * by:.2f} {unit}, {line.off:.0%}"
