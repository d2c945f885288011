"""The first seeds of the long run (`python -m tests.faults`).

In processes of their own, since a failed seed is repeated by that command.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SEEDS, KILLS = 24, 4
SEEDS_AT_ONCE, KILLS_AT_ONCE = 12, 2


def run_simulation(*arguments: str) -> str:
    """Run seeds in which no rule may be broken. Returns what was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},  # it restarts itself where that is not set
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(330)
@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_ONCE))
def test_whatever_happens_the_rules_hold(first: int) -> None:
    said = run_simulation("--first", str(first), "--seeds", str(SEEDS_AT_ONCE))
    assert f"| {SEEDS_AT_ONCE}, " in said


@pytest.mark.timeout(330)
@pytest.mark.parametrize("first", range(0, KILLS * 10, KILLS_AT_ONCE * 10))
def test_killed_anywhere_it_comes_to_the_same(first: int) -> None:
    run_simulation("--first", str(first), "--seeds", "0", "--kills", str(KILLS_AT_ONCE))
