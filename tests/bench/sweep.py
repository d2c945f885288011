"""The benchmark: one sweep against the call pattern of Teleport's Discovery, side by side.

    python -m tests.bench.sweep --accounts 100 --regions 5 --caches 1000 --spread typical \\
        --latency-ms 100

The simulated AWS runs in a process of its own, each sweep in another: the real `cachemuster sweep`,
measured from process start to exit. Ratios are those of one round; of several rounds, the median.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from discovery.sandbox.generated_world import Size, Spread
from tests.bench.cloud import COMMAND, Cloud, running, write_configuration
from tests.bench.figures import AGAIN, FIRST, PATTERN, TICK, Figures, Run, write_table
from tests.bench.measure import Cost, Failed, cost_of
from tests.bench.together import cost_together


@dataclass(frozen=True, slots=True)
class Bench:
    """One cloud, and a directory with the configuration, state and registry of the sweeps."""

    cloud: Cloud
    directory: Path
    workers: str = "1"
    """`aws.workers` of the sweeps."""

    @property
    def configuration(self) -> Path:
        return self.directory / "cachemuster.yaml"

    def pattern(self) -> Run:
        """The call pattern of Teleport's Discovery."""
        cost = self._cost("-m", "tests.bench.pattern", str(self.configuration))
        return Run(what=PATTERN, cost=cost, calls=self.cloud.counted())

    def sweep(self, what: str) -> Run:
        """One `cachemuster sweep`, in a process of its own."""
        report = self.directory / "report.json"
        with self._state_log() as appended:
            cost = self._cost(
                *COMMAND[1:], "sweep", "-c", str(self.configuration), "--format", "json",
                "-o", str(report),
            )  # fmt: skip
            state_bytes = appended()
        summary = json.loads(report.read_text())["summary"]
        writes = summary["create"] + summary["update"] + summary["delete"]
        calls = self.cloud.counted()
        return Run(what=what, cost=cost, calls=calls, writes=writes, state_bytes=state_bytes)

    def tick(self) -> Run:
        """One sweep of a process that has swept before."""
        output = self.directory / "tick.json"
        whole = self._cost("-m", "tests.bench.tick", str(self.configuration), str(output))
        found = json.loads(output.read_text())
        cost = Cost(found["wall_s"], found["cpu_s"], whole.peak_bytes, found["starved_s"])
        summary = found["summary"]
        writes = summary["create"] + summary["update"] + summary["delete"]
        return Run(what=TICK, cost=cost, calls=self.cloud.counted(), writes=writes)

    def _cost(self, *arguments: str) -> Cost:
        self.cloud.counted()
        command, environment = [sys.executable, *arguments], self.cloud.environment
        if self.workers != "1":
            return cost_together([command], environment, self.directory)
        return cost_of(command, environment, self.directory / "stderr.log")

    @contextmanager
    def _state_log(self) -> Iterator[Callable[[], int]]:
        """While somebody else has the file open, its log is not merged away: it can be measured."""
        state = self.directory / "state.db"
        if not state.exists():
            yield lambda: 0
            return
        with closing(sqlite3.connect(state)) as witness:
            witness.execute("SELECT count(*) FROM sqlite_master").fetchone()
            log = state.with_name("state.db-wal")
            yield lambda: log.stat().st_size


def measured(size: Size, latency_ms: float, *, pattern: bool = True, workers: str = "1") -> Figures:
    """One round. Raises: Failed, when a process does not end well."""
    before = os.getloadavg()[0]
    with running(size, latency_ms) as cloud, tempfile.TemporaryDirectory() as directory:
        write_configuration(size, Path(directory), workers)
        bench = Bench(cloud, Path(directory), workers)
        runs = [bench.pattern()] if pattern else []
        runs += [bench.sweep(FIRST), bench.sweep(AGAIN), bench.tick()]
        world = {
            "accounts": size.accounts,
            "regions": size.regions,
            "caches": size.caches,
            "spread": size.spread.value,
            "seed": size.seed,
            "latency_ms": latency_ms,
        }
        return Figures(
            world=world,
            runs=runs,
            sandbox_cpu_s=cloud.cpu_s,
            sandbox_peak_bytes=cloud.peak_bytes,
            load=(before, os.getloadavg()[0]),
        )


def median(rounds: Sequence[Figures]) -> Figures:
    """The round with the median of everything that was timed."""
    runs = [_median_run(same) for same in zip(*(each.runs for each in rounds), strict=True)]
    middle = sorted(rounds, key=lambda each: each.sandbox_cpu_s)[len(rounds) // 2]
    return replace(middle, runs=runs)


def _median_run(runs: Sequence[Run]) -> Run:
    cost = Cost(
        statistics.median(run.cost.wall_s for run in runs),
        statistics.median(run.cost.cpu_s for run in runs),
        max(run.cost.peak_bytes for run in runs),
        statistics.median(run.cost.starved_s for run in runs),
    )
    return replace(runs[0], cost=cost)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and judges when asked to; 0 unless something failed or is too slow."""
    asked = _parser().parse_args(arguments)
    size = Size(asked.accounts, asked.regions, asked.caches, Spread(asked.spread), asked.seed)
    try:
        rounds = [
            measured(size, asked.latency_ms, pattern=asked.pattern, workers=asked.workers)
            for _ in range(asked.rounds)
        ]
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    figures = median(rounds)
    if asked.json:
        document = {**figures.document(), "rounds": [each.document() for each in rounds]}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    else:
        write_table(figures, sys.stdout)
    complaints = figures.too_slow(asked.at_least) if asked.at_least is not None else ()
    for complaint in complaints:
        sys.stderr.write(f"too slow: {complaint}\n")
    return 1 if complaints else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sweep", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--regions", type=int, default=5)
    parser.add_argument("--caches", type=int, default=1000)
    parser.add_argument("--spread", choices=[each.value for each in Spread], default="typical")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=100.0)
    parser.add_argument("--rounds", type=int, default=1, help="of several, the median")
    parser.add_argument(
        "--workers",
        default="1",
        help="aws.workers of the sweeps; with others than 1, memory is the share of all processes",
    )
    parser.add_argument("--json", action="store_true", help="everything that was measured")
    parser.add_argument(
        "--no-pattern", dest="pattern", action="store_false", help="the sweeps alone"
    )
    parser.add_argument(
        "--at-least",
        type=float,
        metavar="SHARE",
        help="exit 1 when a ratio is below this share of the one to reach, time without a core "
        "left out",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
