"""The stories of the long run, in parts: each in a process of its own, several side by side."""

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
from tests.faults.killing import Killed, Killing
from tests.faults.simulation import Simulation, Tally
from tests.house import HOUSE, rules_kept

_MEMORY = Path("/dev/shm")
"""Nothing here waits for a disk, where there is such a place."""
SEEDS_AT_ONCE, _KILLS_AT_ONCE = 100, 10
_SEEDS_BETWEEN = 1000
"""From the first story of killed processes of one part to that of the next."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one process plays."""

    seeds: range = range(0)
    first: int = 0
    """The first story of killed processes."""
    kills: int = 0
    alone: bool = False
    """One such story, whether anything is killed in it or not."""
    verbose: bool = False

    @property
    def label(self) -> str:
        """What tells it from other parts."""
        if self.seeds:
            return f"seeds {self.seeds.start} to {self.seeds.stop - 1}"
        return f"{self.kills} kills from {self.first}"


@dataclass
class Played:
    """Parts in figures; the seconds are those of all processes together."""

    stories: Tally = field(default_factory=lambda: Tally(stories=0))
    stories_s: float = 0.0
    deaths: Killed = field(default_factory=Killed)
    deaths_s: float = 0.0

    @property
    def is_well(self) -> bool:
        """No rule was broken."""
        return not self.stories.violations and not self.deaths.violations

    def add(self, other: Played) -> None:
        """These figures are those of both."""
        self.stories.add(other.stories)
        self.deaths.add(other.deaths)
        self.stories_s += other.stories_s
        self.deaths_s += other.deaths_s


def batches(
    first: int, seeds: int, kills: int, *, verbose: bool, at_once: int = SEEDS_AT_ONCE
) -> Iterator[Batch]:
    """The same parts, however many of them are played at once; `at_once` stories in each."""
    for begun in range(0, seeds, at_once):
        ended = min(begun + at_once, seeds)
        yield Batch(seeds=range(first + begun, first + ended), verbose=verbose)
    for number, begun in enumerate(range(0, kills, _KILLS_AT_ONCE)):
        count = min(_KILLS_AT_ONCE, kills - begun)
        yield Batch(first=first + number * _SEEDS_BETWEEN, kills=count, verbose=verbose)


def played(what: Sequence[Batch], *, jobs: int) -> Iterator[tuple[Batch, Played]]:
    """Every part as soon as it has been played, so many at once; one alone in this process."""
    if len(what) == 1:
        yield what[0], play(what[0])
        return
    # A process a part: what one leaves behind is not the next one's.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, max_tasks_per_child=1) as pool:
        under_way = {pool.submit(play, part): part for part in what}
        for number, done in enumerate(as_completed(under_way), 1):
            yield under_way[done], done.result()
            sys.stderr.write(f"{number} of {len(what)} parts played\n")


def play(part: Batch) -> Played:
    """One part, in this process, with the rules of the house kept."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.WARNING)  # broken connections, told by the event loop
    HOUSE.keep_watch()
    found, began_s, handles = Played(), time.monotonic(), _handles()
    with rules_kept():
        found.stories = asyncio.run(_simulated(part))
    if (left := _handles() - handles) > 0:
        found.stories.violations.append(("leak", f"{left} handles more than before"))
    found.stories_s, began_s = time.monotonic() - began_s, time.monotonic()
    if part.kills or part.alone:
        found.deaths = _killed(part)
        found.deaths_s = time.monotonic() - began_s
    return found


async def _simulated(part: Batch) -> Tally:
    total = Tally(stories=0)
    if not part.seeds:
        return total
    async with environment.opened() as stage:
        for seed in part.seeds:
            with _directory() as directory:
                story = Simulation(stage, Path(directory), seed)
                found = await story.play()
            _tell(f"--seed {seed}", story.lines, found.violations, verbose=part.verbose)
            total.add(found)
    return total


def _killed(part: Batch) -> Killed:
    """The figures of the stories that it takes."""
    total, seed = Killed(), part.first
    with killing.opened() as morgue:
        while total.kills < part.kills or (part.alone and not total.stories):
            with _directory() as directory:
                story = Killing(morgue, Path(directory), seed)
                found = story.play()
            _tell(f"--kill-seed {seed}", story.lines, found.violations, verbose=part.verbose)
            total.add(found)
            seed += 1
    return total


def _tell(
    seed: str, lines: Sequence[str], violations: Sequence[tuple[str, str]], *, verbose: bool
) -> None:
    """The story, when it is to be told; at once, so that a run that is stopped has told it."""
    told = ["\n".join([f"# {seed}", *lines, ""])] if verbose or violations else []
    if violations:
        told += [f"{rule}: {what}\n" for rule, what in violations]
        told.append(f"Replay: python -m tests.faults {seed}\n\n")
    sys.stdout.write("".join(told))
    sys.stdout.flush()


def _directory() -> TemporaryDirectory[str]:
    return TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)


def _handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
