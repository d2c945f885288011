"""Where a configuration comes from: a file of its own, or something that is read once.

`-`, standard input, a pipe (`<(…)` in a shell) and whatever lies under /dev or /proc is not opened
by a directory entry of its own. The directory of such a descriptor says nothing about where the
state file is, so relative paths count from the working directory; and a pipe that was read to its
end is empty, so what it held is kept.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path, PosixPath
from typing import Final

_NO_PLACE: Final = ("/dev/", "/proc/")


class ReadOnce(PosixPath):
    """A configuration that was read already and cannot be read again; its name as a path."""

    content: bytes


def is_read_once(file: Path) -> bool:
    """True for what is not opened by a directory entry of its own."""
    if isinstance(file, ReadOnce) or is_standard_input(file):
        return True
    try:
        places = (os.path.normpath(file.absolute()), str(file.resolve()))
        mode = file.stat().st_mode
    except (OSError, RuntimeError, ValueError):
        return os.path.normpath(file.absolute()).startswith(_NO_PLACE)
    is_file = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return not is_file or any(place.startswith(_NO_PLACE) for place in places)


def is_standard_input(file: Path) -> bool:
    """True for `-`."""
    return str(file) == "-"


def name_of(file: Path) -> str:
    """What the source is called in messages."""
    return "<stdin>" if is_standard_input(file) else str(file)


def base_of(file: Path) -> Path:
    """The directory from which relative paths in the configuration count."""
    return Path.cwd() if is_read_once(file) else file.absolute().parent


def read_bytes(file: Path, at_most: int) -> bytes:
    """Read from the start, `at_most` bytes. Raises: OSError, ValueError."""
    if isinstance(file, ReadOnce):
        return file.content[:at_most]
    if is_standard_input(file):
        if sys.stdin is None:
            raise ValueError("standard input is closed")
        return sys.stdin.buffer.read(at_most)
    with file.open("rb") as stream:
        return stream.read(at_most)


def kept(file: Path, content: bytes) -> Path:
    """The same source, which from now on answers with this content."""
    made = ReadOnce(file)
    made.content = content
    return made
