"""What the history keeps, in which order, and what no clock makes it forget."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.model.agent import this_agent
from discovery.model.values import Change, ItemError
from state.records import HistoryEvent, IntentKind, IntentOutcome
from state.reserve import RESERVE_BYTES, reserve_of
from state.store import Store
from tests.support.state_records import START, entry_of, intent_of, outcome_of

HISTORY, WINDOW = timedelta(days=400), timedelta(hours=1)
YEARS = timedelta(days=5 * 365)
UNAVAILABLE = ItemError("UNAVAILABLE", "it did not answer", retryable=True)
DENIED = ItemError("DENIED", "access denied to `db`", retryable=False)


def sweep(
    store: Store, number: int, *, at: datetime, proven_at: datetime | None, message: str = ""
) -> None:
    """One sweep as the program makes it: prune by AWS's time if it is known, then record."""
    if proven_at is not None:
        store.prune(proven_at, history=HISTORY, window=WINDOW)
    history = (entry_of(message or str(number), at=at, sweep=f"sweep-{number}"),)
    store.record(replace(outcome_of(number, at=at, history=history), proven_at=proven_at))


def messages(store: Store) -> list[str]:
    return [entry.message for entry in store.history()]


@pytest.mark.parametrize("proven", [False, True], ids=["aws-refuses-every-call", "aws-answers"])
def test_a_clock_that_is_years_ahead_wipes_nothing(store: Store, proven: bool) -> None:
    sweep(store, 1, at=START, proven_at=START)
    sweep(store, 2, at=START + YEARS, proven_at=START + timedelta(minutes=5) if proven else None)
    sweep(store, 3, at=START + timedelta(minutes=10), proven_at=START + timedelta(minutes=10))
    assert messages(store) == ["3", "2", "1"]
    last = store.load().last_sweep
    assert last is not None
    assert last.sweep_id == "sweep-3", "the sweep of the future is not the last one"


@pytest.mark.slow
def test_even_a_wrong_time_of_awss_own_forgets_one_step_at_most(store: Store) -> None:
    for week in range(100):
        at = START + timedelta(days=7 * week)
        sweep(store, week, at=at, proven_at=at)
    assert messages(store)[-1] == "42"
    sweep(store, 100, at=START + YEARS, proven_at=START + YEARS)
    assert messages(store)[-1] == "43"


