"""How far a scan has come, for a person who waits at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from discovery.reports.sentence import counted

OnProgress = Callable[[int, int, int], None]
"""Scopes done, those of them that failed, and how many there are so far."""


@contextmanager
def progress() -> Iterator[OnProgress | None]:
    """A line on stderr that is gone afterwards; None when nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    console = Console(stderr=True, markup=False, highlight=False)
    with console.status("Reading AWS …") as status:

        def show(done: int, failed: int, total: int) -> None:
            unread = f", {failed} unread" if failed else ""
            status.update(f"Reading AWS: {done} of {counted(total, 'scope')}{unread}")

        yield show
