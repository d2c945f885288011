"""A day of the service in some seconds: memory and handles stay flat, nothing is written twice."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.bench.measure import MIB, resident_bytes_of
from tests.faults.actors import create_cache
from tests.faults.environment import opened
from tests.faults.process import AgentCommand
from tests.faults.settings import Settings
from tests.faults.simulation import Simulation

pytestmark = pytest.mark.slow

SWEEPS, SETTLED, WINDOW = 144, 40, 12
INTERVAL = timedelta(minutes=10)
PACKAGES = ("discovery.", "matchers.", "state.")


@pytest.mark.timeout(330)
async def test_a_day_of_sweeps_leaves_nothing_behind(tmp_path: Path) -> None:
    async with opened() as environment:
        simulation = Simulation(environment, tmp_path, seed=2)
        [agent] = simulation.agents
        agent.settings = simulation.settings = Settings(
            control_plane=simulation.settings.control_plane, grace=INTERVAL
        )
        for _ in range(12):
            simulation.actors.do(create_cache)
        measured = []
        for number in range(SWEEPS):
            report = await agent.run(AgentCommand("scheduled"))
            assert report is not None
            assert report.error is None
            agent.lifetime.runs.clear()  # the checker remembers every run
            environment.clock.advance(INTERVAL)
            if SETTLED <= number < SETTLED + WINDOW or number >= SWEEPS - WINDOW:
                measured.append(_measured())
        await agent.end()
    assert simulation.checker.writes["create"] == simulation.checker.writes.total() > 3
    assert not simulation.tally.violations
    begun, ended = _least(measured[:WINDOW]), _least(measured[WINDOW:])
    assert ended.handles <= begun.handles
    sweeps = SWEEPS - SETTLED - WINDOW
    lost_rows = ended.ours - begun.ours
    assert lost_rows.total() / sweeps < 0.5, lost_rows
    assert (ended.objects - begun.objects) / sweeps < 0.5
    assert ended.resident_bytes <= begun.resident_bytes * 1.05 + 2 * MIB


class Held(NamedTuple):
    """What the process holds at one moment."""

    objects: int
    """As the collector knows them, without dead weak references: SQLite clears its own late."""
    ours: Counter[str]
    """Those among them whose type is of cachemuster's own packages, by type."""
    resident_bytes: int
    handles: int


def _measured() -> Held:
    gc.collect()
    handles = len(list(Path("/proc/self/fd").iterdir()))
    known = gc.get_objects()
    dead = sum(1 for each in known if type(each) is weakref.ref and each() is None)
    types = (f"{type(each).__module__}.{type(each).__name__}" for each in known)
    ours = Counter(each for each in types if each.startswith(PACKAGES))
    return Held(len(known) - dead, ours, resident_bytes_of("self"), handles)


def _least(measured: list[Held]) -> Held:
    """The least of several moments: connections and their timers come and go."""
    kinds = {kind for each in measured for kind in each.ours}
    return Held(
        objects=min(each.objects for each in measured),
        ours=Counter({kind: min(each.ours[kind] for each in measured) for kind in kinds}),
        resident_bytes=min(each.resident_bytes for each in measured),
        handles=min(each.handles for each in measured),
    )
