"""The writer lock of a state file: one process sweeps at a time, and others learn which.

`flock` on `<state file>.lock`. The system releases it when its holder dies, so a file left behind
blocks nobody; it is never removed, because a waiter may have it open already. Where somebody else
removes it, a lock on the file that was there means nothing: it counts only while it is at the path.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from discovery.model.descriptors import exhaustion
from state.errors import Locked, Replaced, Unwritable
from state.file_identity import is_at
from state.migrations import STATE_FILE
from state.mounts import require_local
from state.sqlite import require_ours

Refusal = Callable[[str], str]
"""The sentence for whoever does not get the lock, with the present holder in it."""

_POLL_S = 0.05
_MOST_BYTES = 4096
_TEXT_BYTES = 512
_SERVICE_WAIT = timedelta(seconds=1)
"""Long enough for a look of `service_of`, which has the lock for an instant."""
_BEGINS = b'{"pid": '
"""How the text begins that a holder writes."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the lock, for those who wait."""

    pid: int
    command: str
    """`sweep`, `run`, …"""
    host: str
    started_at: datetime
    next_sweep_at: datetime | None = None
    """Of a service: when its next sweep is due; None while one is under way."""

    def __str__(self) -> str:
        since = self.started_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"`{self.command}`, process {self.pid} on {self.host}, since {since}"


def this_process(command: str, started_at: datetime) -> Holder:
    """Describe this process as the holder of a lock."""
    return Holder(os.getpid(), command, socket.gethostname(), started_at)


def lock_path(path: Path) -> Path:
    """Return the path of the lock, beside the state file behind all symbolic links.

    Raises: Unwritable for links that lead nowhere.
    """
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as error:
        raise Unwritable(
            f"the state file {path} cannot be used: {error}. Nothing was changed; check the path"
        ) from error
    return real.with_name(real.name + ".lock")


def service_lock_path(path: Path) -> Path:
    """Return the path of the lock of the service that uses the state file. Raises: Unwritable."""
    return lock_path(path.with_name(path.name + ".run"))


@dataclass(frozen=True, slots=True)
class LockStatus:
    """Whether a lock is held at this moment, and by whom."""

    is_held: bool
    holder: Holder | None = None
    """None of a held lock: it did not get to say who it is."""


FREE = LockStatus(is_held=False)


def holder_of(path: Path) -> str | None:
    """Return who has the lock now, None when nobody has. Makes no file. Raises: Unwritable."""
    status = _status(lock_path(path))
    return str(status.holder or "another process") if status.is_held else None


def service_of(path: Path) -> LockStatus:
    """Tell whether a service uses the state file now. Makes no file. Raises: Unwritable.

    The system lets go of the lock of one that was killed; then what it wrote there counts no more.
    """
    return _status(service_lock_path(path))


