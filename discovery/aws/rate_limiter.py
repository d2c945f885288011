"""Keep within AWS's published rates by waiting, not by being turned away.

Source: aws/README: Organizations. They are token buckets of the calling account, which others
may draw from too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second, and calls at once when there was none for a while."""

    per_s: float
    burst: int


RATES: Mapping[str, Rate] = {
    "organizations:ListAccounts": Rate(8, 12),
    "organizations:ListAccountsForParent": Rate(5, 8),
    "organizations:ListOrganizationalUnitsForParent": Rate(5, 8),
    "organizations:ListRoots": Rate(1, 2),
}
"""What AWS allows one account, by IAM action."""

_SHARE = 0.9
_SPARE_CALLS = 1
"""A tenth of a rate and one call of a burst are left alone: calls arrive less evenly than they
leave."""


class RateLimiter:
    """Token buckets by operation. One for a process: AWS counts all its calls together."""

    def __init__(
        self,
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._now_s = now_s
        self._sleep = sleep
        self._buckets: dict[str, tuple[float, float]] = {}

    async def acquire(self, action: str) -> None:
        """Wait until this action may be called; not at all where no rate is published."""
        rate = RATES.get(action)
        if rate is None:
            return
        wait_s = self._take(action, rate)
        if wait_s > 0:
            await self._sleep(wait_s)

    def _take(self, action: str, rate: Rate) -> float:
        """Take a token, perhaps one that is still to come; return in how many seconds."""
        now_s = self._now_s()
        burst, per_s = rate.burst - _SPARE_CALLS, rate.per_s * _SHARE
        level, at_s = self._buckets.get(action, (float(burst), now_s))
        level = min(float(burst), level + (now_s - at_s) * per_s) - 1.0
        self._buckets[action] = (level, now_s)
        return -level / per_s if level < 0 else 0.0
