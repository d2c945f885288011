"""Handle Ctrl-C and SIGTERM: the first ends the work in good order, the second at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any, Final, TypeVar

from discovery.cli.streams import stderr_line
from discovery.model.garbage import collect_from_now_on
from discovery.reports.exit import Exit

T = TypeVar("T")

_SIGNALS: Final = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}
_AFTERWARDS: Final[Mapping[signal.Signals, Any]] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    # It would end a process that has only its exit code left to give.
    signal.SIGHUP: signal.SIG_IGN,
}
"""What each signal does once nobody handles it any more."""


class Interrupted(Exception):
    """A signal came before the sweep started; there is nothing to report."""

    def __init__(self, code: Exit) -> None:
        self.code = code
        super().__init__("Interrupted before the sweep began. Nothing was changed.")


@contextmanager
def handle_signal(number: signal.Signals, callback: Callable[[], object]) -> Iterator[None]:
    """Call `callback` in the running loop for every such signal, until the context ends.

    Not by the loop's own handlers. They learn of signals from a buffer: a storm of one signal fills
    it, and another is lost. And they are gone when the loop closes, before the process ends.
    """
    loop = asyncio.get_running_loop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(callback)

    signal.signal(number, on_signal)
    try:
        yield
    finally:
        signal.signal(number, _AFTERWARDS[number])


class Interruption:
    """Signal state of one command."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        """Set by the first signal."""
        self.terminated = False
        """True when that signal was SIGTERM."""
        self.in_sweep = False
        """From here on a signal lets the sweep end by itself; before, it just ends."""
        self._work: asyncio.Task[Any] | None = None

    async def run(self, work: Awaitable[T]) -> T:
        """Run the work and handle signals meanwhile; returns what the work returns.

        Raises: Interrupted, when a signal came before the sweep started.
        """
        self._work = asyncio.ensure_future(work)
        try:
            with ExitStack() as handlers:
                for number, code in _SIGNALS.items():
                    handlers.enter_context(handle_signal(number, partial(self._on_signal, code)))
                result: T = await self._work
        except asyncio.CancelledError:
            raise Interrupted(self._code) from None
        return result

    @property
    def _code(self) -> Exit:
        return Exit.TERMINATED if self.terminated else Exit.INTERRUPTED

    def _on_signal(self, code: Exit) -> None:
        if self.stop.is_set():
            stderr_line(
                "Stopped at once. The journal has what was being written; the next sweep checks it."
            )
            os._exit(code)
        self.terminated = code is Exit.TERMINATED
        self.stop.set()
        if self.in_sweep:
            stderr_line(
                "Stopping once the running writes have ended. A second signal stops at once."
            )
        elif self._work is not None:
            self._work.cancel()


def run_with_signals(work: Callable[[Interruption], Awaitable[T]]) -> T:
    """Run the work to its end or to a signal; returns what it returns. Raises: Interrupted."""
    collect_from_now_on()

    async def run_all() -> T:
        interruption = Interruption()
        return await interruption.run(work(interruption))

    return asyncio.run(run_all())
