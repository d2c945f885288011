"""Group commit: batch concurrent writes into one transaction that is synced to disk.

A transaction that survives a power cut costs the same for one entry as for sixteen. Nobody is
answered before the transaction with his entry is on disk, so nothing else changes. What is only
read can be batched in the same way, for the sake of the one way to a thread and back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Entry = TypeVar("Entry")
Answer = TypeVar("Answer")


class GroupCommit(Generic[Entry, Answer]):
    """Batches entries and hands them to `write`, in a thread; `close` it.

    `write` writes all of them or raises; what it raises is everybody's when `is_common` says so.
    Otherwise it is one entry's, and each is then written alone, so that only this one fails.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Entry]], Sequence[Answer]],
        *,
        is_common: Callable[[Exception], bool],
    ) -> None:
        self._write = write
        self._is_common = is_common
        self._waiting: list[tuple[Entry, asyncio.Future[Answer]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def submit(self, entry: Entry) -> Answer:
        """Have the entry written and return its answer. Raises: what writing raises."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._work())
        return await answer

    async def close(self) -> None:
        """Stop writing; only what a thread has in hand is still finished."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        _dismiss(self._waiting)

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # whoever is about to come may still come
            batch, self._waiting = self._waiting, []
            try:
                await self._write_batch(batch)
            except asyncio.CancelledError:
                _dismiss(batch)
                raise
            except Exception as error:
                if len(batch) == 1 or self._is_common(error):
                    _refuse(batch, error)
                else:
                    await self._write_singly(batch)

    async def _write_singly(self, batch: Sequence[tuple[Entry, asyncio.Future[Answer]]]) -> None:
        for each in batch:
            try:
                await self._write_batch([each])
            except Exception as error:
                _refuse([each], error)

    async def _write_batch(self, batch: Sequence[tuple[Entry, asyncio.Future[Answer]]]) -> None:
        answers = await asyncio.to_thread(self._write, [entry for entry, _ in batch])
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)


def _refuse(batch: Sequence[tuple[Entry, asyncio.Future[Answer]]], error: Exception) -> None:
    for _, waiting in batch:
        if not waiting.done():
            waiting.set_exception(error)


def _dismiss(batch: Sequence[tuple[Entry, asyncio.Future[Answer]]]) -> None:
    for _, waiting in batch:
        waiting.cancel()
