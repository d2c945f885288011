"""Retry policy for calls to a control plane: one for reads, look-ups and writes.

Whoever makes a call retries it; nothing below does, so attempts do not multiply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from discovery.control_plane.base import ControlPlaneError

ATTEMPTS: Final = 4

Sleep = Callable[[float], Awaitable[Any]]
Stop = Callable[[RetryCallState], bool]

_AFTER_ALL_ATTEMPTS: Final = stop_after_attempt(ATTEMPTS)


def retrying(sleep: Sleep, *, stop: Stop = _AFTER_ALL_ATTEMPTS) -> AsyncRetrying:
    """Retry a call while its error says that this is worth it; raise the last error."""
    return AsyncRetrying(
        stop=stop,
        wait=wait_random_exponential(multiplier=0.25, max=5),
        retry=retry_if_exception(_is_retryable),
        sleep=sleep,
        reraise=True,
    )


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, ControlPlaneError) and error.retryable
