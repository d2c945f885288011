"""Values that change when the clock says so."""

from datetime import UTC, datetime, timedelta

from discovery.sandbox.aws.timed_store import Change, TimedStore
from discovery.sandbox.clock import SteppableClock

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)


def test_a_change_happens_when_it_is_due() -> None:
    shelf: TimedStore[str] = TimedStore()
    shelf.put("a", "creating", Change(LATER, lambda value: "available"))
    shelf.advance(NOON)
    assert shelf.get("a") == "creating"
    shelf.advance(LATER)
    assert shelf.get("a") == "available"


def test_what_becomes_nothing_is_gone() -> None:
    shelf: TimedStore[str] = TimedStore()
    shelf.put("a", "deleting", Change(NOON, lambda value: None))
    shelf.advance(NOON)
    assert "a" not in shelf
    assert len(shelf) == 0


def test_a_new_value_replaces_what_was_under_way() -> None:
    shelf: TimedStore[str] = TimedStore()
    shelf.put("a", "deleting", Change(NOON, lambda value: None))
    shelf.put("a", "back")
    shelf.advance(LATER)
    assert shelf.values() == ("back",)


def test_values_come_in_the_order_of_their_ids() -> None:
    shelf: TimedStore[str] = TimedStore()
    for key in "cab":
        shelf.put(key, key.upper())
    assert shelf.values() == ("A", "B", "C")


def test_a_clock_that_is_stepped() -> None:
    clock = SteppableClock(lambda: NOON)
    clock.advance(timedelta(minutes=2))
    clock.advance(-timedelta(minutes=1))
    assert clock() == LATER
    assert clock.ahead == timedelta(minutes=1)
