"""Files that somebody removes or replaces while they are in use: said, and never written to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from discovery.control_plane.base import ControlPlaneError
from discovery.control_plane.embedded.control_plane import Embedded
from state.errors import Locked, Replaced
from state.lock import HeldLock, Holder, lock_path, service_lock, writer_lock
from state.store import Store, load_state
from tests.support.state_records import database_of

ME = Holder(4711, "run", "build-7", datetime(2026, 3, 1, 9, 0, tzinfo=UTC))
OTHER = Holder(4712, "sweep", "build-7", datetime(2026, 3, 1, 9, 1, tzinfo=UTC))
AT_ONCE = timedelta(0)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = datetime(2026, 3, 2, tzinfo=UTC)


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


HAPPENINGS = pytest.mark.parametrize(
    ("happen", "words"),
    [(remove, "was removed"), (replace, "was replaced by another file")],
    ids=["removed", "replaced"],
)


@HAPPENINGS
def test_a_state_file_that_is_not_there_any_more_takes_no_write(
    path: Path, happen: Callable[[Path], None], words: str
) -> None:
    with Store.open(path) as store:
        store.pause(UNTIL, NOW)
        happen(path)
        with pytest.raises(Replaced, match=f"state file {path} {words}.*restart the service"):
            store.resume(NOW)
        with pytest.raises(Replaced, match=words):
            store.load()


def test_a_state_file_that_is_put_back_goes_on(path: Path) -> None:
    aside = path.with_name("aside")
    with Store.open(path) as store:
        store.pause(UNTIL, NOW)
        path.rename(aside)
        with pytest.raises(Replaced):
            store.resume(NOW)
        aside.rename(path)
        store.resume(NOW)
    assert load_state(path).paused_until is None


def test_a_file_removed_in_the_middle_of_a_write_is_not_said_to_be_written(path: Path) -> None:
    with (
        Store.open(path, check_lock=lambda: path.unlink(missing_ok=True)) as store,
        pytest.raises(Replaced, match="was removed"),
    ):
        store.pause(UNTIL, NOW)


@HAPPENINGS
async def test_a_registry_that_is_not_there_any_more_takes_no_write(
    tmp_path: Path, happen: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "registry.db"
    database = database_of("orders")
    async with Embedded(path) as plane:
        await plane.create(database)
        happen(path)
        for call in (plane.ping, plane.list_databases, lambda: plane.delete(database.name)):
            with pytest.raises(ControlPlaneError, match=f"registry.*{words}") as caught:
                await call()
            assert caught.value.code == "REGISTRY_UNUSABLE"


@HAPPENINGS
async def test_a_lock_that_is_not_there_any_more_stops_its_holder(
    path: Path, happen: Callable[[Path], None], words: str
) -> None:
    del words
    async with writer_lock(path, wait=AT_ONCE, holder=ME) as lock:
        with Store.open(path, check_lock=lock.check) as store:
            store.pause(UNTIL, NOW)
            happen(lock_path(path))
            async with writer_lock(path, wait=AT_ONCE, holder=OTHER):
                with pytest.raises(Replaced, match="another one may be at work"):
                    store.resume(NOW)
    assert load_state(path).paused_until == UNTIL


async def test_a_lock_removed_before_it_was_taken_counts_for_nothing(path: Path) -> None:
    """A waiter has the old file open when its holder lets go, and somebody removes it."""
    async with writer_lock(path, wait=AT_ONCE, holder=ME):
        lock_path(path).unlink()
    async with writer_lock(path, wait=AT_ONCE, holder=ME) as lock:
        lock.check()
        with pytest.raises(Locked):
            async with writer_lock(path, wait=AT_ONCE, holder=OTHER):
                raise AssertionError("two holders")


class TestServiceLock:
    """What keeps a second service away, for as long as the first one lives."""

    async def test_removed_it_is_taken_again_and_a_second_service_is_refused(
        self, path: Path
    ) -> None:
        async with service_lock(path, holder=ME) as lock:
            assert not lock.retake()
            lock.path.unlink()
            assert lock.retake()
            await refused(path)
            assert lock.path.stat().st_size > 0, "it says who holds it"

    async def test_where_a_second_one_was_quicker_the_first_one_stands_back(
        self, path: Path
    ) -> None:
        async with service_lock(path, holder=ME) as first:
            first.path.unlink()
            async with service_lock(path, holder=OTHER) as second:
                with pytest.raises(Locked, match="a service already: `sweep`, process 4712"):
                    first.retake()
                second.check()
            assert first.retake(), "the other one has ended"
            await refused(path)


async def refused(path: Path) -> None:
    held: HeldLock | None = None
    with pytest.raises(Locked, match="process 4711"):
        async with service_lock(path, holder=OTHER) as held:
            raise AssertionError("two services")
    assert held is None
