"""Where SQLite's and the system's exceptions stop: each becomes a `StateError` with a sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from discovery.descriptors import exhaustion
from state.errors import Corrupt, Locked, StateError, Unwritable

_PRIMARY = 0xFF
"""SQLite's extended result codes keep the primary one in the low byte."""

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_ERROR,  # no such table or column: not the schema it says it has
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
    }
)
_UNWRITABLE = {
    sqlite3.SQLITE_FULL: "the disk is full; make room",
    sqlite3.SQLITE_READONLY: "it is read-only; give this user write permission to it and to its "
    "directory",
    sqlite3.SQLITE_IOERR: "the disk reported an error; look at the system's log",
    sqlite3.SQLITE_PERM: "permission was denied; give this user read and write permission",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that this user may read and write it "
    "and its directory",
}


@contextmanager
def translated(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Whatever SQLite or the system raises inside leaves as a `StateError`.

    `what` names the file's role, `remedy` says what to do when it is damaged.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise of_sqlite(error, path, what, remedy) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unwritable(
            f"the {what} {path} cannot be used: {reason}. Nothing in it was changed; "
            + (exhaustion(error) or "check the path and this user's permissions")
        ) from error


def of_sqlite(error: sqlite3.Error, path: Path, what: str, remedy: str) -> StateError:
    """What an SQLite error means for the person who runs the program."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if code in _BUSY:
        return Locked(
            f"the {what} {path} is being written by another process; nothing was changed. "
            "Try again when that process is done"
        )
    if code in _DAMAGED:
        return damaged(path, what, str(error), remedy)
    hint = exhaustion(error) or _UNWRITABLE.get(code, str(error))
    return Unwritable(
        f"the {what} {path} cannot be written: {hint}. What it held before is unchanged; "
        "then run the command again"
    )


def damaged(path: Path, what: str, finding: str, remedy: str) -> Corrupt:
    """The sentence for a file that cannot be trusted."""
    return Corrupt(f"the {what} {path} is damaged: {finding}. It was left as it is. {remedy}")
