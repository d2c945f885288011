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
class Edges:
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


OpenEdges = Callable[[], AbstractAsyncContextManager[Edges]]
"""Reads the configuration anew and opens what it says."""


Check = Callable[[Edges, Edges], Awaitable[None]]


async def _accept(before: Edges, after: Edges) -> None:
    del before, after


def _ignore(before: Edges, after: Edges) -> None:
    del before, after


class ReloadableConnections:
    """Edges that are replaced only while nobody stands on them."""

    def __init__(self, open_edges: OpenEdges, edges: Edges, closing: AsyncExitStack) -> None:
        self._open_edges = open_edges
        self._edges = edges
        self._closing = closing
        self._standing = 0
        self._changed = asyncio.Condition()
        self._is_renewing = False

    @classmethod
    @asynccontextmanager
    async def open(cls, open_edges: OpenEdges) -> AsyncIterator[Self]:
        """Edges are open within the context. Raises: what opening them raises."""
        closing = AsyncExitStack()
        foundation = cls(open_edges, await closing.enter_async_context(open_edges()), closing)
        try:
            yield foundation
        finally:
            await foundation._closing.aclose()

    @property
    def edges(self) -> Edges:
        """Those of the moment, to look at."""
        return self._edges

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Edges]:
        """They stay as they are until the context ends; waits while they are replaced."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._is_renewing)
            self._standing += 1
        try:
            yield self._edges
        finally:
            async with self._changed:
                self._standing -= 1
                self._changed.notify_all()

    async def reload(
        self, check: Check = _accept, on_replaced: Callable[[Edges, Edges], None] = _ignore
    ) -> None:
        """The configuration as it is now is in force, and what was open before is closed.

        Waits until nobody stands on the old one; meanwhile nobody new gets on.

        Args:
            check: Given the old edges and the new ones; raises what speaks against the new ones.
            on_replaced: Given the same once the new ones are in force, before the old are closed.

        Raises: what opening and `check` raise, and then nothing has changed.
        """
        async with AsyncExitStack() as stack:
            edges = await stack.enter_async_context(self._open_edges())
            await check(self._edges, edges)
            async with self._changed:
                self._is_renewing = True
                try:
                    if self._standing:
                        await self._changed.wait_for(lambda: not self._standing)
                        await check(self._edges, edges)  # whoever stood there may have bound state
                    closing, self._closing = self._closing, stack.pop_all()
                    before, self._edges = self._edges, edges
                finally:
                    self._is_renewing = False
                    self._changed.notify_all()
        on_replaced(before, edges)
        try:
            await closing.aclose()
        except Exception as error:
            log.warning("configuration.not_closed", why=str(error))
