"""A long run that is stopped goes on where it was, and never mixes two commits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.__main__ import table
from tests.faults.batches import Batch, BatchResult, batches
from tests.faults.record import RunRecord, WrongCommit
from tests.faults.simulation import Tally

EVERY = tuple(batches(0, 25, 5, verbose=False, at_once=10))


def result_of(runs: int) -> BatchResult:
    tally = Tally(runs=runs, writes=Counter(create=3), violations=[("R2", "it was")])
    return BatchResult(simulated=tally, simulated_s=1.5)


def test_what_was_finished_is_not_played_again(tmp_path: Path) -> None:
    file = tmp_path / "run"
    record = RunRecord.at_commit(file, "abc")
    assert record.left(EVERY) == EVERY
    record.add(EVERY[1], result_of(10))
    again = RunRecord.at_commit(file, "abc")
    assert again.left(EVERY) == (EVERY[0], *EVERY[2:])
    assert again.total() == record.total()


def test_the_table_is_that_of_all_parts(tmp_path: Path) -> None:
    file = tmp_path / "run"
    RunRecord.at_commit(file, "abc").add(EVERY[0], result_of(10))
    RunRecord.at_commit(file, "abc").add(EVERY[1], result_of(10))
    shown = table(RunRecord.at_commit(file, "abc").total())
    assert "| simulated runs, of them with the simulated Teleport | 20, 0 |" in shown
    assert "| writes: created, updated, removed | 6, 0, 0 |" in shown
    assert "| rules broken | R2 2 |" in shown


def test_another_commit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run"
    RunRecord.at_commit(file, "abc")
    with pytest.raises(WrongCommit, match="is of commit abc, and this is def"):
        RunRecord.at_commit(file, "def")


def test_a_line_that_was_cut_off_is_played_again(tmp_path: Path) -> None:
    file = tmp_path / "run"
    record = RunRecord.at_commit(file, "abc")
    record.add(EVERY[0], result_of(10))
    record.add(EVERY[1], result_of(10))
    file.write_text(file.read_text()[:-20])
    record = RunRecord.at_commit(file, "abc")
    assert record.left(EVERY) == EVERY[1:]
    record.add(EVERY[1], result_of(10))
    assert RunRecord.at_commit(file, "abc").left(EVERY) == EVERY[2:]


def test_parts_are_told_apart() -> None:
    labels = [batch.label for batch in EVERY]
    assert labels == ["seeds 0 to 9", "seeds 10 to 19", "seeds 20 to 24", "5 kills from 0"]
    assert Batch(first=1000, kills=5).label == "5 kills from 1000"
