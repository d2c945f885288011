"""A new configuration takes the place of the old one while nobody stands on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from discovery.service.connections import Connections, ReloadableConnections


class Opening:
    """Edges with numbers; remembers which are open."""

    def __init__(self) -> None:
        self.opened = 0
        self.open: list[int] = []
        self.refuses = False

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Connections]:
        if self.refuses:
            raise ValueError("a bad configuration")
        self.opened += 1
        number = self.opened
        self.open.append(number)
        try:
            yield cast("Connections", number)
        finally:
            self.open.remove(number)


def number_of(connections: ReloadableConnections) -> object:
    """Return what stands in for the connections that are open now: a number."""
    return connections.current


@asynccontextmanager
async def standing(
    connections: ReloadableConnections, leave: asyncio.Event
) -> AsyncIterator[asyncio.Task[Any]]:
    """Somebody stands on it until told to leave; answers on what."""

    async def stand() -> Any:
        async with connections.hold() as current:
            await leave.wait()
            return current

    task = asyncio.create_task(stand())
    await asyncio.sleep(0.001)
    yield task
    leave.set()
    await task


async def test_open_within_the_context_only() -> None:
    opening = Opening()
    async with ReloadableConnections.open(opening) as connections:
        assert number_of(connections) == 1
        assert opening.open == [1]
    assert opening.open == []


async def test_renewed_the_old_one_is_closed() -> None:
    opening = Opening()
    async with ReloadableConnections.open(opening) as connections:
        await connections.reload()
        assert (number_of(connections), opening.open) == (2, [2])
        await connections.reload()
        assert (number_of(connections), opening.open) == (3, [3])
    assert opening.open == []


async def test_it_waits_for_whoever_stands_on_it_and_lets_nobody_new_on() -> None:
    opening, leave, later = Opening(), asyncio.Event(), asyncio.Event()
    later.set()
    async with (
        ReloadableConnections.open(opening) as connections,
        standing(connections, leave) as first,
    ):
        renewing = asyncio.create_task(connections.reload())
        await asyncio.sleep(0.001)
        assert (number_of(connections), opening.open) == (1, [1, 2])
        async with standing(connections, later) as second:
            leave.set()
            await renewing
        assert await first == 1
        assert await second == 2
    assert opening.open == []


async def test_one_that_cannot_be_opened_changes_nothing() -> None:
    opening = Opening()
    async with ReloadableConnections.open(opening) as connections:
        opening.refuses = True
        with pytest.raises(ValueError, match="bad configuration"):
            await connections.reload()
        assert (number_of(connections), opening.open) == (1, [1])
        async with connections.hold() as current:
            assert cast("object", current) == 1


async def test_given_up_while_it_waits_the_new_one_is_closed_and_the_old_one_goes_on() -> None:
    opening, leave = Opening(), asyncio.Event()
    async with ReloadableConnections.open(opening) as connections, standing(connections, leave):
        renewing = asyncio.create_task(connections.reload())
        await asyncio.sleep(0.001)
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        assert (number_of(connections), opening.open) == (1, [1])
        async with connections.hold() as current:
            assert cast("object", current) == 1
