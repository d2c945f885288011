"""The state file: one writer that journals and records, and a reader that needs no lock.

What `begin`, `finish`, `abandon` and `record` have returned from survives a killed process and a
power cut. Every call is one transaction; none leaves half of its work behind.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from sqlite_utils import Database

from discovery.model.agent import this_agent
from discovery.model.values import AccountId, Arn, ItemError, ResourceName
from state import journal, queries, recording, rows
from state.errors import StateError, damaged, translate_errors
from state.file_identity import FileIdentity
from state.journal import IntentClosure
from state.migrations import STATE_FILE
from state.pruning import next_kept_from, prune_batch
from state.queries import Undecodable
from state.records import (
    HistoryEntry,
    HistoryEvent,
    Intent,
    IntentOutcome,
    RememberedProbe,
    RememberedState,
    StateIdentity,
    SweepOutcome,
    SweepRecord,
)
from state.reserve import give_up_reserve, keep_reserve
from state.rows import notified_of, notified_text, to_iso
from state.sqlite import BUSY_TIMEOUT_S, OpenFile, open_writer, read, require_ours

T = TypeVar("T")

DEFAULT_WAIT = timedelta(seconds=BUSY_TIMEOUT_S)


class RemoteCopy(Protocol):
    """Where the state file is kept that outlives this machine: see `Store.serialize`."""

    async def upload(self, store: Store) -> None:
        """Put the file there as it is now, if it changed. Raises: StateError."""
        ...


class Store:
    """The writer. Hold `state.lock.writer_lock` while it is open.

    Its methods block; call them from any thread, one at a time gets in. All raise: StateError.
    """

    def __init__(
        self,
        path: Path,
        database: OpenFile,
        check_lock: Callable[[], None],
        remote_copy: RemoteCopy | None = None,
    ) -> None:
        self._path = path
        self._database = database
        self._check_lock = check_lock
        self.remote_copy = remote_copy
        self._agent = this_agent()
        self._turn = threading.Lock()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        wait: timedelta = DEFAULT_WAIT,
        check_lock: Callable[[], None] = lambda: None,
        remote_copy: RemoteCopy | None = None,
    ) -> Self:
        """Open the state file; make it or bring it up to date if need be.

        Args:
            path: The state file.
            wait: How long another program that is writing to it is waited for.
            check_lock: Called before each transaction; raises when the writer lock was lost.
            remote_copy: Where the file is kept besides; None: nowhere.

        Raises: NewerSchema, Corrupt, OnNetwork, Unwritable, Locked, Replaced.
        """
        require_ours(path, STATE_FILE)
        give_up_reserve(path)
        database = open_writer(path, STATE_FILE, wait_s=wait.total_seconds())
        return cls(path, database, check_lock, remote_copy)

    @property
    def identity(self) -> FileIdentity:
        """Which file is open, whatever is at its path later."""
        return self._database.identity

    @property
    def changes(self) -> int:
        """How many rows were changed since the file was opened."""
        return self._database.conn.total_changes

    def serialize(self) -> bytes:
        """Read the whole file as of one moment, as it would be on disk without its log."""
        with self._transaction() as database:
            return database.conn.serialize()

    @property
    def remote_journal(self) -> Self | None:
        """The store itself, where its file is kept besides; None: nowhere."""
        return self if self.remote_copy is not None else None

    async def upload(self) -> None:
        """Put the file where it is kept besides, if anywhere, and if it changed."""
        if self.remote_copy is not None:
            await self.remote_copy.upload(self)

    def check(self) -> None:
        """Check that this process is still the one that may write."""
        self._check_lock()

    def close(self) -> None:
        """Close the file and merge its log into it."""
        with self._turn, translate_errors(self._path, STATE_FILE.what, STATE_FILE.remedy):
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def load(self) -> RememberedState:
        """Read everything that the plan needs, as of one moment."""
        with self._transaction() as database:
            return queries.load_state(database)

    def history(
        self,
        *,
        arn: Arn | None = None,
        name: ResourceName | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[HistoryEntry, ...]:
        """Read the entries that fit all that is given, the newest first."""
        with self._transaction() as database:
            return queries.history(database, arn=arn, name=name, since=since, limit=limit)

    def sweeps(self, *, limit: int | None = None) -> tuple[SweepRecord, ...]:
        """Read the finished sweeps, the newest first."""
        with self._transaction() as database:
            return queries.sweeps(database, limit=limit)

    def load_notified(self) -> Mapping[str, frozenset[str]]:
        """Read which conditions people were told of, by kind; empty before the first."""
        with self._transaction() as database:
            return queries.fact(queries.facts(database), queries.NOTIFIED, notified_of) or {}

    def set_notified(self, conditions: Mapping[str, frozenset[str]]) -> None:
        """Remember which conditions people were told of, in place of what was remembered."""
        with self._transaction() as database:
            recording.put_fact(database, queries.NOTIFIED, notified_text(conditions))

    def bind(self, identity: StateIdentity) -> None:
        """Make the file this control plane's, group's and cloud's (R10)."""
        with self._transaction() as database:
            recording.bind(database, identity)

    def pause(self, until: datetime, at: datetime) -> None:
        """Keep sweeps from writing to the control plane before this moment."""
        with self._transaction() as database:
            recording.put_fact(database, queries.PAUSED_UNTIL, to_iso(until))
            self._note(
                database,
                HistoryEvent.PAUSED,
                at,
                f"writes are paused until {until:%Y-%m-%d %H:%M:%S} UTC",
            )

    def resume(self, at: datetime) -> None:
        """End the pause, if there is one."""
        with self._transaction() as database:
            if queries.PAUSED_UNTIL in queries.facts(database):
                recording.delete(database, "about", "key", [queries.PAUSED_UNTIL])
                self._note(database, HistoryEvent.RESUMED, at, "the pause was ended")

    def _note(self, database: Database, event: HistoryEvent, at: datetime, message: str) -> None:
        entry = HistoryEntry(
            at=at, sweep_id=secrets.token_hex(8), event=event, reason=event.name, message=message
        )
        recording.append_history(database, [entry], self._agent)

    def begin(self, intent: Intent) -> int:
        """Write an intent; return its number, for `finish`, once it is on disk."""
        return self.write([intent])[0]

    def finish(
        self, intent_id: int, outcome: IntentOutcome | None, error: ItemError | None, at: datetime
    ) -> None:
        """Write the outcome of an intent, None for one that is not known.

        When it is `DONE`, its registration and history are written too.
        """
        self.write([IntentClosure(intent_id, outcome, error, at)])

    def write(self, entries: Sequence[Intent | IntentClosure]) -> Sequence[int]:
        """Write all these entries of the journal, as `begin` and `finish` do, or none.

        Returns the numbers of the intents that they are about, in their order.
        """
        with self._transaction() as database:
            numbers = [
                journal.add_intent(database, entry)
                if isinstance(entry, Intent)
                else entry.intent_id
                for entry in entries
            ]
            closings = [entry for entry in entries if isinstance(entry, IntentClosure)]
            closed = journal.close_intents(database, closings, self._agent)
            if unknown := {closing.intent_id for closing in closings} - closed:
                raise StateError(
                    f"intent {min(unknown)} in the state file {self._path} is not open; nothing "
                    "was changed. Another process may have written there: stop it and sweep again"
                )
            return numbers

    def abandon(self, intent_ids: Iterable[int], at: datetime) -> None:
        """Close those of these intents that are open as abandoned: somebody looked and went on."""
        with self._transaction() as database:
            closings = [
                IntentClosure(number, IntentOutcome.ABANDONED, None, at) for number in intent_ids
            ]
            journal.close_intents(database, closings, self._agent)

    def record(self, outcome: SweepOutcome) -> None:
        """Write all that the sweep leaves behind; open intents stay open."""
        with self._transaction() as database:
            recording.record(database, outcome, self._agent)
        keep_reserve(self._path)

    def probes(self) -> dict[Arn, RememberedProbe]:
        """Read what came of the last logins, by cache."""
        with self._transaction() as database:
            return queries.probes(database)

    def record_probes(
        self, probes: Iterable[RememberedProbe], history: Iterable[HistoryEntry]
    ) -> None:
        """Write what came of logins, and forget those to caches that are not remembered."""
        with self._transaction() as database:
            recording.put(database, rows.PROBES, probes)
            database.execute("DELETE FROM probes WHERE arn NOT IN (SELECT arn FROM caches)")
            recording.append_history(database, history, self._agent)

    def prune(self, proven_at: datetime, *, history: timedelta, window: timedelta) -> int:
        """Forget history and sweeps older than `history`, closed intents older than `window`.

        The last sweep and open intents stay whatever their age.

        Args:
            proven_at: What AWS says the time is.
            history: How long finished sweeps and changes are kept.
            window: How long closed intents are kept.

        Returns: How many rows went.
        """
        with self._transaction() as database:
            kept_from = next_kept_from(database, proven_at - history)
        total = 0
        while removed := self._prune_batch(kept_from, proven_at - window):
            total += removed
        return total

    def _prune_batch(self, kept_from: datetime, intents_from: datetime) -> int:
        with self._transaction() as database:
            removed = prune_batch(database, kept_from, intents_from)
        if removed:  # the log stays as small as one batch: the disk may be full
            with self._turn, translate_errors(self._path, STATE_FILE.what, STATE_FILE.remedy):
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return removed

    @contextmanager
    def _transaction(self) -> Iterator[Database]:
        with (
            self._turn,
            translate_errors(self._path, STATE_FILE.what, STATE_FILE.remedy),
            _trusted(self._path),
            self._database.identity.unchanged(),
            self._database.atomic() as database,
        ):
            self._check_lock()
            yield database


