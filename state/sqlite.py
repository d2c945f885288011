"""Open SQLite files of ours: private from the first byte, durable, never another program's.

State and the embedded registry are both such files. A file is ours when its `application_id` says
so; `PRAGMA user_version` counts the migrations that it has seen and alone decides whether it is
newer than this program. The table of sqlite-utils' `Migrations` says which of them were applied;
both change in one transaction, so a killed process leaves a file that is wholly old or wholly new.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from state.errors import Corrupt, NewerSchema, Unwritable, damaged, translate_errors
from state.file_identity import FileIdentity
from state.mounts import require_local

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
_COMPANION_ENDS = (".lock", ".reserve", "-wal", "-shm", "-journal")
"""How the names of files end that are kept beside a file of ours, and are empty at times."""
_QUIET_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class FileKind:
    """What sort of file it is."""

    what: str
    """Its role in a sentence: `state file`."""
    application_id: int
    """SQLite's mark of whose file it is."""
    migrations: Migrations
    version: int
    """How many migrations there are."""
    remedy: str
    """What to do when it is damaged, as a sentence."""


class OpenFile(Database):
    """A file open for writing, and which one it is: see `FileIdentity`."""

    identity: FileIdentity


def open_writer(path: Path, kind: FileKind, *, wait_s: float = BUSY_TIMEOUT_S) -> OpenFile:
    """Open the file for writing: made if it is not there, and at this program's schema.

    Waits up to `wait_s` for whoever else is writing to it.

    Mode 0600, its -wal and -shm companions too (SQLite gives them the mode of the file). WAL, and
    `synchronous=FULL`: what is committed survives a power cut. The connection may change threads;
    its owner sees to it that one thread at a time uses it.

    Raises: NewerSchema, Corrupt, OnNetwork, Unwritable, Locked, Replaced.
    """
    real = require_ours(path, kind)
    require_local(real, kind.what)
    with translate_errors(real, kind.what, kind.remedy):
        _make_private(real)
        identity = FileIdentity.of(path, kind.what)
        connection = _connect(real, "mode=rw", wait_s)
        try:
            database = _prepared(connection, real, kind)
            database.identity = identity
            identity.check()  # it is the file that was opened, not one that came after it
            return database
        except BaseException:
            connection.close()
            raise


def read(path: Path, kind: FileKind, query: Callable[[Database], T]) -> T | None:
    """Run `query` on one consistent snapshot; None when there is no file yet.

    Nothing is created beside the file when nobody writes to it: then it is read as immutable, and
    read again should a writer have come in between. While a writer is there its log is used.

    Raises: NewerSchema, Corrupt, Unwritable, Locked.
    """
    real = _located(path, kind)
    if not real.exists():
        return None
    with translate_errors(real, kind.what, kind.remedy, "read"):
        for _ in range(_QUIET_ATTEMPTS):
            before = _quiet(real)
            if before is None:
                break
            try:
                result = _queried(real, "mode=ro&immutable=1", kind, query)
            except Exception:
                if _quiet(real) == before:
                    raise
            else:
                if _quiet(real) == before:
                    return result
        return _queried(real, "mode=ro", kind, query)


def require_ours(path: Path, kind: FileKind) -> Path:
    """Check that the file is of this kind, empty, or not there; return it without symbolic links.

    Before this has returned, nothing beside the file is made and its mode is not changed: it may
    be another program's. No lock is taken and none is waited for.

    Raises: NewerSchema, Corrupt, Unwritable, Locked.
    """
    real = _located(path, kind)
    with translate_errors(real, kind.what, kind.remedy, "read"):
        _refuse_orphaned_log(real, kind)
        if real.exists() and real.stat().st_size > 0:
            # Through SQLite: closing a descriptor of our own would drop the locks that SQLite
            # holds on this file elsewhere in this process.
            with contextlib.closing(_connect(real, "mode=ro&immutable=1")) as connection:
                # Its log is not looked at, so the file may be shorter than it says: no damage here.
                connection.execute("PRAGMA writable_schema = ON")
                unclaimed = _require_owner(Database(connection, execute_plugins=False), real, kind)
            if unclaimed and _log_of(real).exists():  # whose it is, only its log says
                with contextlib.closing(_connect(real, "mode=ro")) as connection:
                    _require_owner(Database(connection, execute_plugins=False), real, kind)
    return real


