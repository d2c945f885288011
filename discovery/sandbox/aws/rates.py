"""Rate limits of operations: AWS's token buckets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

Key = tuple[str, ...]
"""Owner of a bucket: operation and caller, or operation and organization."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second, and how many at once after a pause."""

    per_s: float
    burst: int


class TokenBuckets:
    """Every token bucket of a world; one that was never used is full."""

    def __init__(self) -> None:
        self._levels: dict[Key, tuple[float, datetime]] = {}

    def take(self, rates: Mapping[Key, Rate], now: datetime) -> bool:
        """Take a token from each bucket; return False, and take none, when one is empty."""
        levels = {key: self._level(key, rate, now) for key, rate in rates.items()}
        if min(levels.values(), default=1.0) < 1.0:
            return False
        self._levels.update({key: (level - 1.0, now) for key, level in levels.items()})
        return True

    def _level(self, key: Key, rate: Rate, now: datetime) -> float:
        level, at = self._levels.get(key, (float(rate.burst), now))
        flowed_in = max(0.0, (now - at).total_seconds()) * rate.per_s
        return min(float(rate.burst), level + flowed_in)
