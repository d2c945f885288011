"""What holds for every test: Hypothesis profiles, and the rules of the house."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.house import HOUSE, rules_kept
from tests.sdk_cache import keep_what_the_sdk_reads

settings.register_profile(
    "default",
    max_examples=100,
    derandomize=True,  # what passed here passes there; `long` is for finding what nobody has seen
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "long", parent=settings.get_profile("default"), max_examples=3000, derandomize=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# State files are synced to the disk all the time; where there is a file system in memory, that is
# no disk. What a test leaves behind is not kept (pyproject.toml).
MEMORY, ENOUGH = Path("/dev/shm"), 2 * 2**30
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH and os.access(MEMORY, os.W_OK):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    tempfile.tempdir = str(MEMORY)  # for examples of Hypothesis, which have no `tmp_path` each

# Tests as pytest rewrites their assertions are kept for the next run, whatever the shell says:
# rewriting them is 14 s of CPU for each worker.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

os.environ.pop("COLUMNS", None)  # reports are as wide as it says, and their texts are held at 80

gc.set_threshold(50_000, 20, 50)  # as in the program itself
HOUSE.keep_watch()
keep_what_the_sdk_reads()

asyncio.set_event_loop(None)  # else pytest-asyncio has one made to put it aside, and leaves it


def pytest_xdist_auto_num_workers() -> int:
    """One more than cores (`-n auto`): tests of services and deadlines mostly wait, up to half a
    minute each, for a sweep that comes every ten seconds or an answer that does not come."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers begin with what takes longest, so that none is left with it while others are done."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_is_quick)


def _is_quick(item: pytest.Item) -> tuple[bool, bool]:
    """What may last longer than others comes before what is slow, and that before the rest."""
    return item.get_closest_marker("timeout") is None, item.get_closest_marker("slow") is None


@pytest.fixture(autouse=True)
def _rules_of_the_house() -> Iterator[None]:
    """The first fixture to be set up, so the last one to look. See `tests/house.py`."""
    with rules_kept():
        yield
