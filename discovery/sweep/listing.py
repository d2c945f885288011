"""What the control plane shows: its list, and the few names that it ought to have listed (R10)."""

from __future__ import annotations

import asyncio

from discovery.control_plane.base import Reader
from discovery.control_plane.retry import Sleep
from discovery.model.values import Database
from discovery.plan.lookups import unlisted_names
from discovery.sweep.look_up import look_up_all
from state.records import RememberedState


async def list_registered(
    registry: Reader, memory: RememberedState, group: str, *, sleep: Sleep = asyncio.sleep
) -> tuple[Database, ...]:
    """The list, and what stands under names that it lacks although much hangs on them.

    Raises: ControlPlaneError.
    """
    listed = await registry.list_databases()
    names = unlisted_names(memory, listed, group)
    looked_up = await look_up_all(registry, names, sleep=sleep)
    found = (looked_up[name] for name in names)
    return (*listed, *(each for each in found if isinstance(each, Database)))
