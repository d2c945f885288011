"""A part of the long run (`python -m tests.faults`), small enough for every day."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.__main__ import simulated
from tests.faults.kills import killed_seed

SEEDS, AT_ONCE, KILLS = 150, 10, 15


def _handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
async def test_whatever_happens_the_rules_hold(
    first: int, capsys: pytest.CaptureFixture[str]
) -> None:
    handles = _handles()
    _total, failing = await simulated(range(first, first + AT_ONCE))
    assert not failing, capsys.readouterr().out
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert _handles() <= handles + 1


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_anywhere_it_comes_to_the_same(tmp_path: Path, seed: int) -> None:
    found = killed_seed(tmp_path, seed)
    assert not found.violations, found.violations
