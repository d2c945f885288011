"""The benchmark of events runs, and what it measures is a wait."""

from __future__ import annotations

import pytest

from tests.bench.events import Waits, measured


@pytest.mark.slow
def test_a_few_creations() -> None:
    found = measured(3, "0s", 0.0)
    assert len(found.seconds) == 3
    assert 0 < max(found.seconds) < 60


def test_shares_of_known_waits() -> None:
    waits = Waits([float(n) for n in range(200, 0, -1)])
    assert (waits.share(50), waits.share(99), waits.document()["max_s"]) == (101, 199, 200)
