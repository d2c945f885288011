"""Handle Ctrl-C and SIGTERM: the first ends the work in good order, the second at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from discovery.cli.streams import stderr_line
from discovery.reports.exit import Exit

T = TypeVar("T")

_SIGNALS: Final = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}


class Interrupted(Exception):
    """A signal came before the sweep started; there is nothing to report."""

    def __init__(self, code: Exit) -> None:
        self.code = code
        super().__init__("Interrupted before the sweep began. Nothing was changed.")


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
        loop = asyncio.get_running_loop()
        for number, code in _SIGNALS.items():
            loop.add_signal_handler(number, self._on_signal, code)
        try:
            result: T = await self._work
        except asyncio.CancelledError:
            raise Interrupted(self._code) from None
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
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

    async def run_all() -> T:
        interruption = Interruption()
        return await interruption.run(work(interruption))

    return asyncio.run(run_all())
