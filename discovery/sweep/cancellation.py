"""Work that ends early when it is told to: a stop event is no exception inside the work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The stop event was set while something was under way."""


async def run_or_stop(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; when the event comes first, `work` is cancelled and has ended.

    Raises: Stopped.
    """
    working, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Stopped
    finally:
        asked.cancel()
        working.cancel()
        await asyncio.gather(working, asked, return_exceptions=True)


async def drain_on_stop(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> tuple[T, bool]:
    """What `work` returns, and whether it was asked to stop before its end.

    For work that takes a first cancellation as a request to finish what it has in hand.
    """
    working, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
        stopped = not working.done()
        if stopped:
            working.cancel()
        return await working, stopped
    finally:
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
