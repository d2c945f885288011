"""What sweeps counted comes back as it was, thinned out to the last of each period."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from state.records import Total
from state.store import ReadOnlyStore, Store
from tests.support.state_records import START, outcome_of

COUNTS: dict[str, int] = {Total.REGISTRATIONS: 7, Total.NOT_READY: 2}


def record_sweeps(store: Store, *moments: datetime) -> None:
    for number, at in enumerate(moments):
        outcome = outcome_of(number, at=at)
        totals: dict[str, int] = {**COUNTS, Total.READY: number}
        store.record(replace(outcome, record=replace(outcome.record, totals=totals)))


def test_totals_come_back_oldest_first(store: Store, path: Path) -> None:
    record_sweeps(store, START, START + timedelta(minutes=5))
    found = ReadOnlyStore(path).sweep_totals()
    assert [each.totals for each in found] == [{**COUNTS, "ready": 0}, {**COUNTS, "ready": 1}]


def test_a_sweep_that_counted_nothing_is_left_out(store: Store, path: Path) -> None:
    store.record(outcome_of(1))
    assert ReadOnlyStore(path).sweep_totals() == ()
    assert store.load().last_sweep == outcome_of(1).record


def test_without_a_file_there_are_none(path: Path) -> None:
    assert ReadOnlyStore(path).sweep_totals() == ()


@pytest.mark.parametrize(
    ("apart", "count", "shown"),
    [
        pytest.param(timedelta(seconds=10), 12, [5, 11], id="of-each-minute"),
        pytest.param(timedelta(minutes=30), 16, [1, 3, 5, 7, 9, 11, 13, 15], id="of-each-hour"),
        pytest.param(timedelta(hours=12), 24, [1, *range(3, 25, 2)], id="of-each-day"),
    ],
)
def test_the_last_sweep_of_each_period_stands_for_it(
    store: Store, path: Path, apart: timedelta, count: int, shown: list[int]
) -> None:
    start = START.replace(hour=0)
    record_sweeps(store, *(start + number * apart for number in range(count)))
    found = ReadOnlyStore(path).sweep_totals()
    assert [each.totals and each.totals["ready"] for each in found] == shown
