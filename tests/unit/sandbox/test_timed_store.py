"""Values that change when the clock says so."""

from datetime import UTC, datetime, timedelta

from discovery.sandbox.aws.timed_store import Change, TimedStore
from discovery.sandbox.clock import SteppableClock

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)


def test_a_change_happens_when_it_is_due() -> None:
    store: TimedStore[str] = TimedStore()
    store.put("a", "creating", Change(LATER, lambda value: "available"))
    store.advance(NOON)
    assert store.get("a") == "creating"
    store.advance(LATER)
    assert store.get("a") == "available"


def test_what_becomes_nothing_is_gone() -> None:
    store: TimedStore[str] = TimedStore()
    store.put("a", "deleting", Change(NOON, lambda value: None))
    store.advance(NOON)
    assert "a" not in store
    assert len(store) == 0


def test_a_new_value_replaces_what_was_under_way() -> None:
    store: TimedStore[str] = TimedStore()
    store.put("a", "deleting", Change(NOON, lambda value: None))
    store.put("a", "back")
    store.advance(LATER)
    assert store.values() == ("back",)


def test_values_come_in_the_order_of_their_ids() -> None:
    store: TimedStore[str] = TimedStore()
    for key in "cab":
        store.put(key, key.upper())
    assert store.values() == ("A", "B", "C")


def test_a_clock_that_is_stepped() -> None:
    clock = SteppableClock(lambda: NOON)
    clock.advance(timedelta(minutes=2))
    clock.advance(-timedelta(minutes=1))
    assert clock() == LATER
    assert clock.ahead == timedelta(minutes=1)
