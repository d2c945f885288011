"""What one more scope or cache costs in CPU: two sizes of one world, so that start-up cancels.

    python -m tests.bench.slopes --rounds 3

Each sweep is the real `cachemuster sweep`, a process of its own, as in `tests.bench.sweep`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from discovery.sandbox.generated_world import Size
from tests.bench.figures import AGAIN, FIRST
from tests.bench.measure import Failed
from tests.bench.sweep import measured


@dataclass(frozen=True, slots=True)
class Slope:
    """One thing that is to cost no more than so much."""

    what: str
    small: Size
    large: Size
    run: str
    most_ms: float

    @property
    def difference(self) -> int:
        """How many more scopes or caches the large world has."""
        if self.small.caches != self.large.caches:
            return self.large.caches - self.small.caches
        return (self.large.accounts - self.small.accounts) * self.small.regions


@dataclass(frozen=True, slots=True)
class Found:
    """A slope, measured several times."""

    what: str
    most_ms: float
    each_ms: Sequence[float]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.each_ms)


def slopes(scale: int) -> Sequence[Slope]:
    """Empty scopes, unchanged caches, created caches; `scale` 1 is 100 accounts × 5 regions."""
    few, many = Size(50 * scale, 5, 0), Size(150 * scale, 5, 0)
    thin, thick = Size(100 * scale, 5, 1000 * scale), Size(100 * scale, 5, 3000 * scale)
    return (
        Slope("empty scope", few, many, AGAIN, 3),
        Slope("unchanged cache", thin, thick, AGAIN, 2),
        Slope("created cache", thin, thick, FIRST, 4),
    )


def measure(wanted: Sequence[Slope], rounds: int) -> Sequence[Found]:
    """Every slope in every round; each world is swept once a round for all that need it."""
    found: dict[str, list[float]] = {slope.what: [] for slope in wanted}
    for _ in range(rounds):
        worlds = {size for slope in wanted for size in (slope.small, slope.large)}
        cpu_s = {size: _cpu_s(size) for size in sorted(worlds, key=repr)}
        for slope in wanted:
            more_s = cpu_s[slope.large][slope.run] - cpu_s[slope.small][slope.run]
            found[slope.what].append(1000 * more_s / slope.difference)
    return [Found(slope.what, slope.most_ms, found[slope.what]) for slope in wanted]


def _cpu_s(size: Size) -> Mapping[str, float]:
    runs = measured(size, latency_ms=20, pattern=False).runs
    return {run.what: run.cost.cpu_s for run in runs}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 when a slope is steeper than it may be."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.slopes", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=1, help="of several, the median")
    parser.add_argument("--scale", type=int, default=1, help="worlds so many times as large")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        found = measure(slopes(asked.scale), asked.rounds)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if asked.json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], indent=1) + "\n")
    else:
        for each in found:
            spread = ", ".join(f"{ms:.2f}" for ms in each.each_ms)
            sys.stdout.write(
                f"{each.what:<16} {each.median_ms:5.2f} ms of CPU (at most {each.most_ms:g}; "
                f"rounds: {spread})\n"
            )
    return 1 if any(each.median_ms > each.most_ms for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
