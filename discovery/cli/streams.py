"""Use the two streams: data goes to stdout, messages about it to stderr."""

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
    """Values of `--log-format`."""

    CONSOLE = "console"
    JSON = "json"


class _StderrMode:
    """Whether messages on stderr are plain lines or log events."""

    as_events = False


def log_events_only(*, on: bool) -> None:
    """Write messages to stderr as log events from now on; or, not `on`, as plain lines again."""
    _StderrMode.as_events = on


def is_events_only() -> bool:
    """True when nothing but log events may be written to stderr."""
    return _StderrMode.as_events


class StdoutLost(OSError):
    """Output cannot be written to stdout, such as on a full disk."""


class _Stdout(io.TextIOWrapper):
    """Stdout whose errors can be told from those of other files."""

    def write(self, text: str) -> int:
        """Write text. Raises: StdoutLost."""
        with _as_lost():
            return super().write(text)

    def flush(self) -> None:
        """Flush. Raises: StdoutLost."""
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
    """Print one line to stderr, safe to show, or log one event with `--log-format json`.

    A closed stderr is ignored.
    """
    stderr_lines((text,), level=level)


def stderr_lines(texts: Iterable[str], *, level: int = logging.INFO) -> None:
    """Print several lines as `stderr_line` does; line breaks inside of one are escaped."""
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
    """Make the standard streams safe to write to.

    Characters that the terminal's encoding lacks are escaped instead of raising, and a stream that
    the caller closed leads to the null device instead of into the next file that is opened.
    """
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
    """Write out what was printed; a reader that went away is ignored. Raises: StdoutLost."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        mute_stdout()
    except ValueError:
        return  # closed already


def mute_stdout() -> None:
    """Drop what is still buffered for a reader that went away."""
    _mute(sys.stdout)


def release_stderr() -> None:
    """Drop messages that cannot be written, such as on a full disk.

    Left in the buffer, they would cost the exit code.
    """
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _mute(sys.stderr)


def _mute(stream: TextIO) -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return
