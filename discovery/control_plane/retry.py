"""Retry policy for calls to a control plane: one for reads, look-ups and writes.

Whoever makes a call retries it; nothing below does, so attempts do not multiply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from discovery.control_plane.base import ControlPlaneError

T = TypeVar("T")

ATTEMPTS: Final = 4

Sleep = Callable[[float], Awaitable[Any]]


async def retried(
    call: Callable[[], Awaitable[T]], sleep: Sleep, *, is_over: Callable[[], bool] = lambda: False
) -> T:
    """Make a call, again while its error says that this is worth it; raise the last error.

    `is_over`: tells that it is not to be made again, whatever its error says.
    """
    try:
        return await call()
    except ControlPlaneError as error:
        if not error.retryable or is_over():
            raise
        return await _retry(call, error, sleep, is_over)


async def _retry(
    call: Callable[[], Awaitable[T]],
    first: ControlPlaneError | None,
    sleep: Sleep,
    is_over: Callable[[], bool],
) -> T:
    """Make the further attempts; the one that failed with `first`, if any, counts as one of them.

    Tenacity takes as long as a call to the embedded registry, so it is used when one has failed.
    """
    import tenacity  # noqa: PLC0415 - no sweep without trouble needs it

    outcomes = [first]

    async def attempt() -> T:
        if outcomes and (failed := outcomes.pop()) is not None:
            raise failed
        return await call()

    retrying = tenacity.AsyncRetrying(
        stop=lambda state: is_over() or state.attempt_number >= ATTEMPTS,
        wait=tenacity.wait_random_exponential(multiplier=0.25, max=5),
        retry=tenacity.retry_if_exception(_is_retryable),
        sleep=sleep,
        reraise=True,
    )
    return await retrying(attempt)


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, ControlPlaneError) and error.retryable
