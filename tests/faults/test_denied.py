"""A lasting refusal neither fills the disk nor the log, and ends by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.denied import denied_for

pytestmark = pytest.mark.slow


@pytest.mark.timeout(330)
async def test_a_role_that_lacks_a_verb_for_a_day_fills_neither_disk_nor_log(
    tmp_path: Path,
) -> None:
    sweeps, interval = 48, timedelta(minutes=30)
    found = await denied_for(tmp_path, caches=50, sweeps=sweeps, interval=interval)
    assert found.not_done == 50
    assert found.attempts == sweeps * 5
    assert found.state_bytes < 6 * 2**20
    assert len(found.log_lines) == 5 + 2, "five refusals, the beginning and the end"
    assert found.events == ["writes_denied", "writes_allowed"]
