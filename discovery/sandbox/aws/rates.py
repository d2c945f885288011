"""How often an operation may be called: AWS's token buckets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

Key = tuple[str, ...]
"""Whose bucket it is: operation and caller, or operation and organization."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a second, and so many at once when there was none for a while."""

    per_s: float
    burst: int


class TokenBuckets:
    """Every bucket of the simulated cloud; one that nobody has drawn from is full."""

    def __init__(self) -> None:
        self._levels: dict[Key, tuple[float, datetime]] = {}

    def take(self, rates: Mapping[Key, Rate], now: datetime) -> bool:
        """Takes a token from each of these buckets; False, and none is taken, when one is empty."""
        levels = {key: self._level(key, rate, now) for key, rate in rates.items()}
        if min(levels.values(), default=1.0) < 1.0:
            return False
        self._levels.update({key: (level - 1.0, now) for key, level in levels.items()})
        return True

    def _level(self, key: Key, rate: Rate, now: datetime) -> float:
        level, at = self._levels.get(key, (float(rate.burst), now))
        flowed_in = max(0.0, (now - at).total_seconds()) * rate.per_s
        return min(float(rate.burst), level + flowed_in)
