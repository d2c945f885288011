"""Notice when an open file is removed or replaced.

A file that is removed or replaced while it is open goes on taking writes, and nobody ever reads
them (sqlite.org/howtocorrupt.html, "unlinking or renaming a database file while in use"). SQLite
looks for that only where it keeps a rollback journal, and ours are in WAL mode.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from state.errors import Replaced


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """The file that was at `path` when this was made, by device and inode."""

    path: Path
    what: str
    """Its role in a sentence: `state file`."""
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path, what: str) -> FileIdentity:
        """Identify the file behind all symbolic links. Raises: OSError."""
        found = path.stat()
        return cls(path, what, found.st_dev, found.st_ino)

    def check(self) -> None:
        """Check that the file is still at its path. Raises: Replaced; OSError."""
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise self._refusal("was removed") from None
        if (found.st_dev, found.st_ino) != (self.device, self.inode):
            raise self._refusal("was replaced by another file")

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Check before and after a transaction: what went into a deleted file is not done.

        Raises: Replaced; OSError.
        """
        self.check()
        yield
        self.check()

    def _refusal(self, happened: str) -> Replaced:
        return Replaced(
            f"the {self.what} {self.path} {happened} while process {os.getpid()} worked with it. "
            "Nothing more is written: it would be lost. Put the file back that was there, or "
            "restart the service: it then works with what is at that path, a new file if there is "
            "none"
        )


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether the open file is at `path`, which is no symbolic link. Raises: OSError."""
    try:
        there = path.stat(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
