"""What rounds stand on: a configuration and the edges opened from it.

A new configuration takes the place of the old one between two rounds. It is opened first; one that
cannot be opened leaves everything as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from discovery.aws.queue import Queue
from discovery.config.model import Config
from discovery.control_plane.base import ControlPlane
from discovery.sweep.context import SweepContext

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Connections:
    """The cloud and the control plane of one configuration, open."""

    context: SweepContext
    control_plane: ControlPlane
    queue: Queue | None = None
    """Where change events arrive; None: nowhere."""

    @property
    def config(self) -> Config:
        return self.context.config

    @property
    def state(self) -> Path:
        """The state file."""
        return self.config.state.path


OpenConnections = Callable[[], AbstractAsyncContextManager[Connections]]
"""Reads the configuration anew and opens what it says."""


Check = Callable[[Connections, Connections], Awaitable[None]]


async def _accept_any(before: Connections, after: Connections) -> None:
    del before, after


def _do_nothing(before: Connections, after: Connections) -> None:
    del before, after


class ReloadableConnections:
    """Edges that are replaced only while nobody stands on them."""

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
        """Edges are open within the context. Raises: what opening them raises."""
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
        """Those of the moment, to look at."""
        return self._current

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[Connections]:
        """They stay as they are until the context ends; waits while they are replaced."""
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
        """The configuration as it is now is in force, and what was open before is closed.

        Waits until nobody stands on the old one; meanwhile nobody new gets on.

        Args:
            check: Given the old edges and the new ones; raises what speaks against the new ones.
            on_replaced: Given the same once the new ones are in force, before the old are closed.

        Raises: what opening and `check` raise, and then nothing has changed.
        """
        async with AsyncExitStack() as stack:
            current = await stack.enter_async_context(self._open_connections())
            await check(self._current, current)
            async with self._changed:
                self._is_reloading = True
                try:
                    if self._users:
                        await self._changed.wait_for(lambda: not self._users)
                        await check(
                            self._current, current
                        )  # whoever stood there may have bound state
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
