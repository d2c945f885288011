"""Apply a plan: a few writes at a time, each journaled before and after (R6, R8).

An outcome is written to the journal when it is known. When it is not (no answer, half of a rename
done, an unexpected exception) the intent stays open, and the next sweep looks it up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from discovery.control_plane.base import ControlPlane
from discovery.control_plane.retry import Sleep
from discovery.model.codes import Action
from discovery.model.values import Clock, ItemError, ResourceName
from discovery.plan.item import Item
from discovery.sweep.announce import AnnouncedIntents, Journal, RemoteJournal
from discovery.sweep.breaker import Breaker
from discovery.sweep.write import Writer
from discovery.sweep.write_result import WriteResult, failed
from discovery.sweep.write_strategy import SweepStrategy, WriteStrategy, intent_kind
from state.errors import StateError
from state.group_commit import GroupCommit
from state.journal import IntentClosure
from state.records import Intent, IntentKind

LAST_WRITES_S = 8.0
"""Seconds that writes in progress may take once the sweep is told to stop."""

_ORDER = {
    IntentKind.CREATE: 0,
    IntentKind.UPDATE: 0,
    IntentKind.RENAME: 1,
    IntentKind.REPLACE: 1,
    IntentKind.DELETE: 2,
}
"""Additions before removals, so that a sweep that is interrupted has removed nothing yet."""

_WITH_CHANGES = (IntentKind.UPDATE, IntentKind.RENAME, IntentKind.REPLACE)
"""Writes of which the journal keeps the old and the new values."""


async def apply(
    items: Iterable[Item],
    *,
    control_plane: ControlPlane,
    journal: Journal,
    group: str,
    sweep_id: str,
    clock: Clock,
    concurrency: int = 32,
    sleep: Sleep = asyncio.sleep,
    on_write: Callable[[], None] = lambda: None,
    known_failures: Mapping[ResourceName, str] = MappingProxyType({}),
    strategy: WriteStrategy | None = None,
    stop: asyncio.Event | None = None,
    remote_journal: RemoteJournal | None = None,
) -> tuple[Item, ...]:
    """Carry out every item that writes, and return all items in order with their outcomes.

    `applied` is True when the control plane is as planned, False with an `error` when a call
    failed; an item that turned out to be a conflict or blocked has that action, and `applied` None.

    `strategy`: what is required of each resource; a sweep's, if None.
    `stop`: once it is set, the writes in progress are finished (within `LAST_WRITES_S`) and the
    others marked `INTERRUPTED`, so that the sweep can record and report. Cancelled, it stops at
    once.
    `known_failures`: error codes of earlier sweeps' writes, which are not logged again.
    `remote_journal`: the journal where it is kept elsewhere too: then every intent is there before
    the first write. None: an intent is written when its write is due.
    Raises: nothing that an item, the control plane or the journal can cause.
    """
    items = tuple(items)
    breaker = Breaker(control_plane)
    strategy = strategy or SweepStrategy(group)
    stop = stop or asyncio.Event()
    writing = [(index, item) for index, item in enumerate(items) if strategy.is_due(item)]
    writing.sort(key=lambda pair: (_ORDER[intent_kind(pair[1])], pair[1].sort_key))
    applying = _Applying(
        _batched(journal),
        Writer(breaker, group, strategy, sleep, stop),
        strategy,
        breaker,
        stop,
        sweep_id,
        clock,
        deque(writing),
        on_write,
        known_failures,
        AnnouncedIntents(remote_journal, clock) if remote_journal is not None else None,
    )
    await applying.work(concurrency)
    return tuple(applying.outcome(index, item) for index, item in enumerate(items))


@dataclass(slots=True)
class _Applying:
    """The writes of one sweep in progress."""

    journal: GroupCommit[Intent | IntentClosure, int]
    writer: Writer
    strategy: WriteStrategy
    breaker: Breaker
    stop: asyncio.Event
    sweep_id: str
    clock: Clock
    waiting: deque[tuple[int, Item]]
    on_write: Callable[[], None]
    known_failures: Mapping[ResourceName, str]
    announced: AnnouncedIntents | None
    started: set[int] = field(default_factory=set)
    finished: dict[int, Item] = field(default_factory=dict)
    journal_error: str | None = None
    """Why the journal cannot be written; without it nothing more is attempted."""

    async def work(self, concurrency: int) -> None:
        """Make all writes, a few at a time."""
        if self.announced is None:
            await self._work(concurrency)
        elif self.waiting and not self.stop.is_set():
            try:
                await self.announced.begin(dict(self._intents()))
            except StateError as error:
                self.journal_error = str(error)
            try:
                await self._work(concurrency)
            finally:
                await self.announced.abandon_rest()

    def _intents(self) -> Iterator[tuple[int, Intent]]:
        """Yield the intent of each item; one that can have none fails when its turn comes (R8)."""
        for index, item in self.waiting:
            if item.arn is not None and item.name is not None:
                yield index, self._intent(item)

    async def _work(self, concurrency: int) -> None:
        workers = [
            asyncio.create_task(self._worker()) for _ in range(min(concurrency, len(self.waiting)))
        ]
        if not workers:
            return
        finished = asyncio.create_task(asyncio.wait(workers))
        asked = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({finished, asked}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({finished}, timeout=LAST_WRITES_S)
        finally:
            for task in (*workers, finished, asked):
                task.cancel()
            await asyncio.gather(*workers, finished, asked, return_exceptions=True)
            await self.journal.close()

    def outcome(self, index: int, item: Item) -> Item:
        """Return the item with its outcome; a write that was not completed has an error."""
        if not self.strategy.is_due(item):
            return item
        if index in self.finished:
            return self.finished[index]
        if index in self.started:
            return _failed(
                item,
                "INTERRUPTED",
                "stopped before the control plane had answered; whether it was written is not "
                "known. The next sweep looks and goes on",
            )
        if self.journal_error is not None:
            return _failed(item, "STATE", f"not attempted: {self.journal_error}")
        text = f"stopped before it was attempted; {self.strategy.if_unattempted}"
        return _failed(item, "INTERRUPTED", text)

    async def _worker(self) -> None:
        while self.waiting and not self.stop.is_set() and self.journal_error is None:
            index, item = self.waiting.popleft()
            self.started.add(index)
            async with self.breaker.trial(self.strategy.kind_of(item)) as denied:
                if denied is not None:
                    error = ItemError(denied.code, str(denied), denied.retryable)
                    self.finished[index] = failed(item, error)
                    continue
                try:
                    self.finished[index] = await self._carry_out(index, item)
                except Exception as error:
                    self.finished[index] = self._unexpected(item, error)
            self._log(self.finished[index])
            self.on_write()

    def _unexpected(self, item: Item, error: Exception) -> Item:
        self.strategy.log_defect(item, error)
        return _failed(
            item,
            "INTERNAL",
            f"an unexpected {type(error).__name__} stopped this item alone; whether it was written "
            "is not known. The next sweep looks and goes on; please report it with the log",
        )

    def _log(self, item: Item) -> None:
        code = item.error.code if item.error is not None else item.reason.value
        is_known = item.name is not None and self.known_failures.get(item.name) == code
        self.strategy.log_result(item, self.sweep_id, is_known=is_known)

    async def _carry_out(self, index: int, item: Item) -> Item:
        try:
            intent_id = self.announced.take(index) if self.announced is not None else None
            if intent_id is None:
                intent_id = await self.journal.submit(self._intent(item))
        except StateError as error:
            self.journal_error = str(error)
            return _failed(item, "STATE", f"not attempted: {error}")
        return await self._close_intent(intent_id, await self.writer.write(item))

    async def _close_intent(self, intent_id: int, written: WriteResult) -> Item:
        removed = written.item.database if written.item.action is Action.DELETE else None
        revision = removed.revision if removed is not None else ""
        closing = IntentClosure(intent_id, written.outcome, written.error, self.clock(), revision)
        try:
            await self.journal.submit(closing)
        except StateError as error:
            self.journal_error = str(error)
            message = f"it was written, but state does not know: {error}"
            unknown = ItemError("STATE", message, retryable=True)
            return replace(written.item, error=written.item.error or unknown)
        return written.item

    def _intent(self, item: Item) -> Intent:
        if item.arn is None or item.name is None:
            raise ValueError("an item that writes has an ARN and a name")
        kind = self.strategy.kind_of(item)
        return Intent(
            sweep_id=self.sweep_id,
            kind=kind,
            action=item.action,
            reason=item.reason,
            arn=item.arn,
            scope=item.scope,
            name=item.name,
            previous_name=item.previous_name if kind is IntentKind.RENAME else None,
            database=item.database,
            at=self.clock(),
            changes=item.changes if kind in _WITH_CHANGES else (),
            revision=item.live.revision if kind is IntentKind.DELETE and item.live else "",
        )


def _batched(journal: Journal) -> GroupCommit[Intent | IntentClosure, int]:
    """Batch the journal entries of workers that wait at the same time into one transaction."""
    return GroupCommit(journal.write, is_common=lambda error: isinstance(error, StateError))


def _failed(item: Item, code: str, message: str) -> Item:
    return failed(item, ItemError(code, message, retryable=True))
