"""The writer lock, between processes and inside one."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from state.errors import Locked, Unwritable
from state.lock import (
    Holder,
    lock_path,
    service_lock,
    service_lock_path,
    service_of,
    this_process,
    writer_lock,
)
from tests.contract.state.conftest import ROOT

ME = Holder(4711, "sweep", "build-7", datetime(2026, 3, 1, 9, 0, tzinfo=UTC))
AT_ONCE = timedelta(0)
LONG = timedelta(seconds=30)

HOLD = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from state.lock import service_lock, this_process, writer_lock

async def hold():
    holder = this_process("run", datetime(2026, 3, 1, tzinfo=UTC))
    path = Path(sys.argv[1])
    async with (
        service_lock(path, holder=holder) as service,
        writer_lock(path, wait=timedelta(0), holder=holder),
    ):
        service.announce_next_sweep(datetime(2026, 3, 1, 0, 5, tzinfo=UTC))
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(hold())
"""


def hold_elsewhere(path: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


async def test_the_lock_says_who_holds_it(path: Path) -> None:
    async with writer_lock(path, wait=AT_ONCE, holder=ME):
        lock = lock_path(path)
        assert lock.name == "state.db.lock"
        assert lock.stat().st_mode & 0o777 == 0o600
        assert json.loads(lock.read_text()) == {
            "pid": 4711,
            "command": "sweep",
            "host": "build-7",
            "started_at": "2026-03-01T09:00:00+00:00",
        }
    assert lock.read_text() == ""


async def test_a_second_one_is_refused_and_told_who_and_what_to_do(path: Path) -> None:
    async with writer_lock(path, wait=AT_ONCE, holder=ME):
        with pytest.raises(Locked) as caught:
            async with writer_lock(path, wait=timedelta(seconds=0.1), holder=ME):
                raise AssertionError("two holders")
    assert str(caught.value) == (
        f"the state file {path} is held by `sweep`, process 4711 on build-7, since "
        "2026-03-01 09:00:00 UTC; waited 0.1 s. Nothing was done; wait until it has finished, "
        "or give --lock-timeout more time"
    )


async def test_a_waiter_gets_it_when_the_holder_is_done(path: Path) -> None:
    order: list[str] = []
    held, release = asyncio.Event(), asyncio.Event()

    async def hold(name: str) -> None:
        async with writer_lock(path, wait=LONG, holder=ME):
            order.append(name)
            held.set()
            await release.wait()

    first = asyncio.create_task(hold("first"))
    await held.wait()
    second = asyncio.create_task(hold("second"))
    await asyncio.sleep(0.12)  # the waiter polls meanwhile, and the loop is free
    assert order == ["first"]
    release.set()
    await asyncio.gather(first, second)
    assert order == ["first", "second"]


async def test_an_error_inside_lets_go(path: Path) -> None:
    with pytest.raises(RuntimeError):
        async with writer_lock(path, wait=AT_ONCE, holder=ME):
            raise RuntimeError
    async with writer_lock(path, wait=AT_ONCE, holder=ME):
        pass


async def test_another_process_holds_it_until_it_dies(path: Path) -> None:
    child = hold_elsewhere(path)
    try:
        with pytest.raises(Locked, match=f"`run`, process {child.pid} on"):
            async with writer_lock(path, wait=AT_ONCE, holder=ME):
                raise AssertionError("two holders")
    finally:
        child.kill()
        child.communicate()
    async with writer_lock(path, wait=AT_ONCE, holder=ME):
        pass


async def test_a_service_shows_since_when_it_runs_and_its_next_sweep(path: Path) -> None:
    assert not service_of(path).is_held
    assert not service_lock_path(path).exists()
    async with service_lock(path, holder=ME) as lock:
        found = service_of(path)
        assert (found.is_held, found.holder) == (True, ME)
        for due in (datetime(2026, 3, 1, 9, 5, tzinfo=UTC), None):
            lock.announce_next_sweep(due)
            holder = service_of(path).holder
            assert holder is not None
            assert (holder.started_at, holder.next_sweep_at) == (ME.started_at, due)
    assert not service_of(path).is_held


async def test_a_service_that_was_killed_does_not_run_whatever_it_wrote(path: Path) -> None:
    child = hold_elsewhere(path)
    try:
        found = service_of(path)
        assert found.holder is not None
        assert found.holder.pid == child.pid
        assert found.holder.next_sweep_at == datetime(2026, 3, 1, 0, 5, tzinfo=UTC)
    finally:
        child.kill()
        child.communicate()
    assert b"next_sweep_at" in service_lock_path(path).read_bytes()
    assert not service_of(path).is_held


async def test_a_service_that_could_not_say_who_it_is_runs_all_the_same(path: Path) -> None:
    async with service_lock(path, holder=ME):
        service_lock_path(path).write_bytes(b"")
        found = service_of(path)
        assert (found.is_held, found.holder) == (True, None)


async def test_a_look_at_the_lock_keeps_no_service_from_starting(path: Path) -> None:
    service_lock_path(path).touch(mode=0o600)
    with service_lock_path(path).open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        starting = asyncio.create_task(enter(path))
        await asyncio.sleep(0)
        fcntl.flock(look, fcntl.LOCK_UN)
        await starting


async def enter(path: Path) -> None:
    async with service_lock(path, holder=ME):
        pass


async def test_two_links_to_one_file_share_one_lock(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    async with writer_lock(path, wait=AT_ONCE, holder=ME):
        with pytest.raises(Locked):
            async with writer_lock(link, wait=AT_ONCE, holder=ME):
                raise AssertionError("two holders")


@pytest.mark.parametrize("left", [b"", b"{", b"[1]", b'{"pid": 1}', b"\xff\x00"])
async def test_a_holder_who_said_nothing_of_use_is_another_process(path: Path, left: bytes) -> None:
    async with writer_lock(path, wait=AT_ONCE, holder=ME):
        lock_path(path).write_bytes(left)
        with pytest.raises(Locked, match="held by another process"):
            async with writer_lock(path, wait=AT_ONCE, holder=ME):
                raise AssertionError("two holders")


async def test_no_directory_for_it(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="there is no directory"):
        async with writer_lock(tmp_path / "gone" / "state.db", wait=AT_ONCE, holder=ME):
            raise AssertionError("locked nothing")


async def test_a_planted_link_is_not_followed(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("precious")
    lock_path(path).symlink_to(victim)
    with pytest.raises(Unwritable):
        async with writer_lock(path, wait=AT_ONCE, holder=ME):
            raise AssertionError("followed")
    assert victim.read_text() == "precious"


def test_this_process_is_this_one() -> None:
    assert this_process("sweep", ME.started_at).pid == os.getpid()
