"""How many calls the simulated AWS answers in a second, and what a large cloud takes of memory.

    python -m tests.bench.sandbox --accounts 100 --regions 5 --caches 1000

It is one process with one thread of Python, so a second of its CPU time is a second of one core.
What it is asked are the calls of real sweeps, each of a new state file; its own start is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from discovery.sandbox.generated_world import Size, Spread
from tests.bench.cloud import running, write_configuration
from tests.bench.figures import FIRST
from tests.bench.measure import MIB, Failed
from tests.bench.sweep import Bench

LEAST_CALLS_PER_S = 800
MOST_MIB = 300
"""Issue "A fleet", section 2; the memory is that of 1,000 accounts × 17 regions, 20,000 caches."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the sandbox did for some sweeps."""

    calls: int
    cpu_s: float
    peak_mib: float

    @property
    def calls_per_s(self) -> float:
        return self.calls / self.cpu_s


def measured(size: Size, rounds: int) -> Found:
    """So many first sweeps over one cloud. Raises: Failed."""
    with running(size, latency_ms=0) as cloud:
        began_s, calls = cloud.cpu_s, 0
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as directory:
                write_configuration(size, Path(directory))
                calls += sum(Bench(cloud, Path(directory)).sweep(FIRST).calls.values())
        return Found(calls, cloud.cpu_s - began_s, cloud.peak_bytes / MIB)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 when it answers too slowly or needs too much memory."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sandbox", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--regions", type=int, default=5)
    parser.add_argument("--caches", type=int, default=1000)
    parser.add_argument("--spread", choices=[each.value for each in Spread], default="typical")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    size = Size(asked.accounts, asked.regions, asked.caches, Spread(asked.spread))
    try:
        found = measured(size, asked.rounds)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if asked.json:
        document = {**asdict(found), "calls_per_s": found.calls_per_s}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    else:
        sys.stdout.write(
            f"{found.calls} calls in {found.cpu_s:.2f} s of CPU: {found.calls_per_s:.0f} a second "
            f"(at least {LEAST_CALLS_PER_S}); peak {found.peak_mib:.0f} MiB (at most {MOST_MIB})\n"
        )
    return 0 if found.calls_per_s >= LEAST_CALLS_PER_S and found.peak_mib <= MOST_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