def _status(lock: Path) -> LockStatus:
    try:
        _require_regular(lock)
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return FREE
    except OSError as error:
        raise Unwritable(
            f"the lock {lock} cannot be opened: {error.strerror}. This user must be able to"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return LockStatus(is_held=True, holder=_read_holder(descriptor))
    finally:
        os.close(descriptor)
    return FREE


@dataclass(slots=True)
class HeldLock:
    """A lock that this process holds, as long as its file is the one at the path."""

    path: Path
    _holder: Holder
    _refusal: Refusal
    _descriptor: int

    def check(self) -> None:
        """Check that no other process can have the lock. Raises: Replaced."""
        if not is_at(self._descriptor, self.path):
            raise Replaced(
                f"the lock {self.path} was removed or replaced while this process held it, so "
                "another one may be at work on the same state file. Nothing more is written; the "
                "journal knows what was under way. Leave lock files where they are: they block "
                "nobody once their holder has ended"
            )

    def retake(self) -> bool:
        """Lock the file at the path anew if it was removed or replaced; return whether it was.

        Raises: Locked, when another process has it meanwhile; Unwritable.
        """
        if is_at(self._descriptor, self.path):
            return False
        try:
            descriptor = _lock(self.path)
        except _Busy as busy:
            raise Locked(self._refusal(busy.holder)) from None
        self.release()
        self._descriptor = descriptor
        _announce(descriptor, self._holder)
        return True

    def announce_next_sweep(self, at: datetime | None) -> None:
        """Let other processes see when the next sweep of this service is due."""
        self._holder = replace(self._holder, next_sweep_at=at)
        _announce(self._descriptor, self._holder)

    def release(self) -> None:
        """Unlock; the file stays, because a waiter may have it open already."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


@asynccontextmanager
async def writer_lock(path: Path, *, wait: timedelta, holder: Holder) -> AsyncIterator[HeldLock]:
    """Hold the writer lock of the state file `path` until the context ends.

    Waits up to `wait` without blocking the loop.

    Raises: Locked, which names the present holder; OnNetwork; Unwritable.
    """

    def refusal(who: str) -> str:
        return (
            f"the state file {path} is held by {who}; waited {wait.total_seconds():g} s. "
            "Nothing was done; wait until it has finished, or give --lock-timeout more time"
        )

    require_local(path, "state file")
    require_ours(path, STATE_FILE)
    async with _held(lock_path(path), wait, holder, refusal) as held:
        yield held


@asynccontextmanager
async def service_lock(path: Path, *, holder: Holder) -> AsyncIterator[HeldLock]:
    """Hold the lock that keeps other services off the state file `path`, until the context ends.

    Single sweeps may still take their turns.

    Raises: Locked, which names the other service; OnNetwork; Unwritable.
    """

    def refusal(who: str) -> str:
        return (
            f"the state file {path} has a service already: {who}. Nothing was done; stop that one, "
            "or give this one a state.path, a group or a shard of its own"
        )

    require_local(path, "state file")
    require_ours(path, STATE_FILE)
    lock = service_lock_path(path)
    async with _held(lock, _SERVICE_WAIT, holder, refusal) as held:
        yield held


@asynccontextmanager
async def _held(
    lock: Path, wait: timedelta, holder: Holder, refusal: Refusal
) -> AsyncIterator[HeldLock]:
    descriptor = await _acquire(lock, wait, refusal)
    held = HeldLock(lock, holder, refusal, descriptor)
    try:
        _announce(descriptor, holder)
        yield held
    finally:
        held.release()


def _require_regular(lock: Path) -> None:
    # Looked at first: to open a device does something to it, to open a pipe waits for its reader.
    if lock.exists() and not lock.is_file():
        raise Unwritable(
            f"the lock {lock} is no regular file. Nothing was changed; move it away, or name "
            "another state.path"
        )


def _require_lock(descriptor: int, lock: Path) -> None:
    """Make sure that the file is a lock that one of ours left. Raises: Unwritable."""
    begun = os.pread(descriptor, len(_BEGINS), 0)
    if not _BEGINS.startswith(begun):
        raise Unwritable(
            f"the lock {lock} is another program's file. It was left as it is; name another "
            "state.path"
        )


async def _acquire(lock: Path, wait: timedelta, refusal: Refusal) -> int:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait.total_seconds()
    while True:
        try:
            return _lock(lock)
        except _Busy as busy:
            if loop.time() >= deadline:
                raise Locked(refusal(busy.holder)) from None
        await asyncio.sleep(_POLL_S)


class _Busy(Exception):
    """Another process has the lock."""

    def __init__(self, holder: Holder | None) -> None:
        self.holder = str(holder) if holder else "another process"


def _lock(lock: Path) -> int:
    """Open and lock the file at this path, once; its descriptor. Raises: _Busy; Unwritable."""
    while True:
        descriptor = _open(lock)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(descriptor, lock):
                _require_lock(descriptor, lock)
                return descriptor
        except Unwritable:
            os.close(descriptor)
            raise
        except BlockingIOError:
            busy = _Busy(_read_holder(descriptor))
            os.close(descriptor)
            raise busy from None
        except OSError as error:
            os.close(descriptor)
            raise Unwritable(
                f"the lock {lock} cannot be taken: {error.strerror}. Nothing was changed; keep the "
                "state file on a local file system"
            ) from error
        os.close(descriptor)  # removed between the two calls: a lock that nobody else looks at


def _open(lock: Path) -> int:
    try:
        _require_regular(lock)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(lock, flags, 0o600)
    except OSError as error:
        raise Unwritable(
            f"the lock {lock} cannot be opened: {error.strerror}. Nothing was changed; "
            + (
                exhaustion(error)
                or "the directory of the state file must exist, and this user must be able to "
                "write there"
            )
        ) from error


def _announce(descriptor: int, holder: Holder) -> None:
    about = {
        "pid": holder.pid,
        "command": holder.command,
        "host": holder.host,
        "started_at": holder.started_at.isoformat(),
    }
    if holder.next_sweep_at is not None:
        about["next_sweep_at"] = holder.next_sweep_at.isoformat()
    text = json.dumps(about)
    # In one write of one length, because others read it at any time.
    whole = f"{text:<{_TEXT_BYTES - 1}}\n".encode()
    # Who holds it is a courtesy; on a full disk the lock is as good without it.
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, whole, 0)
        os.ftruncate(descriptor, len(whole))


def _read_holder(descriptor: int) -> Holder | None:
    try:
        found = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
        due = found.get("next_sweep_at")
        return Holder(
            pid=int(found["pid"]),
            command=str(found["command"]),
            host=str(found["host"]),
            started_at=datetime.fromisoformat(found["started_at"]),
            next_sweep_at=datetime.fromisoformat(due) if due else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
