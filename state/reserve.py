"""Keep disk space back beside the state file, so that a full disk can be got out of.

To forget anything SQLite must write first. When the disk is full the reserve is given up for that,
and it is made again as soon as there is room.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

RESERVE_BYTES: Final = 4 * 1024 * 1024


def reserve_of(path: Path) -> Path:
    """Return the path of the reserve, beside the state file behind all symbolic links."""
    real = path.resolve()
    return real.with_name(real.name + ".reserve")


def give_up_reserve(path: Path) -> None:
    """Free the reserve if the disk has less room than it takes. Raises nothing."""
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        disk = os.statvfs(path.resolve().parent)
        reserve = reserve_of(path)
        if disk.f_bavail * disk.f_frsize < RESERVE_BYTES and is_ours(reserve):
            reserve.unlink(missing_ok=True)


def is_ours(reserve: Path) -> bool:
    """Return whether the file holds zeros only, as far as is looked: another program's stays."""
    if not reserve.is_file() or reserve.is_symlink():
        return False
    with reserve.open("rb") as stream:
        return not stream.read(4096).strip(b"\0")


def keep_reserve(path: Path) -> None:
    """Make the reserve if it is not there and there is room for it twice. Raises nothing."""
    reserve = reserve_of(path)
    with contextlib.suppress(OSError):
        disk = os.statvfs(reserve.parent)
        if reserve.exists() or disk.f_bavail * disk.f_frsize < 2 * RESERVE_BYTES:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(reserve, flags, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        finally:
            os.close(descriptor)
