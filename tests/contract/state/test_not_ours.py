"""`state.path` or the registry's path names what is not ours: it stays exactly as it was."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from discovery.control_plane.base import ControlPlaneError
from discovery.control_plane.embedded.control_plane import Embedded, EmbeddedReader
from state.errors import StateError, Unwritable
from state.exclusive import locked_store
from state.lock import Holder, holder_of, lock_path, service_lock, writer_lock
from state.reserve import is_ours, reserve_of
from state.store import Store, load_state

ME = Holder(4711, "sweep", "build-7", datetime(2026, 3, 1, 9, 0, tzinfo=UTC))
AT_ONCE = timedelta(0)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def a_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this user may make no device")


def a_directory(path: Path) -> None:
    path.mkdir()


def yaml(path: Path) -> None:
    path.write_text("version: 1\n")


def another_programs_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


def another_programs_log(path: Path) -> None:
    """All that it has is in its log still: the file itself is empty but for its head."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    kept = {each: each.read_bytes() for each in path.parent.glob("*-wal")}
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    head = path.read_bytes()
    connection.close()
    path.write_bytes(head)
    for log, content in kept.items():
        log.write_bytes(content)


def the_registry(path: Path) -> None:
    async def make() -> None:
        async with Embedded(path) as registry:
            await registry.list_databases()

    asyncio.run(make())


def the_state(path: Path) -> None:
    Store.open(path).close()


NOT_FILES = [a_pipe, a_socket, a_device, a_directory]
FILES = [yaml, another_programs_database, another_programs_log]


def open_store(path: Path) -> None:
    Store.open(path).close()


def lock_it(path: Path) -> None:
    async def hold() -> None:
        async with writer_lock(path, wait=AT_ONCE, holder=ME):
            pass

    asyncio.run(hold())


def serve_it(path: Path) -> None:
    async def hold() -> None:
        async with service_lock(path, holder=ME):
            pass

    asyncio.run(hold())


def register(path: Path) -> None:
    async def ask() -> None:
        async with Embedded(path) as registry:
            await registry.list_databases()

    asyncio.run(ask())


def list_registered(path: Path) -> None:
    asyncio.run(EmbeddedReader(path).list_databases())


STATE_USES = [open_store, load_state, lock_it, serve_it]
REGISTRY_USES = [register, list_registered]


def contents(directory: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        each.name: (each.lstat().st_mode, each.read_bytes() if each.is_file() else None)
        for each in directory.iterdir()
    }


@pytest.fixture(params=["directly", "through a link"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Where the thing lies, and the path by which it is named."""
    (tmp_path / "there").mkdir()
    real = tmp_path / "there" / "thing"
    if request.param == "directly":
        yield real, real
    else:
        link = tmp_path / "link"
        link.symlink_to(real)
        yield real, link


@pytest.mark.parametrize(
    ("make", "use"),
    [
        *((make, use) for make in (*NOT_FILES, *FILES, the_registry) for use in STATE_USES),
        *((make, use) for make in (*NOT_FILES, *FILES, the_state) for use in REGISTRY_USES),
    ],
)
def test_what_is_not_ours_keeps_its_mode_and_gets_no_companions(
    place: tuple[Path, Path], make: Callable[[Path], None], use: Callable[[Path], object]
) -> None:
    real, named = place
    make(real)
    real.chmod(0o664)
    before = contents(real.parent)
    with pytest.raises((StateError, ControlPlaneError)):
        use(named)
    after = contents(real.parent)
    if make is another_programs_log:  # its own index, which any reader of it makes
        after.pop("thing-shm", None)
    assert after == before


@pytest.mark.parametrize(
    ("make", "named"),
    [(a_pipe, "a named pipe"), (a_socket, "a socket"), (a_device, "a device")],
)
def test_what_is_no_file_is_named(tmp_path: Path, make: Callable[[Path], None], named: str) -> None:
    make(tmp_path / "thing")
    with pytest.raises(Unwritable, match=f"is {named}; nothing was changed"):
        load_state(tmp_path / "thing")


def test_a_log_without_its_file_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "state.db-wal"
    log.write_bytes(b"all that is left")
    with pytest.raises(StateError, match="its log"):
        Store.open(tmp_path / "state.db")
    assert [each.name for each in tmp_path.iterdir()] == ["state.db-wal"]


@pytest.mark.parametrize("use", [lock_it, holder_of])
def test_a_lock_that_is_a_pipe_hangs_nobody(tmp_path: Path, use: Callable[[Path], object]) -> None:
    os.mkfifo(lock_path(tmp_path / "state.db"))
    with pytest.raises(Unwritable, match="is no regular file"):
        use(tmp_path / "state.db")


def test_a_lock_of_another_program_keeps_its_content(tmp_path: Path) -> None:
    lock = tmp_path / "poetry.lock"
    lock.write_text("# This file is automatically @generated by Poetry")
    with pytest.raises(Unwritable, match="another program's file"):
        lock_it(tmp_path / "poetry")
    assert lock.read_text() == "# This file is automatically @generated by Poetry"
    assert [each.name for each in tmp_path.iterdir()] == ["poetry.lock"]


def test_what_only_has_the_name_of_our_reserve_stays(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    reserve_of(path).write_bytes(b"seats kept for guests")
    assert not is_ours(reserve_of(path))
    reserve_of(path).write_bytes(bytes(8192))
    assert is_ours(reserve_of(path))


def test_a_file_of_ours_becomes_private_again(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    the_state(path)
    path.chmod(0o664)
    Store.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_state_held_by_another_sqlite_user_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    the_state(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def use(wait: timedelta) -> str:
        async with locked_store(path, wait=wait, holder=ME):
            return "opened"

    with pytest.raises(StateError, match="--lock-timeout"):
        await use(timedelta(seconds=0.2))
    waiting = asyncio.create_task(use(timedelta(seconds=60)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    other.execute("ROLLBACK")
    other.close()
    assert await waiting == "opened"


@pytest.mark.parametrize(
    "end", [".lock", ".run.lock", ".reserve", "-wal", "-shm", "-journal"], ids=str
)
@pytest.mark.parametrize("exists", [True, False], ids=["empty", "not-there"])
@pytest.mark.parametrize("use", STATE_USES)
def test_a_file_kept_beside_another_state_file_is_no_new_state(
    tmp_path: Path, use: Callable[[Path], None], end: str, *, exists: bool
) -> None:
    """Another agent's lock is empty while nobody holds it."""
    path = tmp_path / f"other.db{end}"
    if exists:
        path.touch()
    before = {str(path): b""} if exists else {}
    with pytest.raises(Unwritable, match="has the name of a lock, a reserve or a log"):
        use(path)
    assert {str(each): each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_state_file_that_has_such_a_name_already_stays_usable(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Store.open(path).close()
    path = path.rename(tmp_path / "terraform.lock")
    Store.open(path).close()
    assert load_state(path).finished_sweeps == 0
