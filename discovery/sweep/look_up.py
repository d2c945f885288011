"""Single names looked up in the control plane, beyond its list (R10).

A denial in a run whose list succeeded says that the name is another's: what is ours the agent's
role may see. Any other error is as a list that was not read to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from discovery.control_plane.base import ControlPlaneError, Denied, Reader
from discovery.control_plane.retry import Sleep, retrying
from discovery.model.values import ResourceName
from discovery.plan.lookups import LookUp, NameState

AT_ONCE: Final = 32
"""An Auth Service answers about a thousand look-ups a second, and others ask it too."""


async def look_up_all(
    reader: Reader, names: Collection[ResourceName], *, sleep: Sleep = asyncio.sleep
) -> dict[ResourceName, LookUp]:
    """What stands in each name, `AT_ONCE` asked at a time. Raises: ControlPlaneError."""
    waiting, found = sorted(names, reverse=True), dict[ResourceName, LookUp]()

    async def work() -> None:
        while waiting:
            name = waiting.pop()
            found[name] = await _look_up(reader, name, sleep)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(waiting))):
                group.create_task(work())
    except* ControlPlaneError as several:
        raise several.exceptions[0] from several
    if NameState.TAKEN in found.values():
        await reader.ping()  # an agent that was locked out meanwhile is denied everything
    return found


async def _look_up(reader: Reader, name: ResourceName, sleep: Sleep) -> LookUp:
    try:
        return await retrying(sleep)(reader.get, name) or NameState.FREE
    except Denied:
        return NameState.TAKEN
