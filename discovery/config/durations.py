"""Durations as people write them: `0s`, `30s`, `10m`, `2h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

PATTERN = r"(0|[1-9][0-9]{0,8})([smhd])"
EXPECTED = "a duration: a whole number and one of s, m, h, d, such as 30s, 10m, 2h or 7d"

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as `10m`.

    Raises: ValueError for any other text, and for more days than a timedelta holds.
    """
    found = re.fullmatch(PATTERN, text, re.ASCII)
    if found is None:
        raise ValueError(f"not {EXPECTED}")
    try:
        return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    except OverflowError as error:
        raise ValueError("longer than any calendar") from error


def format_duration(span: timedelta) -> str:
    """Format a duration by the shortest exact text; fractions of a second are dropped."""
    seconds = int(span.total_seconds())
    for unit, size in _SECONDS.items():
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return "0s"
