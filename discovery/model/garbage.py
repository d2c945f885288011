"""When the garbage collector runs: not while modules are imported, and rarely while they work."""

from __future__ import annotations

import gc
from typing import Final

AT_START: Final = (500_000, 20, 50)
"""Thresholds of the collector: objects, and collections of younger generations.

All that a start makes is kept. To look it over is a twelfth of what a sweep does until its first
request.
"""
AT_WORK: Final = (50_000, 20, 50)
"""A sweep makes answers and few cycles: by the usual thresholds, an eighth of its CPU time."""


def collect_late() -> None:
    """Collect no garbage before the work begins, or something makes half a million objects."""
    gc.set_threshold(*AT_START)


def collect_from_now_on() -> None:
    """Collect what the work leaves; what the start made is never looked over again.

    Does nothing in a process that did not begin with `collect_late`.
    """
    if gc.get_threshold() == AT_START:
        gc.freeze()
        gc.set_threshold(*AT_WORK)
