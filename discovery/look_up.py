"""Single names looked up in the control plane, beyond its list (R10).

A denial in a run whose list succeeded says that the name is another's: what is ours the agent's
role may see. Any other error is as a list that was not read to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from discovery.control_plane.base import ControlPlaneError, Denied, Reader
from discovery.model import ResourceName
from discovery.plan.lookups import LookUp, NameState

Sleep = Callable[[float], Awaitable[Any]]

AT_ONCE: Final = 32
"""An Auth Service answers about a thousand look-ups a second, and others ask it too."""
_ATTEMPTS: Final = 4


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
    retrying = AsyncRetrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.25, max=5),
        retry=retry_if_exception(_is_retryable),
        sleep=sleep,
        reraise=True,
    )
    try:
        return await retrying(reader.get, name) or NameState.FREE
    except Denied:
        return NameState.TAKEN


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, ControlPlaneError) and error.retryable
