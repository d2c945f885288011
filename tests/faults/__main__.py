"""The long run: `python -m tests.faults --seeds 5000 --kills 300`.

Prints the table that README quotes. A failing seed prints the command that replays it alone;
`--seed N --verbose` tells its story step by step. Exit 1 when anything was violated.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import structlog

from tests.faults.kills import Killed, killed_seed
from tests.faults.simulation import Simulation, Tally
from tests.faults.stage import set_stage


async def simulated(seeds: range, *, verbose: bool = False) -> tuple[Tally, list[int]]:
    """What all these seeds saw together, and those of them that saw a violation."""
    total, failing = Tally(), []
    async with set_stage() as stage:
        for seed in seeds:
            with tempfile.TemporaryDirectory() as directory:
                found = await Simulation(stage, Path(directory), seed, verbose=verbose).run()
            if found.violations:
                failing.append(seed)
                for each in found.violations:
                    sys.stdout.write(f"seed {seed}: {each}\n")
                sys.stdout.write(f"replay: python -m tests.faults --seed {seed} --verbose\n")
            total.add(found)
    return total, failing


def main() -> int:
    """Runs, prints, and says whether anything was violated."""
    asked = _parser().parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    seeds = range(asked.seed, asked.seed + 1) if asked.seed is not None else range(
        asked.first, asked.first + asked.seeds
    )  # fmt: skip
    began_s = time.monotonic()
    total, failing = asyncio.run(simulated(seeds, verbose=asked.verbose))
    took_s = time.monotonic() - began_s
    killed = Killed()
    kill_began_s = time.monotonic()
    for seed in range(asked.first, asked.first + asked.kills):
        with tempfile.TemporaryDirectory() as directory:
            found = killed_seed(Path(directory), seed)
        for each in found.violations:
            sys.stdout.write(f"kill seed {seed}: {each}\n")
        killed.add(found)
    _write_table(len(seeds), total, took_s, killed, time.monotonic() - kill_began_s)
    return 1 if failing or killed.violations else 0


def _write_table(
    seeds: int, total: Tally, took_s: float, killed: Killed, kills_took_s: float
) -> None:
    aws = sum(count for what, count in total.injected.items() if what.startswith("AWS"))
    plane = sum(total.injected.values()) - aws - total.injected["clock set"]
    rows = [
        ("seeds", seeds),
        ("whole sweeps / re-scans", f"{total.sweeps} / {total.rescans}"),
        ("faults of AWS / of the control plane", f"{aws} / {plane}"),
        ("clocks set", total.injected["clock set"]),
        ("things done behind its back", sum(total.deeds.values())),
        ("creates, updates, removals", ", ".join(str(total.writes[w]) for w in _WRITES)),
        ("violations", len(total.violations)),
        ("seconds", round(took_s)),
        ("processes killed / that was in a write", f"{killed.kills} / {killed.in_a_write}"),
        ("violations after kills", len(killed.violations)),
        ("seconds of kills", round(kills_took_s)),
    ]
    sys.stdout.write("| what | figure |\n| --- | --- |\n")
    sys.stdout.writelines(f"| {what} | {figure} |\n" for what, figure in rows)
    kinds = Counter(total.injected).most_common()
    sys.stderr.write(f"faults by kind: {dict(kinds)}\ndeeds: {dict(total.deeds)}\n")


_WRITES = ("create", "update", "delete")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=150)
    parser.add_argument("--kills", type=int, default=0, help="seeds of real processes, killed")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="this seed alone")
    parser.add_argument("--verbose", action="store_true", help="tell the story of each seed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
