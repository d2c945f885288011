"""Run work until it ends or a stop event is set, whichever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The stop event was set before the work ended."""


async def run_or_stop(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, or cancel it and wait for its end when the event comes first.

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
