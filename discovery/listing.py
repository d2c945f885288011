"""What the control plane shows: its list, and the few names that it ought to have listed (R10)."""

from __future__ import annotations

from discovery.control_plane.base import Denied, Reader
from discovery.enrollment.unlisted import unlisted_names
from discovery.model import Database, ResourceName
from state.records import Memory


async def list_all(registry: Reader, memory: Memory, group: str) -> tuple[Database, ...]:
    """The list, and what stands under names that it lacks although much hangs on them.

    Raises: ControlPlaneError.
    """
    listed = await registry.list_databases()
    names = unlisted_names(memory, listed, group)
    looked_up = [await _looked_up(registry, name) for name in names]
    return (*listed, *(each for each in looked_up if each is not None))


async def _looked_up(registry: Reader, name: ResourceName) -> Database | None:
    """None, too, where the role may not see it: it is not listed either."""
    try:
        return await registry.get(name)
    except Denied:
        return None
