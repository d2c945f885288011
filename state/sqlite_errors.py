"""Where SQLite's and the system's exceptions stop: each becomes a `StateError` with a sentence."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from discovery.model.descriptors import exhaustion
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
_FULL = "the disk is full; make room"
_HINTS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: "the disk reported an error; look at the system's log",
}
_DENIED = {
    "written": "this user may not write to it; give this user write permission to it and to its "
    "directory",
    "read": "this user may not read it, or the log beside it; run this as the user who sweeps, or "
    "give this user read permission",
}
_REFUSED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN})
_ANY_CAUSE = _REFUSED | {sqlite3.SQLITE_IOERR}
_MADE_BY_READING = 1 << 16
"""Bytes that SQLite may need on the disk even to read: the index of the log."""

Doing = Literal["read", "written"]


@contextmanager
def translate_errors(
    path: Path, what: str, remedy: str, doing: Doing = "written"
) -> Iterator[None]:
    """Whatever SQLite or the system raises inside leaves as a `StateError`.

    `what` names the file's role, `remedy` says what to do when it is damaged, `doing` is what
    could not be done.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise of_sqlite(error, path, what, remedy, doing) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unwritable(
            f"the {what} {path} cannot be used: {reason}. Nothing in it was changed; "
            + (exhaustion(error) or "check the path and this user's permissions")
        ) from error


def of_sqlite(
    error: sqlite3.Error, path: Path, what: str, remedy: str, doing: Doing = "written"
) -> StateError:
    """What an SQLite error means for the person who runs the program."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if code in _BUSY:
        return Locked(
            f"the {what} {path} is being written by another process; nothing was changed. "
            "Try again when that process is done"
        )
    if code in _DAMAGED:
        return damaged(path, what, str(error), remedy)
    return Unwritable(
        f"the {what} {path} cannot be {doing}: {_hint(code, error, path, doing)}. "
        "What it held before is unchanged; then run the command again"
    )


def _hint(code: int, error: sqlite3.Error, path: Path, doing: Doing) -> str:
    """Why, and what to do. SQLite calls it many names when it cannot make the log's index."""
    exhausted = exhaustion(error)
    if exhausted:
        return exhausted
    if code in _ANY_CAUSE and _is_full(path.parent):
        return _FULL
    return _DENIED[doing] if code in _REFUSED else _HINTS.get(code, str(error))


def _is_full(directory: Path) -> bool:
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    room = found.f_bavail * found.f_frsize
    return room < _MADE_BY_READING or (found.f_files > 0 and found.f_favail == 0)


def damaged(path: Path, what: str, finding: str, remedy: str) -> Corrupt:
    """The sentence for a file that cannot be trusted."""
    return Corrupt(f"the {what} {path} is damaged: {finding}. It was left as it is. {remedy}")
