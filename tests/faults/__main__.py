"""The long run: `python -m tests.faults --seeds 5000 --kills 300 --jobs 2`.

Prints the table that README quotes. A failing seed tells its story, and the command that replays it
alone; `--verbose` tells those of the others, too. Exit 1 when a rule was broken.

A run with `--ledger FILE` can be stopped and started again: it goes on where it was, at the same
commit alone.

Seeds: stories in this process, with a clock of their own. Kills: stories of real processes, as many
as it takes for so many to be killed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.batches import Batch, Played, batches, play, played
from tests.faults.record import RunRecord, WrongCommit, commit_here
from tests.faults.simulation import Tally

RECORDED_AT_ONCE = 10
"""Stories that are lost at most when a run with `--ledger` is stopped, in each process."""


def main() -> int:
    """Runs, prints, and says whether a rule was broken."""
    _with_fixed_hashes()
    asked = _parser().parse_args()
    if asked.seed is not None:
        found = play(Batch(seeds=range(asked.seed, asked.seed + 1), verbose=asked.verbose))
    elif asked.kill_seed is not None:
        found = play(Batch(first=asked.kill_seed, alone=True, verbose=asked.verbose))
    elif asked.record is not None:
        try:
            found = _recorded(asked)
        except WrongCommit as error:
            sys.stderr.write(f"{error}\n")
            return 2
    else:
        every = batches(asked.first, asked.seeds, asked.kills, verbose=asked.verbose)
        found = Played()
        for _, each in played(tuple(every), jobs=asked.jobs):
            found.add(each)
    sys.stdout.write(table(found))
    return 0 if found.is_well else 1


def _recorded(asked: argparse.Namespace) -> Played:
    """What the file holds once it holds all that was asked for. Raises: WrongCommit."""
    record = RunRecord.at_commit(asked.record, commit_here())
    every = batches(
        asked.first, asked.seeds, asked.kills, verbose=asked.verbose, at_once=RECORDED_AT_ONCE
    )
    for part, each in played(record.left(tuple(every)), jobs=asked.jobs):
        record.add(part, each)
    return record.total()


def table(found: Played) -> str:
    """What README quotes."""
    tally, deaths = found.stories, found.deaths
    behind = sum(tally.deeds.values())
    rows = [
        ("stories, of them with the simulated Teleport", _two(tally.stories, tally.with_teleport)),
        ("stories with a second agent of the group", f"{tally.with_two_agents:,}"),
        ("sweeps, of them the service's", _two(_sweeps(tally), tally.rounds["round"])),
        ("re-scans, audits", _two(tally.rounds["rescan"], tally.rounds["audit"])),
        ("calls that AWS answered wrongly or not", _sum(tally.faults, "AWS")),
        ("calls that the control plane answered so", _others(tally.faults)),
        ("clocks set", f"{tally.faults['clock set']:,}"),
        ("changes behind its back", f"{behind:,}"),
        ("writes: created, updated, removed", _writes(tally.writes)),
        ("writes that another was quicker than", f"{tally.races:,}"),
        ("rules broken", _violations(tally.violations)),
        ("seconds, all processes together", f"{found.stories_s:.0f}"),
        ("processes killed, of them in a write", _two(deaths.kills, deaths.in_a_write)),
        ("their writes: created, updated, removed", _writes(deaths.writes)),
        ("rules broken after a kill", _violations(deaths.violations)),
        ("seconds, all processes together", f"{found.deaths_s:.0f}"),
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
    parser.add_argument("--jobs", type=int, default=1, help="how many processes play at once")
    parser.add_argument("--first", type=int, default=0, help="the first seed of both")
    parser.add_argument("--seed", type=int, help="this story alone")
    parser.add_argument("--kill-seed", type=int, help="this story of killed processes alone")
    parser.add_argument(
        "--ledger",
        dest="record",
        type=Path,
        metavar="FILE",
        help="note what is finished there, go on with what is not, print the table of it all; "
        "refuses a file of another commit",
    )
    parser.add_argument("--verbose", action="store_true", help="tell every story")
    return parser


if __name__ == "__main__":
    sys.exit(main())
