"""Write a report to stdout, or to a file that is complete or untouched."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from discovery.cli.options import named_configuration
from discovery.cli.settings import find_configuration
from discovery.cli.streams import mute_stdout, stderr_line
from discovery.reports.view import Format

Render = Callable[[TextIO], None]
"""Writes a report to a stream."""


class OutputUnwritable(Exception):
    """The file of `-o` cannot be written; found before anything else was begun."""


class OutputLost(Exception):
    """The report could not be written, after what it reports was done."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a report goes, found writable before the work began."""

    path: Path | None
    """None: stdout."""
    draft: Path | None = None
    """Temporary file that becomes `path` once complete; None for what is no regular file."""
    stream: TextIO | None = None
    """A pipe or device, open from the start because its reader waits for it; else None."""

    def write_report(self, output_format: str, *, table: Render, document: Render) -> None:
        """Write a report as the JSON document or the table. Raises: as `write`."""
        self.write(document if output_format == Format.JSON else table)

    def write(self, render: Render, *, holds_secret: bool = False) -> None:
        """Write the report. A reader of stdout that went away is no failure.

        `holds_secret`: the file is for its owner alone, whatever the umask says and whatever mode
        an earlier one had.

        Raises: OutputLost, and then a file of an earlier run is as it was.
        """
        try:
            if self.path is None:
                _write_stdout(render)
            elif self.stream is not None:
                render(self.stream)
                self.stream.flush()
            elif self.draft is not None:
                _write_whole(render, self.draft, self.path, holds_secret=holds_secret)
        except OSError as error:
            raise OutputLost(
                f"The report could not be written to {self.path or 'standard output'}: "
                f"{error.strerror}. What was done is remembered; `cachemuster status` and the "
                "next run show it."
            ) from error


@contextmanager
def open_destination(path: Path | None) -> Iterator[Destination]:
    """A place for the report, tried out; nothing is left beside it afterwards.

    Raises: PlaceUnwritable.
    """
    if path is None or str(path) == "-":
        yield Destination(None)
        return
    try:
        _refuse_own(path)
        destination = _prepared(path)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be the name of a file"
        raise OutputUnwritable(
            f"{path} cannot be written: {reason}. Nothing was started. Name another file with "
            "-o, or leave -o out to see the report here."
        ) from error
    try:
        yield destination
    finally:
        with suppress(OSError):
            if destination.stream is not None:
                destination.stream.close()
            if destination.draft is not None:
                destination.draft.unlink(missing_ok=True)


def _refuse_own(path: Path) -> None:
    from discovery.cli.own_files import own_file

    configuration = find_configuration(named_configuration())
    what = None if configuration is None else own_file(path, configuration)
    if what is not None:
        raise OutputUnwritable(
            f"{path} is {what} of this very configuration. Nothing was started and nothing was "
            "overwritten. Name another file with -o."
        )


def _prepared(path: Path) -> Destination:
    if path.exists() and not path.is_file() and not path.is_dir():
        if path.is_fifo():
            stderr_line(f"Waiting for somebody to read the named pipe {path}.")
        # /dev/null, a pipe: written to, never replaced. Opened once: a pipe's reader is gone
        # as soon as its first writer is.
        return Destination(path, stream=path.open("w", encoding="utf-8", errors="backslashreplace"))
    target = path.resolve()
    if target.is_dir():
        raise IsADirectoryError(None, "it is a directory")
    draft = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")
    # Exclusive, and the mode is the umask's: a report is as public as any file made here.
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    return Destination(target, draft)


def _write_stdout(render: Render) -> None:
    try:
        render(sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        mute_stdout()
    except OSError:
        mute_stdout()
        raise


def _write_whole(render: Render, draft: Path, path: Path, *, holds_secret: bool) -> None:
    with draft.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        if holds_secret:
            os.fchmod(stream.fileno(), 0o600)  # before the first byte of it
        render(stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
