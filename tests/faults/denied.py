"""Writes that the role is denied for days: how large state and log become.

`python -m tests.faults.denied --caches 1000 --days 7` prints both, after hours: a sweep of 1,000
caches takes seconds here. With `--minutes 60` it is quicker by twelve.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from structlog.testing import capture_logs

from discovery.service.sweep_log import SweepLog
from state.store import ReadOnlyStore
from tests.faults.environment import opened
from tests.faults.faulty_control_plane import CREATE, Break
from tests.faults.process import AgentCommand
from tests.faults.settings import FRANKFURT, Settings
from tests.faults.simulation import Simulation

INTERVAL: Final = timedelta(minutes=5)
AGE: Final = timedelta(days=30)
ALWAYS: Final = 10**9
_EXPECTED: Final = frozenset({"sweep.finished", "item.applied"})
"""One line a sweep, and one a write that was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the simulated days have left on disk and in the log."""

    state_bytes: int
    log_lines: list[Any]
    """All that the service logs of its sweeps and items, but for the one line that ends a sweep."""
    finished_lines: int
    events: list[str]
    """Of the history, the oldest first, without what was observed."""
    attempts: int
    """Writes that the control plane was asked for."""
    not_done: int
    """Items of the last sweep that were not done."""


async def denied_for(
    directory: Path, *, caches: int, sweeps: int, interval: timedelta = INTERVAL
) -> Outcome:
    """Sweep again and again while each create is denied, then once when it is allowed."""
    async with opened() as environment:
        simulation = Simulation(environment, directory, seed=2)
        [agent] = simulation.agents
        agent.settings = simulation.settings = Settings(
            control_plane=simulation.settings.control_plane
        )
        regions = [
            account.region(FRANKFURT) for account in simulation.actors.world.accounts.values()
        ]
        for number in range(caches):
            region = regions[number % len(agent.settings.accounts)]
            region.add_cache(f"cache-{number}", created_at=environment.clock.world() - AGE)
        denial = Break(CREATE, "denied", times=ALWAYS)
        agent.breaks.append(denial)
        log = SweepLog()
        with capture_logs() as lines:
            for _ in range(sweeps):
                report = await agent.run(AgentCommand("scheduled"))
                assert report is not None
                log.log_run(report, kind="sweep")
                not_done = report.failed_items
                agent.lifetime.runs.clear()
                environment.clock.advance(interval)
            agent.breaks.clear()
            attempts = ALWAYS - denial.times
            after = await agent.run(AgentCommand("scheduled"))
            assert after is not None
            log.log_run(after, kind="sweep")
        await agent.end()
        history = ReadOnlyStore(agent.state).history()
    finished = [line for line in lines if line["event"] == "sweep.finished"]
    return Outcome(
        state_bytes=_size_of(directory),
        log_lines=[
            line
            for line in lines
            if line["event"] not in _EXPECTED and line["log_level"] != "debug"
        ],
        finished_lines=len(finished),
        events=[each.event.value for each in reversed(history) if each.event.step == 2],
        attempts=attempts,
        not_done=not_done,
    )


def _size_of(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.glob("state-0.db*"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what so many days of denials leave behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--caches", type=int, default=1000)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--minutes", type=float, default=5, help="from sweep to sweep")
    asked = parser.parse_args(arguments)
    interval = timedelta(minutes=asked.minutes)
    sweeps = int(timedelta(days=asked.days) / interval)
    with tempfile.TemporaryDirectory() as made:
        denying = denied_for(Path(made), caches=asked.caches, sweeps=sweeps, interval=interval)
        found = asyncio.run(denying)
    print(f"{sweeps} sweeps of {asked.caches} caches, every create denied")  # noqa: T201
    print(f"state {found.state_bytes / 2**20:.1f} MiB, of it 4 MiB of reserve")  # noqa: T201
    print(f"log lines {len(found.log_lines)}, and one sweep.finished a sweep")  # noqa: T201
    print(f"writes asked for {found.attempts}")  # noqa: T201


if __name__ == "__main__":
    main()