def _located(path: Path, kind: FileKind) -> Path:
    """The file behind all symbolic links: its companions lie beside it."""
    try:
        real = path.resolve()
        if real.exists() and not real.is_file():
            raise Unwritable(
                f"the {kind.what} {path} is {_sort_of(real)}; nothing was changed. "
                "Name a file in the configuration"
            )
        if real.name.endswith(_COMPANION_ENDS) and not (real.exists() and real.stat().st_size):
            raise Unwritable(
                f"the {kind.what} {path} has the name of a lock, a reserve or a log beside another "
                "file of this program. Nothing was changed; name another file in the configuration"
            )
        if not real.parent.is_dir():
            raise Unwritable(
                f"the {kind.what} {path} cannot be used: there is no directory {real.parent}. "
                "Nothing was changed; create the directory, or name another file"
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise Unwritable(
            f"the {kind.what} {path} cannot be used: {error}. Nothing was changed; "
            "check the path and this user's permissions"
        ) from error
    return real


def _sort_of(real: Path) -> str:
    if real.is_dir():
        return "a directory"
    if real.is_fifo():
        return "a named pipe"
    return "a socket" if real.is_socket() else "a device"


def files_of(path: Path) -> tuple[Path, ...]:
    """List the file itself, behind all symbolic links, and what SQLite keeps beside it."""
    real = path.resolve()
    return tuple(real.with_name(real.name + end) for end in ("", "-wal", "-shm", "-journal"))


def _make_private(real: Path) -> None:
    # An existing file is never opened and closed here: closing any descriptor of it would drop
    # the locks that SQLite holds on it elsewhere in this process.
    try:
        os.close(os.open(real, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if real.stat().st_mode & 0o077:
            with contextlib.suppress(PermissionError):
                real.chmod(0o600)


def _refuse_orphaned_log(real: Path, kind: FileKind) -> None:
    # SQLite deletes the log of an empty file, and with it what the log alone still holds.
    log = _log_of(real)
    if (real.exists() and real.stat().st_size > 0) or not log.exists():
        return
    if log.stat().st_size > 0:
        raise damaged(real, kind.what, f"it is empty, but its log {log} is not", kind.remedy)


def _log_of(real: Path) -> Path:
    return real.with_name(real.name + "-wal")


def _quiet(real: Path) -> tuple[int, int, int] | None:
    """The file's identity while all that is written is in it; None when some may be in its log.

    An empty log holds nothing: a writer is about to begin, or found the disk full.
    """
    with contextlib.suppress(FileNotFoundError):
        if _log_of(real).stat().st_size > 0:
            return None
    stat = real.stat()
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _connect(real: Path, options: str, wait_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(real))}?{options}",
        uri=True,
        timeout=wait_s,
        isolation_level=None,  # transactions are begun by `Database.atomic`, and by nothing else
        check_same_thread=False,
    )


def _prepared(connection: sqlite3.Connection, real: Path, kind: FileKind) -> OpenFile:
    # Plug-ins that happen to be installed have no business in this file.
    database = OpenFile(connection, execute_plugins=False)
    # Whoever else is writing is waited for now, not in the middle of the work.
    database.execute("BEGIN IMMEDIATE")
    database.execute("ROLLBACK")
    database.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
    if _examine(database, real, kind) == 0:
        # Before there is a log: from here on the file itself says whose it is.
        database.execute(f"PRAGMA application_id = {kind.application_id}")
    database.enable_wal()
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA trusted_schema = OFF")
    _migrate(database, kind)
    return database


def _examine(database: Database, real: Path, kind: FileKind) -> int:
    """The schema version of a file of ours, 0 of an empty one. Raises: Corrupt, NewerSchema."""
    if _require_owner(database, real, kind):
        return 0
    version = _pragma(database, "user_version")
    if version > kind.version:
        raise NewerSchema(
            f"the {kind.what} {real} was written by a newer version (schema {version}, "
            f"this program knows {kind.version}). It was left as it is; "
            "upgrade this program, or name another file"
        )
    finding = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise damaged(real, kind.what, str(finding), kind.remedy)
    return version


def _require_owner(database: Database, real: Path, kind: FileKind) -> bool:
    """False for a file of ours, True for one that is empty and nobody's. Raises: Corrupt."""
    owner, version = _pragma(database, "application_id"), _pragma(database, "user_version")
    if owner == kind.application_id:
        return False
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (owner, version, tables) == (0, 0, 0):
        return True
    raise Corrupt(
        f"{real} is an SQLite file of another program, not a {kind.what}. "
        "It was left as it is; name another file in the configuration"
    )


def _pragma(database: Database, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _migrate(database: Database, kind: FileKind) -> None:
    if _pragma(database, "user_version") == kind.version:
        return
    with database.atomic():
        kind.migrations.apply(database)
        database.execute(f"PRAGMA user_version = {kind.version}")


def _queried(real: Path, options: str, kind: FileKind, query: Callable[[Database], T]) -> T | None:
    with contextlib.closing(_connect(real, options)) as connection:
        database = Database(connection, execute_plugins=False)
        version = _examine(database, real, kind)
        if version == 0:
            return None
        if version == kind.version:
            with database.atomic():
                return query(database)
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
            connection.backup(copy)  # an older file is brought up to date in memory only
            current = Database(copy, execute_plugins=False)
            _migrate(current, kind)
            return query(current)
