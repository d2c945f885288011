"""A day of the service in some seconds: memory and handles stay flat, nothing is written twice."""

from __future__ import annotations

import gc
from datetime import timedelta
from pathlib import Path

from tests.faults.crowd import create_cache
from tests.faults.process import Ask
from tests.faults.settings import Settings
from tests.faults.story import Story
from tests.faults.theatre import opened

SWEEPS, SETTLED = 288, 50
INTERVAL = timedelta(minutes=5)


async def test_a_day_of_sweeps_leaves_nothing_behind(tmp_path: Path) -> None:
    async with opened() as theatre:
        story = Story(theatre, tmp_path, seed=2)
        [agent] = story.agents
        agent.settings = story.settings = Settings(
            control_plane=story.settings.control_plane, grace=INTERVAL
        )
        for _ in range(12):
            story.crowd.do(create_cache)
        begun = (0, 0, 0)
        for number in range(SWEEPS):
            report = await agent.run(Ask("round"))
            assert report is not None
            assert report.error is None
            agent.life.rounds.clear()  # the court remembers every round
            theatre.times.let_pass(INTERVAL)
            if number == SETTLED:
                begun = _measured()
        objects, resident_kib, handles = _measured()
        await agent.end()
    assert story.court.writes["create"] == story.court.writes.total() > 3
    assert not story.tally.violations
    assert handles <= begun[2]
    per_round = (objects - begun[0]) / (SWEEPS - SETTLED)
    assert per_round < 0.5, f"{per_round:.1f} objects are left of each sweep"
    assert resident_kib <= begun[1] * 1.05 + 2048


def _measured() -> tuple[int, int, int]:
    """Objects that the collector knows, resident memory in KiB, open handles."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    handles = len(list(Path("/proc/self/fd").iterdir()))
    return len(gc.get_objects()), int(resident.split()[1]), handles
