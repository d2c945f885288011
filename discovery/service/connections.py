"""The open cloud, control plane and queue of a configuration, and how a reload swaps them.

A new configuration replaces the old one between two runs. It is opened first; one that cannot be
opened changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self

import structlog

from discovery.aws.queue import Queue
from discovery.config.model import Config
from discovery.control_plane.base import ControlPlane
from discovery.plan.shard import Shard
from discovery.snapshot.place import StatePlace
from discovery.snapshot.state import load_remembered
from discovery.sweep.context import SweepContext, SweepRequest
from discovery.sweep.identity import check_state_identity
from discovery.sweep.run import SweepRun

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Connections:
    """The cloud and the control plane of one configuration, open."""

    context: SweepContext
    control_plane: ControlPlane
    queue: Queue | None = None
    """Where change events arrive; None: nowhere."""
    shard: Shard | None = None
    """Which of several processes this is; None: the only one."""

    @property
    def config(self) -> Config:
        """The configuration that was opened."""
        return self.context.config

    @property
    def place(self) -> StatePlace:
        """Where the state is."""
        return StatePlace.of(self.config, self.shard)


OpenConnections = Callable[[], AbstractAsyncContextManager[Connections]]
"""Read the configuration again and open what it names."""


Check = Callable[[Connections, Connections], Awaitable[None]]
"""Given the old and the new connections; raises when the new ones must not be used."""


async def _accept_any(before: Connections, after: Connections) -> None:
    del before, after


def _do_nothing(before: Connections, after: Connections) -> None:
    del before, after


class ReloadableConnections:
    """Open connections that `reload()` swaps once no run uses them."""

    def __init__(
        self, open_connections: OpenConnections, current: Connections, exit_stack: AsyncExitStack
    ) -> None:
        self._open_connections = open_connections
        self._current = current
        self._exit_stack = exit_stack
        self._users = 0
        self._changed = asyncio.Condition()
        self._is_reloading = False

    @classmethod
    @asynccontextmanager
    async def open(cls, open_connections: OpenConnections) -> AsyncIterator[Self]:
        """Open connections for the time of the context. Raises: what opening them raises."""
        exit_stack = AsyncExitStack()
        connections = cls(
            open_connections, await exit_stack.enter_async_context(open_connections()), exit_stack
        )
        try:
            yield connections
        finally:
            await connections._exit_stack.aclose()

    @property
    def current(self) -> Connections:
        """The connections of the moment; they may be swapped at any time (see `hold`)."""
        return self._current

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[Connections]:
        """Keep the connections as they are until the context ends; wait while they are swapped."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._is_reloading)
            self._users += 1
        try:
            yield self._current
        finally:
            async with self._changed:
                self._users -= 1
                self._changed.notify_all()

    async def reload(
        self,
        check: Check = _accept_any,
        on_replaced: Callable[[Connections, Connections], None] = _do_nothing,
    ) -> None:
        """Open the configuration as it is now, swap, and close what was open before.

        Waits until no run uses the old connections; meanwhile none can start.

        Args:
            check: Given the old and the new connections; raises what speaks against the new ones.
            on_replaced: Given the same once the new ones are in use, before the old are closed.

        Raises: what opening and `check` raise; then nothing has changed.
        """
        async with AsyncExitStack() as stack:
            current = await stack.enter_async_context(self._open_connections())
            await check(self._current, current)
            async with self._changed:
                self._is_reloading = True
                try:
                    if self._users:
                        await self._changed.wait_for(lambda: not self._users)
                        # The last run may have bound the state file.
                        await check(self._current, current)
                    exit_stack, self._exit_stack = self._exit_stack, stack.pop_all()
                    before, self._current = self._current, current
                finally:
                    self._is_reloading = False
                    self._changed.notify_all()
        on_replaced(before, current)
        try:
            await exit_stack.aclose()
        except Exception as error:
            log.warning("configuration.not_closed", why=str(error))


class CannotReload(Exception):
    """The change needs a restart, or cannot be checked now. The current configuration stays."""


async def check_reload(before: Connections, after: Connections) -> None:
    """Check that the next run can continue with the same state file.

    What the file is bound to, and what the service has locked, cannot change under it: the next run
    would be refused, and the service would end. The reload finds that out while there is a
    configuration to continue with.

    A control plane that does not answer is no reason to refuse, unless it is the one that the new
    configuration names: nobody could say whether the state belongs to it.

    Raises: CannotReload, WrongState, StateError.
    """
    old, new = before.place, after.place
    if old.file.resolve() != new.file.resolve():
        raise CannotReload(
            f"state.path cannot change while the service runs: {old.file} is locked, "
            f"{new.file} is not; restart the service"
        )
    if old.snapshot != new.snapshot:
        raise CannotReload(
            f"state.snapshot cannot change while the service runs, from {old} to {new}; restart "
            "the service"
        )
    state = await load_remembered(new, after.context.clock)
    run = SweepRun.start(after.context, SweepRequest(), state)
    check = await check_state_identity(run, after.control_plane)
    if check.unread is not None and after.config.control_plane != before.config.control_plane:
        raise CannotReload(
            "control_plane was changed, and what it names now does not answer, so it cannot be "
            f"said whether the state file belongs to it: {check.unread.why}"
        )
