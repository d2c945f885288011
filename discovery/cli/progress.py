"""Show how far a scan has come: a status line on a terminal, or lines for a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from discovery.cli.streams import is_events_only, stderr_line

OnProgress = Callable[[int, int, int], None]
"""Called with scopes done, those of them that failed, and scopes known so far."""


@contextmanager
def progress(interval: timedelta | None = None) -> Iterator[OnProgress | None]:
    """Show progress on stderr while the context is open; yields None when nothing is shown.

    On a terminal it is one line that disappears afterwards; elsewhere a line each `interval`, if
    given.
    """
    if sys.stderr.isatty() and not is_events_only():
        with _show_status() as show:
            yield show
    else:
        yield None if interval is None else _print_every(interval)


@contextmanager
def _show_status() -> Iterator[OnProgress]:
    from discovery.reports.terminal.style import console_for

    console = console_for(sys.stderr)
    with console.status("Reading AWS …") as status:
        yield lambda done, failed, total: status.update(_line(done, failed, total))


def _print_every(interval: timedelta) -> OnProgress:
    due_s = time.monotonic() + interval.total_seconds()

    def show(done: int, failed: int, total: int) -> None:
        nonlocal due_s
        now_s = time.monotonic()
        if now_s >= due_s:
            due_s = now_s + interval.total_seconds()
            stderr_line(_line(done, failed, total))

    return show


def _line(done: int, failed: int, total: int) -> str:
    from discovery.reports.summary import counted

    return f"Reading AWS: {counted(done, 'scope')} done, {failed} failed, {total - done} left"