class ReadOnlyStore:
    """The reader: no lock, no writing method (R5), nothing kept open between two calls.

    Each call sees one consistent moment. Without a file everything is empty. All raise: StateError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> RememberedState:
        """Read everything that the plan needs."""
        return self._read(queries.load_state) or RememberedState()

    def history(
        self,
        *,
        arn: Arn | None = None,
        name: ResourceName | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[HistoryEntry, ...]:
        """Read the entries that fit all that is given, the newest first."""

        def query(database: Database) -> tuple[HistoryEntry, ...]:
            return queries.history(database, arn=arn, name=name, since=since, limit=limit)

        return self._read(query) or ()

    def sweeps(self, *, limit: int | None = None) -> tuple[SweepRecord, ...]:
        """Read the finished sweeps, the newest first."""
        return self._read(lambda database: queries.sweeps(database, limit=limit)) or ()

    def sweep_totals(self) -> tuple[SweepRecord, ...]:
        """Read what sweeps counted, oldest first: the last of each minute, hour or day."""
        return self._read(queries.sweep_totals) or ()

    def account_names(self) -> Mapping[AccountId, str]:
        """Read what organizations call their accounts, as last read."""
        return self._read(queries.account_names) or {}

    def last_write_at(self) -> datetime | None:
        """Return when a write to the control plane last began or ended; None before the first."""
        return self._read(queries.last_write_at)

    def _read(self, query: Callable[[Database], T]) -> T | None:
        with _trusted(self._path):
            return read(self._path, STATE_FILE, query)


def load_state(path: Path) -> RememberedState:
    """Read what is remembered now; all empty when there is no file yet. Raises: StateError."""
    return ReadOnlyStore(path).load()


@contextmanager
def _trusted(path: Path) -> Iterator[None]:
    try:
        yield
    except Undecodable as error:
        raise damaged(path, STATE_FILE.what, str(error), STATE_FILE.remedy) from error