def test_what_is_old_by_awss_time_is_forgotten(store: Store) -> None:
    for week in range(100):
        at = START + timedelta(days=7 * week)
        sweep(store, week, at=at, proven_at=at)
    kept = messages(store)
    assert (kept[0], kept[-1]) == ("99", "42")
    assert [record.sweep_id for record in store.sweeps()][-1] == "sweep-42"


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.integers(-4_000, 4_000),  # where the clock is wrong, in days
            st.integers(0, 90),  # days that really pass
            st.booleans(),  # AWS answers
        ),
        min_size=1,
        max_size=30,
    )
)
def test_no_jump_of_the_clock_loses_an_entry_before_its_own_age(
    course: list[tuple[int, int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as made, Store.open(Path(made) / "state.db") as store:
        truth, recorded = START, {}
        for number, (wrong, passed, answers) in enumerate(course):
            truth += timedelta(days=passed)
            recorded[str(number)] = truth
            at = truth + timedelta(days=wrong)
            sweep(store, number, at=at, proven_at=truth if answers else None)
            young = {name for name, then in recorded.items() if truth - then < HISTORY}
            assert young <= set(messages(store))


@pytest.mark.slow
def test_closed_intents_are_kept_for_the_window(store: Store) -> None:
    for minute in range(0, 600, 5):
        at = START + timedelta(minutes=minute)
        store.prune(at, history=HISTORY, window=WINDOW)
        number = store.begin(intent_of(sweep=f"sweep-{minute}", at=at))
        store.finish(number, IntentOutcome.DONE, None, at)
        store.record(replace(outcome_of(minute, at=at), proven_at=at))
    assert _count(store, "journal") == 13
    assert len(store.history()) == 120


def test_a_lasting_refusal_takes_one_row(store: Store) -> None:
    for number in range(50):
        store.finish(
            store.begin(intent_of(sweep=f"sweep-{number}")), IntentOutcome.FAILED, DENIED, START
        )
    assert _count(store, "journal") == 1
    assert store.load().failed_writes == {intent_of().name: "DENIED"}


def test_a_control_plane_that_does_not_answer_takes_one_row(store: Store) -> None:
    for number in range(50):
        intent = store.begin(intent_of(sweep=f"sweep-{number}"))
        store.finish(intent, None, UNAVAILABLE, START)
        assert store.load().failed_writes == {intent_of().name: "UNAVAILABLE"}
        store.abandon([intent], START)
        assert store.load().failed_writes == {intent_of().name: "UNAVAILABLE"}
    assert _count(store, "journal") == 1


def test_a_rename_that_stays_half_done_is_open_once_and_one_removal(store: Store) -> None:
    for number in range(50):
        again = intent_of(IntentKind.RENAME, previous_name="old", sweep=f"sweep-{number}")
        store.finish(store.begin(again), None, DENIED, START)
    state = store.load()
    assert len(state.open_intents) == len(state.removals) == 1
    assert _count(store, "journal") == 2
    assert state.failed_writes == {again.name: "DENIED"}


def test_a_success_forgets_a_refusal(store: Store) -> None:
    store.finish(store.begin(intent_of()), IntentOutcome.FAILED, DENIED, START)
    store.finish(store.begin(intent_of()), IntentOutcome.DONE, None, START)
    assert store.load().failed_writes == {}


def test_registered_stands_above_first_seen_of_the_same_sweep(store: Store) -> None:
    store.finish(store.begin(intent_of(sweep="sweep-1")), IntentOutcome.DONE, None, START)
    store.record(outcome_of(1, history=(entry_of("first seen", sweep="sweep-1"),)))
    assert [entry.event for entry in store.history()] == [
        HistoryEvent.CHANGED,
        HistoryEvent.OBSERVED,
    ]


def test_an_entry_says_who_what_and_by_which_plan(store: Store) -> None:
    changes = (
        Change("/spec/uri", "old:6379", "new:6379"),
        Change("/spec/aws/external_id", "one secret", "another secret"),
    )
    number = store.begin(replace(intent_of(sweep="sweep-1"), changes=changes))
    store.finish(number, IntentOutcome.DONE, None, START)
    store.record(outcome_of(1))
    (entry,) = store.history()
    assert entry.agent == this_agent()
    assert entry.checksum == outcome_of(1).record.checksum
    assert entry.changes[0] == changes[0]
    assert entry.changes[1].old.startswith("sha256:")
    assert "secret" not in repr(entry)


def test_a_pause_has_its_beginning_and_its_end(store: Store) -> None:
    store.resume(START)
    assert store.history() == (), "nothing was paused"
    store.pause(START + timedelta(hours=2), START)
    store.resume(START + timedelta(hours=1))
    assert [entry.event for entry in store.history()] == [HistoryEvent.RESUMED, HistoryEvent.PAUSED]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 16 MiB of its own."""
    with tempfile.TemporaryDirectory() as made:
        mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", made]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")
        yield Path(made)
        subprocess.run(["umount", made], check=True)


@pytest.mark.slow
def test_a_full_disk_is_got_out_of_by_the_program_itself(small_disk: Path) -> None:
    path = small_disk / "state.db"
    with Store.open(path) as store:
        for number in range(20):
            at = START + timedelta(days=number)
            entries = tuple(entry_of("x" * 500, at=at, sweep=f"sweep-{number}") for _ in range(500))
            store.record(replace(outcome_of(number, at=at, history=entries), proven_at=at))
    assert reserve_of(path).stat().st_size == RESERVE_BYTES
    _fill(small_disk)
    later = START + HISTORY + timedelta(days=7)
    with Store.open(path) as store:
        store.prune(later, history=HISTORY, window=WINDOW)
        sweep(store, 99, at=later, proven_at=later)
        assert messages(store)[0] == "99"


def _fill(directory: Path) -> None:
    with (directory / "another").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            return


def _count(store: Store, table: str) -> int:
    return int(store._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
