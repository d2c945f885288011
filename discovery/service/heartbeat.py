"""Heartbeat of the event loop: how long ago it last made progress.

It beats on progress (a scope finished, a write ended, a wait entered), not because the process is
up: a loop that hangs has no heartbeat, though the web server beside it answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from discovery.config.model import Config

_SLOWEST_STEP: Final = timedelta(minutes=1)
"""Upper bound of steps that no setting bounds: the control plane's list, with its retries."""


class Heartbeat:
    """Time of the last progress."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._last_beat_s = now_s()

    def beat(self) -> None:
        """Record that progress was made now."""
        self._last_beat_s = self._now_s()

    @property
    def age_s(self) -> float:
        """Seconds since the last progress."""
        return self._now_s() - self._last_beat_s


def heartbeat_limit(config: Config) -> timedelta:
    """Age of a heartbeat from which on the loop counts as stuck: two intervals.

    With a short interval, twice the longest step without progress: the scan of one scope, or a call
    to the control plane. `sweep_timeout` does not matter: a long sweep that is well keeps finishing
    scopes.
    """
    service = config.service
    wait = service.interval + service.jitter
    return 2 * max(wait, config.aws.scope_timeout, _SLOWEST_STEP)
