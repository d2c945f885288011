"""Reads that lag behind our own writes are known as such, for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from discovery.control_plane.teleport.read_your_writes import LAG_S, WINDOW_S, RecentWrites
from discovery.model.values import Database, ResourceName

A = Database(ResourceName("a"), {"v": "1"}, "", {}, revision="r1")
NEW = replace(A, revision="")
LATER = replace(A, labels={"v": "2"}, revision="r2")


class Watch:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_was_created_is_there() -> None:
    recent = RecentWrites(Watch())
    recent.note_written(NEW)
    assert recent.is_stale(A.name, None)
    assert not recent.is_stale(A.name, A)
    assert recent.apply_to_list(()) == (NEW,)
    assert recent.apply_to_list((A,)) == (A,)


def test_what_was_updated_is_not_what_it_was() -> None:
    recent = RecentWrites(Watch())
    recent.note_seen(A)
    recent.note_written(replace(A, labels={"v": "2"}))
    assert recent.is_stale(A.name, A)
    assert not recent.is_stale(A.name, LATER)
    assert recent.apply_to_list((A,))[0].labels == {"v": "2"}
    assert recent.apply_to_list((LATER,)) == (LATER,)


def test_what_was_removed_is_gone_but_not_what_came_after_it() -> None:
    recent = RecentWrites(Watch())
    recent.note_seen(A)
    recent.note_removed(A.name)
    assert recent.is_stale(A.name, A)
    assert recent.is_gone(A)
    assert recent.apply_to_list((A,)) == ()
    assert not recent.is_stale(A.name, None)
    assert recent.apply_to_list((LATER,)) == (LATER,)


def test_what_was_removed_and_made_anew_is_there() -> None:
    recent = RecentWrites(Watch())
    recent.note_seen(A)
    recent.note_removed(A.name)
    recent.note_written(NEW)
    assert recent.is_stale(A.name, A)
    assert not recent.is_gone(A)
    assert recent.apply_to_list((A,)) == (NEW,)


def test_a_taken_name_is_there_though_nobody_knows_as_what() -> None:
    recent = RecentWrites(Watch())
    recent.note_taken(A.name)
    assert recent.is_stale(A.name, None)
    assert not recent.is_stale(A.name, A)
    assert recent.apply_to_list(()) == ()


def test_after_the_window_reads_are_believed() -> None:
    watch = Watch()
    recent = RecentWrites(watch)
    recent.note_written(NEW)
    watch.now += WINDOW_S + 1
    assert not recent.is_stale(A.name, None)
    assert recent.apply_to_list(()) == ()


def test_what_a_list_or_a_get_has_shown_is_doubted_to_be_gone_for_two_seconds() -> None:
    ways: tuple[Callable[[RecentWrites], None], ...] = (
        lambda recent: recent.note_list([A.name]),
        lambda recent: recent.note_seen(A),
    )
    for see in ways:
        watch = Watch()
        recent = RecentWrites(watch)
        see(recent)
        watch.now += LAG_S
        assert recent.is_stale(A.name, None)
        assert not recent.was_accepted(A.name)
        watch.now += 0.1
        assert not recent.is_stale(A.name, None)


def test_a_later_list_that_lacks_it_is_believed() -> None:
    recent = RecentWrites(Watch())
    recent.note_list([A.name])
    recent.note_list([])
    assert not recent.is_doubtful(A.name)


def test_what_we_removed_is_not_doubted_to_be_gone_until_somebody_makes_it_anew() -> None:
    recent = RecentWrites(Watch())
    recent.note_list([A.name])
    recent.note_seen(A)
    recent.note_removed(A.name)
    assert not recent.is_doubtful(A.name)
    recent.note_seen(LATER)
    assert recent.is_doubtful(A.name)
    assert not recent.was_accepted(A.name)


def test_only_a_write_of_ours_was_accepted() -> None:
    recent = RecentWrites(Watch())
    recent.note_taken(A.name)
    assert not recent.was_accepted(A.name)
    recent.note_written(NEW)
    assert recent.was_accepted(A.name)
