"""The pulse of the loop: how long ago it last got somewhere.

It is fed by progress (a scope finished, a write ended, a wait entered), not by the process being
up: a loop that hangs has no pulse, though the web server beside it answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from discovery.config.model import Config

_SLOWEST_STEP: Final = timedelta(minutes=1)
"""What a step that no configuration bounds may take: the control plane's list, with its retries."""


class Heartbeat:
    """Whoever makes progress calls `beat`; whoever watches reads `age_s`."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._last_beat_s = now_s()

    def beat(self) -> None:
        """Progress was made just now."""
        self._last_beat_s = self._now_s()

    @property
    def age_s(self) -> float:
        """Seconds since the last progress."""
        return self._now_s() - self._last_beat_s


def heartbeat_limit(config: Config) -> timedelta:
    """How old a pulse may be before the loop counts as stuck: two intervals.

    Where the interval is short, twice the longest thing that goes on without progress: the scan of
    one scope, or a call to the control plane. `sweep_timeout` does not matter: a sweep that takes
    long and is well finishes scopes all the while.
    """
    service = config.service
    wait = service.interval + service.jitter
    return 2 * max(wait, config.aws.scope_timeout, _SLOWEST_STEP)
