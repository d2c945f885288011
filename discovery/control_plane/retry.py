"""Retry policy for calls to a control plane: one for reads, look-ups and writes.

Whoever makes a call retries it; nothing below does, so attempts do not multiply. Written out, since
the library that the webhooks use costs 0.2 ms of CPU a call, as much as the call itself, and a
first sweep makes two for each cache.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from discovery.control_plane.base import ControlPlaneError

T = TypeVar("T")

ATTEMPTS: Final = 4
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0

Sleep = Callable[[float], Awaitable[Any]]


async def retried(
    call: Callable[[], Awaitable[T]], sleep: Sleep, *, is_over: Callable[[], bool] = lambda: False
) -> T:
    """Make a call, again while its error says that this is worth it; raise the last error.

    `is_over`: tells that it is not to be made again, whatever its error says.
    """
    attempt = 1
    while True:
        try:
            return await call()
        except ControlPlaneError as error:
            if not error.retryable or attempt >= ATTEMPTS or is_over():
                raise
        await sleep(pause_s(attempt))
        attempt += 1


def pause_s(attempt: int) -> float:
    """Choose the seconds between an attempt and the next, at random up to what doubles each time.

    So what failed together does not come again together.
    """
    longest_s = min(_FIRST_PAUSE_S * 2 ** (attempt - 1), _LONGEST_PAUSE_S)
    return random.uniform(0, longest_s)  # noqa: S311 - nothing secret hangs on it
