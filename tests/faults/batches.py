"""The long run in batches: each in a process of its own, several side by side."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from tests.faults import environment, killing
from tests.faults.killing import KillRun, KillTally
from tests.faults.simulation import Simulation, Tally
from tests.house import HOUSE, rules_kept

_MEMORY = Path("/dev/shm")
"""Nothing here waits for a disk, where there is such a place."""
SEEDS_AT_ONCE, _KILLS_AT_ONCE = 100, 10
_SEEDS_BETWEEN = 1000
"""From the first seed of killed processes of one batch to that of the next."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one process runs."""

    seeds: range = range(0)
    first: int = 0
    """The first seed of killed processes."""
    kills: int = 0
    alone: bool = False
    """One such seed, whether anything is killed in it or not."""
    verbose: bool = False

    @property
    def label(self) -> str:
        """What distinguishes it from other batches."""
        if self.seeds:
            return f"seeds {self.seeds.start} to {self.seeds.stop - 1}"
        return f"{self.kills} kills from {self.first}"


@dataclass
class BatchResult:
    """Batches in figures; the seconds are those of all processes together."""

    simulated: Tally = field(default_factory=lambda: Tally(runs=0))
    simulated_s: float = 0.0
    killed: KillTally = field(default_factory=KillTally)
    killed_s: float = 0.0

    @property
    def has_no_violations(self) -> bool:
        """No rule was broken."""
        return not self.simulated.violations and not self.killed.violations

    def add(self, other: BatchResult) -> None:
        """These figures are those of both."""
        self.simulated.add(other.simulated)
        self.killed.add(other.killed)
        self.simulated_s += other.simulated_s
        self.killed_s += other.killed_s


def batches(
    first: int, seeds: int, kills: int, *, verbose: bool, at_once: int = SEEDS_AT_ONCE
) -> Iterator[Batch]:
    """Divide into batches of `at_once` runs: the same ones, however many run side by side."""
    for begun in range(0, seeds, at_once):
        ended = min(begun + at_once, seeds)
        yield Batch(seeds=range(first + begun, first + ended), verbose=verbose)
    for number, begun in enumerate(range(0, kills, _KILLS_AT_ONCE)):
        count = min(_KILLS_AT_ONCE, kills - begun)
        yield Batch(first=first + number * _SEEDS_BETWEEN, kills=count, verbose=verbose)


def run_batches(what: Sequence[Batch], *, jobs: int) -> Iterator[tuple[Batch, BatchResult]]:
    """Run so many batches at once and yield each as it ends; a single one in this process."""
    if len(what) == 1:
        yield what[0], run_batch(what[0])
        return
    # A process for each batch: what one leaves open does not count for the next.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, max_tasks_per_child=1) as pool:
        under_way = {pool.submit(run_batch, batch): batch for batch in what}
        for number, done in enumerate(as_completed(under_way), 1):
            yield under_way[done], done.result()
            sys.stderr.write(f"{number} of {len(what)} batches done\n")


def run_batch(batch: Batch) -> BatchResult:
    """Run one batch in this process, under the rules for every test."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.WARNING)  # broken connections, logged by the event loop
    HOUSE.keep_watch()
    found, began_s, handles = BatchResult(), time.monotonic(), _handles()
    with rules_kept():
        found.simulated = asyncio.run(_simulated(batch))
    if (left := _handles() - handles) > 0:
        found.simulated.violations.append(("leak", f"{left} handles more than before"))
    found.simulated_s, began_s = time.monotonic() - began_s, time.monotonic()
    if batch.kills or batch.alone:
        found.killed = _killed(batch)
        found.killed_s = time.monotonic() - began_s
    return found


async def _simulated(batch: Batch) -> Tally:
    total = Tally(runs=0)
    if not batch.seeds:
        return total
    async with environment.opened() as env:
        for seed in batch.seeds:
            with _directory() as directory:
                run = Simulation(env, Path(directory), seed)
                found = await run.execute()
            _log(f"--seed {seed}", run.lines, found.violations, verbose=batch.verbose)
            total.add(found)
    return total


def _killed(batch: Batch) -> KillTally:
    """Run seeds until enough processes were killed."""
    total, seed = KillTally(), batch.first
    with killing.opened() as env:
        while total.kills < batch.kills or (batch.alone and not total.runs):
            with _directory() as directory:
                run = KillRun(env, Path(directory), seed)
                found = run.execute()
            _log(f"--kill-seed {seed}", run.lines, found.violations, verbose=batch.verbose)
            total.add(found)
            seed += 1
    return total


def _log(
    seed: str, lines: Sequence[str], violations: Sequence[tuple[str, str]], *, verbose: bool
) -> None:
    """Print the log of a failed run, or of every run; at once, in case the long run is stopped."""
    text = ["\n".join([f"# {seed}", *lines, ""])] if verbose or violations else []
    if violations:
        text += [f"{rule}: {what}\n" for rule, what in violations]
        text.append(f"Replay: python -m tests.faults {seed}\n\n")
    sys.stdout.write("".join(text))
    sys.stdout.flush()


def _directory() -> TemporaryDirectory[str]:
    return TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)


def _handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
