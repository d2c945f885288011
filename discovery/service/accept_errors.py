"""Log connections that cannot be accepted for want of file descriptors, once a minute.

asyncio logs each attempt with a traceback, a hundred times a second, and goes on trying.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from discovery.model.descriptors import exhaustion

log = structlog.get_logger()

LOG_INTERVAL_S: Final = 60.0
"""Seconds between two log lines about connections that were not accepted."""
_NOT_ACCEPTED: Final = "socket.accept() out of system resource"


class AcceptErrors:
    """Exception handler of an event loop that limits how often failed accepts are logged."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._logged_at_s: float | None = None
        self._count = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log one error of the loop; failed accepts at most once per `LOG_INTERVAL_S`."""
        if context.get("message") != _NOT_ACCEPTED:
            loop.default_exception_handler(context)
            return
        self._count += 1
        now_s = self._now_s()
        if self._logged_at_s is not None and now_s - self._logged_at_s < LOG_INTERVAL_S:
            return
        error = context["exception"]
        log.error(
            "page.not_accepted",
            attempts=self._count,
            why=exhaustion(error) or str(error),
            next="sweeps go on as far as they can; connections are accepted again when some are "
            "closed",
        )
        self._logged_at_s, self._count = now_s, 0
