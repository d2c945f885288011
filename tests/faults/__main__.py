"""The long run: `python -m tests.faults --seeds 5000 --kills 300 --jobs 2`.

Prints the table that README quotes. A seed that breaks a rule prints its log and the command that
runs it alone; `--verbose` prints the logs of all. Exit 1 when a rule was broken.

A run with `--ledger FILE` can be stopped and started again: it goes on where it was, at the same
commit alone.

Seeds: runs in this process, with a simulated clock. Kills: runs of real processes, as many as it
takes for so many to be killed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.batches import Batch, BatchResult, batches, run_batch, run_batches
from tests.faults.record import RunRecord, WrongCommit, commit_here
from tests.faults.simulation import Tally

RECORDED_AT_ONCE = 10
"""Runs that are lost at most when a run with `--ledger` is stopped, in each process."""


def main() -> int:
    """Run what the command line asks for. Returns 1 when a rule was broken."""
    _with_fixed_hashes()
    asked = _parser().parse_args()
    if asked.seed is not None:
        found = run_batch(Batch(seeds=range(asked.seed, asked.seed + 1), verbose=asked.verbose))
    elif asked.kill_seed is not None:
        found = run_batch(Batch(first=asked.kill_seed, alone=True, verbose=asked.verbose))
    elif asked.record is not None:
        try:
            found = _recorded(asked)
        except WrongCommit as error:
            sys.stderr.write(f"{error}\n")
            return 2
    else:
        every = batches(asked.first, asked.seeds, asked.kills, verbose=asked.verbose)
        found = BatchResult()
        for _, each in run_batches(tuple(every), jobs=asked.jobs):
            found.add(each)
    sys.stdout.write(table(found))
    return 0 if found.has_no_violations else 1


def _recorded(asked: argparse.Namespace) -> BatchResult:
    """What the file holds once it holds all that was asked for. Raises: WrongCommit."""
    record = RunRecord.at_commit(asked.record, commit_here())
    every = batches(
        asked.first, asked.seeds, asked.kills, verbose=asked.verbose, at_once=RECORDED_AT_ONCE
    )
    for batch, each in run_batches(record.left(tuple(every)), jobs=asked.jobs):
        record.add(batch, each)
    return record.total()


def table(found: BatchResult) -> str:
    """Format the table that README quotes."""
    tally, killed = found.simulated, found.killed
    by_others = sum(tally.changes.values())
    rows = [
        (
            "simulated runs, of them with the simulated Teleport",
            _two(tally.runs, tally.with_teleport),
        ),
        ("simulated runs with a second agent of the group", f"{tally.with_two_agents:,}"),
        ("sweeps, of them the service's", _two(_sweeps(tally), tally.agent_runs["scheduled"])),
        ("re-scans, audits", _two(tally.agent_runs["rescan"], tally.agent_runs["audit"])),
        ("calls that AWS answered wrongly or not at all", _sum(tally.faults, "AWS")),
        ("calls that the control plane answered wrongly or not at all", _others(tally.faults)),
        ("clock changes", f"{tally.faults['clock set']:,}"),
        ("changes made by others meanwhile", f"{by_others:,}"),
        ("writes: created, updated, removed", _writes(tally.writes)),
        ("writes that met a change made after the agent's last read", f"{tally.races:,}"),
        ("rules broken", _violations(tally.violations)),
        ("seconds, all processes together", f"{found.simulated_s:.0f}"),
        ("processes killed, of them during a write", _two(killed.kills, killed.in_a_write)),
        ("writes of the killed processes: created, updated, removed", _writes(killed.writes)),
        ("rules broken after a kill", _violations(killed.violations)),
        ("seconds, all processes together", f"{found.killed_s:.0f}"),
    ]
    lines = ["| what | figure |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
    kinds = [f"{kind} {count:,}" for kind, count in sorted(tally.faults.items())]
    changes = [f"{change} {count:,}" for change, count in sorted(tally.changes.items())]
    return "\n".join(
        [*lines, "", f"Faults: {', '.join(kinds)}", f"Changes: {', '.join(changes)}", ""]
    )


def _two(one: int, other: int) -> str:
    return f"{one:,}, {other:,}"


def _sweeps(tally: Tally) -> int:
    return tally.agent_runs["sweep"] + tally.agent_runs["scheduled"]


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
    """Restart with a fixed hash seed: the order of sets is part of what a seed decides."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        command = [sys.executable, "-m", "tests.faults", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=150, help="how many simulated runs")
    parser.add_argument("--kills", type=int, default=0, help="how many processes are killed")
    parser.add_argument("--jobs", type=int, default=1, help="how many batches run at once")
    parser.add_argument("--first", type=int, default=0, help="the first seed of both")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--kill-seed", type=int, help="run this seed of killed processes alone")
    parser.add_argument(
        "--ledger",
        dest="record",
        type=Path,
        metavar="FILE",
        help="note what is finished there, go on with what is not, print the table of it all; "
        "refuses a file of another commit",
    )
    parser.add_argument("--verbose", action="store_true", help="print the log of every run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
