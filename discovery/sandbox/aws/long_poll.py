"""Long polling: a request is answered when there is something to answer, or time is up."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

from discovery.sandbox.aws.wire.message import Members

_CHECK_INTERVAL_S = 0.05
"""The sandbox's clock has no alarm, so what depends on it is checked so often."""


class Notification:
    """Wakes whoever waits for it, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._waiting: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    @property
    def count(self) -> int:
        """How often it was sent; read it before looking at what it announces."""
        return self._count

    def notify(self) -> None:
        """Wake everybody who waits."""
        with self._lock:
            self._count += 1
            waiting, self._waiting = self._waiting, {}
        for future, loop in waiting.items():
            loop.call_soon_threadsafe(_wake, future)

    async def wait(self, count: int, *, at_most_s: float) -> None:
        """Wait until it was sent more often than `count`, or that time has passed."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        with self._lock:
            if self._count > count:
                return
            self._waiting[future] = loop
        try:
            await asyncio.wait_for(future, at_most_s)
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.pop(future, None)

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@dataclass(frozen=True, slots=True)
class LongPoll:
    """An answer that may take its time."""

    notification: Notification
    wait_s: float
    """How long it waits, by the machine's time, as clients count."""
    receive: Callable[[], Members | None]
    """Return the answer; None while there is none."""
    empty: Members
    """The answer when time is up."""
    depends_on_clock: Callable[[], bool]
    """Whether the passing of the sandbox's time alone may give an answer."""

    async def answer(self) -> Members:
        """Return what `receive` gives as soon as it gives something, else `empty`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.wait_s
        while True:
            count = self.notification.count
            found = self.receive()
            left_s = end - loop.time()
            if found is not None or left_s <= 0:
                return self.empty if found is None else found
            pause_s = min(left_s, _CHECK_INTERVAL_S) if self.depends_on_clock() else left_s
            await self.notification.wait(count, at_most_s=pause_s)
