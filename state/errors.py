"""Errors of the state file, and the translation of SQLite's and the system's into them.

`str()` of each says what, where, what stayed unchanged and what to do next.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from discovery.model.descriptors import exhaustion


class StateError(Exception):
    """State could not be read or written; what was acknowledged before is still there."""


class Locked(StateError):
    """Another process holds it (exit 75)."""


class NewerSchema(StateError):
    """A newer version of the program wrote it; this one leaves it alone."""


class Corrupt(StateError):
    """It is damaged, or no file of ours; it was not overwritten."""


class OnNetwork(StateError):
    """It lies on a network file system, where neither locks nor SQLite's log hold (exit 78)."""


class Unwritable(StateError):
    """It cannot be opened, created or written: permissions, a full disk, a missing directory."""


class Replaced(StateError):
    """The file, or its lock, was removed or replaced while this process worked with it."""


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
    """Raise a StateError for whatever SQLite or the system raises inside.

    Args:
        path: The file.
        what: Its role in a sentence: `state file`.
        remedy: What to do when it is damaged, as a sentence.
        doing: What could not be done.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(error, path, what, remedy, doing) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unwritable(
            f"the {what} {path} cannot be used: {reason}. Nothing in it was changed; "
            + (exhaustion(error) or "check the path and this user's permissions")
        ) from error


def _of_sqlite(
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
    """Make the error for a file that cannot be trusted; `finding` is what is wrong with it."""
    return Corrupt(f"the {what} {path} is damaged: {finding}. It was left as it is. {remedy}")
