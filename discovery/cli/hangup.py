"""Reload the configuration on SIGHUP while `run` lives; the signal never ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def on_hangup(callback: Callable[[], object]) -> Iterator[None]:
    """Call `callback` in the running loop for every SIGHUP; afterwards the signal is ignored.

    Not by the loop's own handlers: those are gone when the loop closes, and the signal would then
    end a process that has only its exit code left to give.
    """
    loop = asyncio.get_running_loop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(callback)

    signal.signal(signal.SIGHUP, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
