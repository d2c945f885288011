"""The two streams: data goes to stdout, what is said about it to stderr."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from discovery.model.foreign_text import without_passwords
from discovery.reports.safe_text import escape_unprintable


class LogFormat(StrEnum):
    """What `--log-format` takes."""

    CONSOLE = "console"
    JSON = "json"


class _StderrMode:
    """How what is said stands on stderr: as lines for a person, or as events of the log."""

    as_events = False


def log_events_only(*, on: bool) -> None:
    """From now on, what is said is an event of the log, as is everything else on stderr; or, not
    `on`, plain lines again."""
    _StderrMode.as_events = on


def is_events_only() -> bool:
    """True when nothing but events may stand on stderr."""
    return _StderrMode.as_events


class StdoutLost(OSError):
    """What is printed cannot be written to stdout, as on a full disk."""


class _Stdout(io.TextIOWrapper):
    """Stdout whose own errors are told from those of any other file."""

    def write(self, text: str) -> int:
        with _as_lost():
            return super().write(text)

    def flush(self) -> None:
        with _as_lost():
            super().flush()


@contextmanager
def _as_lost() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StdoutLost(error.errno, error.strerror or str(error)) from error


def stderr_line(text: str, *, level: int = logging.INFO) -> None:
    """Print one line to stderr, safe to show, or one event where a log collector reads
    (`--log-format json`). A closed stderr is nobody's loss."""
    stderr_lines((text,), level=level)


def stderr_lines(texts: Iterable[str], *, level: int = logging.INFO) -> None:
    """The same of several lines; a line break inside of one is shown as what it is."""
    if _StderrMode.as_events:
        import structlog

        structlog.get_logger().log(level, "cli.message", text="\n".join(texts))
        return
    lines = "".join(f"{escape_unprintable(without_passwords(text))}\n" for text in texts)
    try:
        sys.stderr.write(lines)
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def harden_streams() -> None:
    """Characters that the terminal's encoding lacks are spelled out instead of raising, and what
    was closed by the caller leads nowhere instead of into the next file that is opened."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    nowhere = Path(os.devnull)
    sys.stdout = sys.stdout or nowhere.open("w", encoding="utf-8")
    sys.stderr = sys.stderr or nowhere.open("w", encoding="utf-8")
    if type(sys.stdout) is io.TextIOWrapper:
        encoding, at_once = sys.stdout.encoding, sys.stdout.line_buffering
        sys.stdout = _Stdout(sys.stdout.detach(), encoding=encoding, line_buffering=at_once)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_stdout() -> None:
    """Write out what was printed. A reader that went away is no trouble. Raises: StdoutLost."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        mute_stdout()
    except ValueError:
        return  # closed already


def mute_stdout() -> None:
    """What is still buffered for a reader that went away is dropped without a complaint."""
    _mute(sys.stdout)


def release_stderr() -> None:
    """What could not be said, on a disk that is full, is dropped: left in the buffer, it would
    cost the exit code."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _mute(sys.stderr)


def _mute(stream: TextIO) -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return
