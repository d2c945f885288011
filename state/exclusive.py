"""Open the state file for one writer alone: its lock, and the file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from state.errors import Locked
from state.lock import Holder, writer_lock
from state.store import Store

_POLL_S: Final = 0.1


@asynccontextmanager
async def locked_store(path: Path, *, wait: timedelta, holder: Holder) -> AsyncIterator[Store]:
    """Lock the state file and open it for writing, until the context ends.

    Waits up to `wait` in all, without blocking the loop, for other processes of this program and
    for whatever else is writing to the file.

    Raises: Locked; what `Store.open` raises.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait.total_seconds()
    async with writer_lock(path, wait=wait, holder=holder) as lock:
        while True:
            try:
                store = Store.open(path, wait=timedelta(0), check_lock=lock.check)
            except Locked as error:
                if loop.time() >= deadline:
                    raise Locked(f"{error}, or give --lock-timeout more time") from error
                await asyncio.sleep(_POLL_S)
            else:
                break
        with store:
            yield store
