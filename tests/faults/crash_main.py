"""A `cachemuster` that kills itself with SIGKILL at a chosen moment: `python -m
tests.faults.crash_main MOMENT COUNT sweep …`. Nothing else differs from the real command.

MOMENT: `statement`, the COUNT-th statement to either file, so in the middle of a transaction more
often than not; `intent` and `outcome`, before and after the journal has taken them; `asked` and
`answered`, before and after the control plane has acted; `record`, before the sweep is remembered.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sqlite_utils import Database

from discovery.cli.app import main
from discovery.control_plane.embedded.control_plane import Embedded
from discovery.control_plane.teleport.client import Teleport
from state.store import Store

MOMENTS = ("statement", "statement", "intent", "outcome", "asked", "answered", "record")


class CrashPoint:
    """Counts down to the moment of the kill."""

    def __init__(self, count: int) -> None:
        self._left = count

    def hit(self) -> None:
        """Kill this process, if it is time."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def prepare(moment: str, crash_point: CrashPoint) -> None:
    """Wrap what the moment is about, so that it ends the process."""
    if moment == "statement":
        _after(Database, "execute", crash_point)
    elif moment == "intent":
        _before(Store, "write", crash_point)
    elif moment == "outcome":
        _after(Store, "write", crash_point)
    elif moment == "record":
        _before(Store, "record", crash_point)
    else:
        for plane in (Embedded, Teleport):
            for call in ("create", "update", "delete"):
                _around(plane, call, crash_point, is_answered=moment == "answered")


def _before(place: type, name: str, crash_point: CrashPoint) -> None:
    real: Callable[..., Any] = getattr(place, name)

    def wrapped(*arguments: Any, **more: Any) -> Any:
        crash_point.hit()
        return real(*arguments, **more)

    setattr(place, name, wrapped)


def _after(place: type, name: str, crash_point: CrashPoint) -> None:
    real: Callable[..., Any] = getattr(place, name)

    def wrapped(*arguments: Any, **more: Any) -> Any:
        found = real(*arguments, **more)
        crash_point.hit()
        return found

    setattr(place, name, wrapped)


def _around(place: type, name: str, crash_point: CrashPoint, *, is_answered: bool) -> None:
    real: Callable[..., Any] = getattr(place, name)

    async def wrapped(*arguments: Any) -> Any:
        if not is_answered:
            crash_point.hit()
        found = await real(*arguments)
        if is_answered:
            crash_point.hit()
        return found

    setattr(place, name, wrapped)


if __name__ == "__main__":
    prepare(sys.argv.pop(1), CrashPoint(int(sys.argv.pop(1))))
    main()
