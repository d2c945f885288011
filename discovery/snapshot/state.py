"""Open the state of a configuration: the file at `state.path`, or the snapshot in S3.

Everybody opens it here, so that nobody writes without the lease.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from discovery.aws.objects import Bucket, open_bucket
from discovery.config.snapshot import SnapshotPlace
from discovery.model.values import Clock
from discovery.snapshot.errors import translate_failures
from discovery.snapshot.lease import hold_lease
from discovery.snapshot.place import StatePlace
from discovery.snapshot.working_copy import Snapshot, fetch
from state.lock import HeldLock, Holder, writer_lock
from state.records import RememberedState
from state.store import Store, load_state


@asynccontextmanager
async def readable_file(place: StatePlace, clock: Clock) -> AsyncIterator[Path]:
    """Give a file to read the state from; of a snapshot it is a private copy. No lock is needed.

    Raises: StateError.
    """
    if place.snapshot is None:
        yield place.file
        return
    with tempfile.TemporaryDirectory(prefix="cachemuster-") as directory:
        copy = Path(directory) / "state.db"
        async with AsyncExitStack() as stack:
            bucket = await _open_bucket(stack, place, place.snapshot, clock)
            await fetch(bucket, place.snapshot, copy, own=place.config.state.path)
        yield copy


async def load_remembered(place: StatePlace, clock: Clock) -> RememberedState:
    """Read what is remembered now; all empty before the first sweep. Raises: StateError."""
    async with readable_file(place, clock) as file:
        return await asyncio.to_thread(load_state, file)


@asynccontextmanager
async def writable_store(
    place: StatePlace, *, wait: timedelta, holder: Holder, clock: Clock
) -> AsyncIterator[Store]:
    """Lock the state and open it for writing; put a snapshot back at the end.

    Waits up to `wait` in all for other processes.

    Raises: Locked; StateError.
    """
    asked_s = asyncio.get_running_loop().time()
    async with writer_lock(place.file, wait=wait, holder=holder) as lock:
        left = wait - timedelta(seconds=asyncio.get_running_loop().time() - asked_s)
        async with open_locked(place, lock, wait=left, holder=holder, clock=clock) as store:
            yield store


@asynccontextmanager
async def open_locked(
    place: StatePlace, lock: HeldLock, *, wait: timedelta, holder: Holder, clock: Clock
) -> AsyncIterator[Store]:
    """Open the state for writing while this machine's `lock` on it is held.

    Raises: Locked, when another machine has the lease of the snapshot; StateError.
    """
    if place.snapshot is None:
        with await asyncio.to_thread(Store.open, place.file, check_lock=lock.check) as store:
            yield store
        return
    async with AsyncExitStack() as stack:
        bucket = await _open_bucket(stack, place, place.snapshot, clock)
        span = place.config.service.sweep_timeout
        leasing = hold_lease(bucket, place.snapshot, holder=holder, span=span, wait=wait)
        lease = await stack.enter_async_context(leasing)
        etag = await fetch(bucket, place.snapshot, place.file, own=place.config.state.path)
        snapshot = Snapshot(bucket, place.snapshot, lease, etag)

        def check() -> None:
            lock.check()
            lease.check()

        opening = partial(Store.open, check_lock=check, remote_copy=snapshot)
        with await asyncio.to_thread(opening, place.file) as store:
            snapshot.begin(store)
            try:
                yield store
            finally:
                await snapshot.finish(store)


async def _open_bucket(
    stack: AsyncExitStack, place: StatePlace, snapshot: SnapshotPlace, clock: Clock
) -> Bucket:
    with translate_failures(snapshot, "opened", "Nothing was done"):
        opening = open_bucket(place.config.aws, snapshot.bucket, clock=clock)
        return await stack.enter_async_context(opening)
