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
    """When it is time."""

    def __init__(self, count: int) -> None:
        self._left = count

    def strikes(self) -> None:
        """The process ends here, if it is time."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def prepare(moment: str, fate: CrashPoint) -> None:
    """From now on the process is doomed."""
    if moment == "statement":
        _after(Database, "execute", fate)
    elif moment == "intent":
        _before(Store, "write", fate)
    elif moment == "outcome":
        _after(Store, "write", fate)
    elif moment == "record":
        _before(Store, "record", fate)
    else:
        for plane in (Embedded, Teleport):
            for call in ("create", "update", "delete"):
                _around(plane, call, fate, is_answered=moment == "answered")


def _before(place: type, name: str, fate: CrashPoint) -> None:
    real: Callable[..., Any] = getattr(place, name)

    def doomed(*arguments: Any, **more: Any) -> Any:
        fate.strikes()
        return real(*arguments, **more)

    setattr(place, name, doomed)


def _after(place: type, name: str, fate: CrashPoint) -> None:
    real: Callable[..., Any] = getattr(place, name)

    def doomed(*arguments: Any, **more: Any) -> Any:
        found = real(*arguments, **more)
        fate.strikes()
        return found

    setattr(place, name, doomed)


def _around(place: type, name: str, fate: CrashPoint, *, is_answered: bool) -> None:
    real: Callable[..., Any] = getattr(place, name)

    async def doomed(*arguments: Any) -> Any:
        if not is_answered:
            fate.strikes()
        found = await real(*arguments)
        if is_answered:
            fate.strikes()
        return found

    setattr(place, name, doomed)


if __name__ == "__main__":
    prepare(sys.argv.pop(1), CrashPoint(int(sys.argv.pop(1))))
    main()
