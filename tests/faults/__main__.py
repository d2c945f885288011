"""The long run: `python -m tests.faults --seeds 5000 --kills 300`.

Prints the table that README quotes. A failing seed tells its story, and the command that replays it
alone; `--verbose` tells those of the others, too. Exit 1 when a rule was broken.

Seeds: stories in this process, with a clock of their own. Kills: stories of real processes, as many
as it takes for so many to be killed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from tests.faults import killing, theatre
from tests.faults.killing import Killed, Killing
from tests.faults.story import Story, Tally
from tests.house import HOUSE, rules_kept

_MEMORY = Path("/dev/shm")
"""Nothing here waits for a disk, where there is such a place."""


async def simulated(seeds: Iterable[int], *, verbose: bool) -> Tally:
    """The figures of all these stories together."""
    total = Tally(stories=0)
    async with theatre.opened() as stage:
        for seed in seeds:
            with _directory() as directory:
                story = Story(stage, Path(directory), seed)
                found = await story.play()
            _tell(f"--seed {seed}", story.lines, found.violations, verbose=verbose)
            total.add(found)
    return total


def killed(first: int, kills: int, *, verbose: bool, alone: bool = False) -> Killed:
    """The figures of the stories that it takes."""
    total, seed = Killed(), first
    with killing.opened() as morgue:
        while total.kills < kills or (alone and not total.stories):
            with _directory() as directory:
                story = Killing(morgue, Path(directory), seed)
                found = story.play()
            _tell(f"--kill-seed {seed}", story.lines, found.violations, verbose=verbose)
            total.add(found)
            seed += 1
            if alone:
                break
    return total


def main() -> int:
    """Runs, prints, and says whether a rule was broken."""
    _with_fixed_hashes()
    asked = _parser().parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.WARNING)  # broken connections, told by the event loop
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.seed is not None or asked.kill_seed is not None:
        seeds = range(asked.seed, asked.seed + 1) if asked.seed is not None else range(0)
    HOUSE.keep_watch()
    began_s, handles = time.monotonic(), _handles()
    with rules_kept(closely=True):
        tally = asyncio.run(simulated(seeds, verbose=asked.verbose))
    if (left := _handles() - handles) > 0:
        tally.violations.append(("leak", f"{left} handles more than before"))
    took_s, began_s = time.monotonic() - began_s, time.monotonic()
    deaths = Killed()
    if asked.kill_seed is not None:
        deaths = killed(asked.kill_seed, 1, verbose=asked.verbose, alone=True)
    elif asked.kills and asked.seed is None:
        deaths = killed(asked.first, asked.kills, verbose=asked.verbose)
    sys.stdout.write(table(tally, took_s, deaths, time.monotonic() - began_s))
    return 1 if tally.violations or deaths.violations else 0


def table(tally: Tally, took_s: float, deaths: Killed, deaths_s: float) -> str:
    """What README quotes."""
    behind = sum(tally.deeds.values())
    rows = [
        ("stories, of them with the simulated Teleport", _two(tally.stories, tally.with_teleport)),
        ("sweeps, of them the service's", _two(_sweeps(tally), tally.rounds["round"])),
        ("re-scans, audits", _two(tally.rounds["rescan"], tally.rounds["audit"])),
        ("calls that AWS answered wrongly or not", _sum(tally.faults, "AWS")),
        ("calls that the control plane answered so", _others(tally.faults)),
        ("clocks set", f"{tally.faults['clock set']:,}"),
        ("changes behind its back", f"{behind:,}"),
        ("writes: created, updated, removed", _writes(tally.writes)),
        ("writes that another was quicker than", f"{tally.races:,}"),
        ("rules broken", _violations(tally.violations)),
        ("seconds", f"{took_s:.0f}"),
        ("processes killed, of them in a write", _two(deaths.kills, deaths.in_a_write)),
        ("their writes: created, updated, removed", _writes(deaths.writes)),
        ("rules broken after a kill", _violations(deaths.violations)),
        ("seconds", f"{deaths_s:.0f}"),
    ]
    lines = ["| what | figure |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
    kinds = [f"{kind} {count:,}" for kind, count in sorted(tally.faults.items())]
    deeds = [f"{deed} {count:,}" for deed, count in sorted(tally.deeds.items())]
    return "\n".join([*lines, "", f"Faults: {', '.join(kinds)}", f"Deeds: {', '.join(deeds)}", ""])


def _two(one: int, other: int) -> str:
    return f"{one:,}, {other:,}"


def _sweeps(tally: Tally) -> int:
    return tally.rounds["sweep"] + tally.rounds["round"]


def _sum(faults: Counter[str], start: str) -> str:
    return f"{sum(count for kind, count in faults.items() if kind.startswith(start)):,}"


def _others(faults: Counter[str]) -> str:
    kinds = (kind for kind in faults if not kind.startswith("AWS") and kind != "clock set")
    return f"{sum(faults[kind] for kind in kinds):,}"


def _writes(writes: Counter[str]) -> str:
    return ", ".join(f"{writes[what]:,}" for what in ("create", "update", "delete"))


def _violations(found: Sequence[tuple[str, str]]) -> str:
    by_rule = Counter(rule for rule, _ in found)
    return ", ".join(f"{rule} {count}" for rule, count in by_rule.items()) or "0"


def _tell(
    seed: str, lines: Sequence[str], violations: Sequence[tuple[str, str]], *, verbose: bool
) -> None:
    """The story, when it is to be told; at once, so that a run that is stopped has told it."""
    if verbose or violations:
        sys.stdout.write("\n".join([f"# {seed}", *lines, ""]))
    if violations:
        broken = "".join(f"{rule}: {what}\n" for rule, what in violations)
        sys.stdout.write(f"{broken}Replay: python -m tests.faults {seed}\n\n")
    sys.stdout.flush()


def _directory() -> TemporaryDirectory[str]:
    return TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)


def _handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _with_fixed_hashes() -> None:
    """The order of sets is that of every other run, so that a seed is replayed as it was."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        command = [sys.executable, "-m", "tests.faults", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=150, help="how many stories")
    parser.add_argument("--kills", type=int, default=0, help="how many processes are killed")
    parser.add_argument("--first", type=int, default=0, help="the first seed of both")
    parser.add_argument("--seed", type=int, help="this story alone")
    parser.add_argument("--kill-seed", type=int, help="this story of killed processes alone")
    parser.add_argument("--verbose", action="store_true", help="tell every story")
    return parser


if __name__ == "__main__":
    sys.exit(main())
