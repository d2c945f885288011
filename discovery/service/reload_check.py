"""Check whether a reloaded configuration may replace the current one.

What the state file is bound to, and what the service has locked, cannot change under it: the next
run would be refused, and the service would end. The reload finds that out while there is a
configuration to continue with.
"""

from __future__ import annotations

import asyncio

from discovery.service.connections import Connections
from discovery.sweep.context import SweepRequest
from discovery.sweep.identity import check_state_identity
from discovery.sweep.run import SweepRun
from state.store import read_memory


class CannotReload(Exception):
    """The change needs a restart, or cannot be checked now. The current configuration stays."""


async def check_reload(before: Connections, after: Connections) -> None:
    """Check that the next run can continue with the same state file.

    A control plane that does not answer is no reason to refuse, unless it is the one that the new
    configuration names: nobody could say whether the state belongs to it.

    Raises: CannotReload, WrongState, StateError.
    """
    if before.state.resolve() != after.state.resolve():
        raise CannotReload(
            f"state.path cannot change while the service runs: {before.state} is locked, "
            f"{after.state} is not; restart the service"
        )
    state = await asyncio.to_thread(read_memory, after.state)
    run = SweepRun.start(after.context, SweepRequest(), state)
    check = await check_state_identity(run, after.control_plane)
    if check.unread is not None and after.config.control_plane != before.config.control_plane:
        raise CannotReload(
            "control_plane was changed, and what it names now does not answer, so it cannot be "
            f"said whether the state file belongs to it: {check.unread.why}"
        )
