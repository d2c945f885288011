"""A day of sweeps in a minute: memory and handles stay flat, and nothing is written for nothing."""

from __future__ import annotations

import gc
from datetime import timedelta
from pathlib import Path

from tests.faults.simulation import Simulation
from tests.faults.stage import set_stage

DAY, SETTLED = 288, 60
INTERVAL = timedelta(minutes=5)


def _resident_kib() -> int:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


def _handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_day_of_sweeps_leaves_nothing_behind(tmp_path: Path) -> None:
    async with set_stage() as stage:
        simulation = Simulation(stage, tmp_path, seed=0)
        async with simulation.living() as rounds:
            at_first: tuple[int, int, int] | None = None
            for number in range(DAY):
                done = await rounds.sweep()
                assert done is not None
                assert done.report.error is None
                simulation.let_pass(INTERVAL)
                stage.aws.calls.clear()  # the simulated AWS keeps count of everything
                if number == SETTLED:
                    at_first = _measured()
            assert at_first is not None
            objects, resident_kib, handles = _measured()
            assert handles <= at_first[2]
            assert objects <= at_first[0] * 1.02 + 500
            assert resident_kib <= at_first[1] * 1.10 + 4096
        writes = simulation.tally.writes
        assert (writes["update"], writes["delete"]) == (0, 0)
        assert not simulation.tally.violations


def _measured() -> tuple[int, int, int]:
    gc.collect()
    return len(gc.get_objects()), _resident_kib(), _handles()
