"""Receive change events from the queue for as long as the service runs.

Trouble with the queue delays and stops nothing: sweeps at the interval find every change.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn

import structlog

from discovery.aws.errors import AwsCallFailed
from discovery.aws.queue import Queue
from discovery.service.rescans import Rescans

log = structlog.get_logger()

INITIAL_DELAY_S: Final = 1.0
"""Longest pause after the first failed receive; it doubles with each further one."""
MAX_DELAY_S: Final = 60.0
"""Longest pause between two attempts to receive."""


async def listen(
    queue: Queue, rescans: Rescans, *, sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
) -> NoReturn:
    """Receive messages and hand them to `rescans`, until cancelled.

    A queue that cannot be read is tried again after 1 to 60 seconds; the begin and the end of such
    trouble are logged.
    """
    failures = 0
    while True:
        try:
            messages = await queue.receive()
        except AwsCallFailed as failed:
            failures += 1
            if failures == 1:
                log.warning("events.unreadable", why=failed.error.message)
            await sleep(_pause_s(failures))
            continue
        if failures:
            log.info("events.readable_again", failures=failures)
            failures = 0
        if messages:
            await rescans.handle(messages)


def _pause_s(failures: int) -> float:
    """Pause after so many failures: exponential, with jitter so that many agents spread out."""
    longest_s = min(INITIAL_DELAY_S * (1 << min(failures - 1, 10)), MAX_DELAY_S)
    return longest_s * (0.5 + random.random() / 2)  # noqa: S311 - no secret
