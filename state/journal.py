"""The journal of writes: an intent before each write, its outcome after (R6).

Works inside a transaction that the store has opened; several entries share one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from discovery.model.agent import Agent
from discovery.model.values import ItemError
from state import queries
from state.recording import append_history, delete, put
from state.records import (
    HistoryEntry,
    HistoryEvent,
    Intent,
    IntentKind,
    IntentOutcome,
    RemovedRegistration,
)
from state.rows import INTENTS, REMOVED, from_iso, storable, to_iso

_DONE_SENTENCES = {
    IntentKind.CREATE: "registered",
    IntentKind.UPDATE: "updated",
    IntentKind.DELETE: "removed",
    IntentKind.RENAME: "renamed from {previous_name}",
    IntentKind.REPLACE: "removed and registered again with another origin",
    IntentKind.ADOPT: "adopted: it was another's and is ours from now on",
    IntentKind.RELEASE: "released: it stays registered and is not ours any more",
}
_FORGETTING = frozenset({IntentKind.DELETE, IntentKind.RELEASE})
"""After these, state knows of no registration under the name."""
_STARTS_ANEW = frozenset({IntentKind.CREATE, IntentKind.ADOPT})
"""After these, nothing that was missed or removed under the name before counts."""

_CLOSE = """
    UPDATE journal SET outcome = ?, finished_at = ?, error_code = coalesce(?, error_code),
        error_message = coalesce(?, error_message), error_retryable = coalesce(?, error_retryable)
    WHERE id = ?
"""

_SELECTED = ", ".join(("id", *(each for each in INTENTS.columns if each != "database")))
_REGISTER = """
    INSERT OR REPLACE INTO registrations (name, arn, database, registered_at, updated_at, inherited)
    SELECT name, arn, database, ?, ?, ? FROM journal WHERE id = ? AND database IS NOT NULL
"""
_SUPERSEDE = """
    UPDATE journal SET outcome = ?, finished_at = ?
    WHERE outcome IS NULL AND sweep_id <> ? AND kind = ? AND arn = ? AND name = ?
      AND previous_name IS ?
"""

_FORGET_REPEATED = """
    DELETE FROM journal
    WHERE (outcome = :failed OR (outcome = :abandoned AND kind <> :replace))
      AND id NOT IN (
          SELECT max(id) FROM journal WHERE outcome IN (:failed, :abandoned)
          GROUP BY kind, arn, name, outcome
      )
"""
"""An abandoned change of origin stays for its window: it counts as a removal."""


@dataclass(frozen=True, slots=True)
class IntentClosure:
    """How an intent ended."""

    intent_id: int
    outcome: IntentOutcome | None
    """None: not known, or half done; the intent stays open, with the error it met."""
    error: ItemError | None
    at: datetime
    revision: str = ""
    """Of a removal: the revision that was removed, where it was seen."""


def add_intent(database: Database, intent: Intent) -> int:
    """Add an open intent and return its number."""
    _supersede(database, intent)
    row = storable(INTENTS.row(intent))
    marks = ", ".join("?" * len(row))
    # Not sqlite-utils' own insert, which looks up the table's columns and keys for every row.
    cursor = database.execute(
        f"INSERT INTO journal ({', '.join(row)}) VALUES ({marks})",  # noqa: S608 - our own columns
        list(row.values()),
    )
    assert cursor.lastrowid is not None  # noqa: S101 - an insert has one
    return int(cursor.lastrowid)


def close_intents(database: Database, closings: Sequence[IntentClosure], agent: Agent) -> set[int]:
    """Write the outcomes of open intents and return the numbers of those that were open.

    Registrations and history follow the intents that are `DONE`.
    """
    intents = _open(database, [closing.intent_id for closing in closings])
    done: list[tuple[IntentClosure, Intent]] = []
    for closing in closings:
        intent = intents.get(closing.intent_id)
        if intent is None:
            continue
        _close(database, closing)
        if closing.outcome is IntentOutcome.DONE:
            done.append((closing, intent))
    if any(
        closing.outcome in (IntentOutcome.FAILED, IntentOutcome.ABANDONED) for closing in closings
    ):
        _forget_repeated(database)
    _register(database, done)
    entries = (_done_entry(intent, closing.at) for closing, intent in done)
    append_history(database, entries, agent)
    return set(intents)


def _open(database: Database, numbers: Sequence[int]) -> dict[int, Intent]:
    """Read the intents that are open, without what they register: SQL copies that (`_REGISTER`)."""
    marks = ", ".join("?" * len(numbers))
    found = database.query(
        f"SELECT {_SELECTED}, NULL AS database FROM journal"  # noqa: S608 - our own columns
        f" WHERE outcome IS NULL AND id IN ({marks})",
        list(numbers),
    )
    return dict(queries.decoded(found, lambda row: (row["id"], INTENTS.record(row))))


def _close(database: Database, closing: IntentClosure) -> None:
    error = closing.error
    row = storable(
        {
            "outcome": closing.outcome,
            "finished_at": to_iso(closing.at) if closing.outcome else None,
            "error_code": error.code if error else None,
            "error_message": error.message if error else None,
            "error_retryable": int(error.retryable) if error else None,
        }
    )
    database.execute(_CLOSE, [*row.values(), closing.intent_id])


def _supersede(database: Database, intent: Intent) -> None:
    """Abandon the same write where earlier sweeps left it open: one write, one count."""
    superseded = database.execute(
        _SUPERSEDE,
        [
            IntentOutcome.ABANDONED,
            to_iso(intent.at),
            intent.sweep_id,
            intent.kind,
            intent.arn,
            intent.name,
            intent.previous_name,
        ],
    )
    if superseded.rowcount:
        _forget_repeated(database)


def _forget_repeated(database: Database) -> None:
    """Keep the last failure of each write, so that one that lasts does not grow."""
    database.execute(
        _FORGET_REPEATED,
        {
            "failed": IntentOutcome.FAILED,
            "abandoned": IntentOutcome.ABANDONED,
            "replace": IntentKind.REPLACE,
        },
    )


def _register(database: Database, done: Iterable[tuple[IntentClosure, Intent]]) -> None:
    """Registrations are as the intents, carried out in this order, have left them."""
    for closing, intent in done:
        first_at, inherited = _unregister(database, closing, intent)
        if intent.kind is IntentKind.DELETE:
            put(database, REMOVED, [_removed(closing, intent)])
        if intent.kind not in _FORGETTING:
            inherited = inherited and intent.kind is IntentKind.UPDATE
            instants = (to_iso(first_at), to_iso(closing.at))
            database.execute(_REGISTER, [*instants, inherited, closing.intent_id])


def _removed(closing: IntentClosure, intent: Intent) -> RemovedRegistration:
    return RemovedRegistration(
        name=intent.name,
        arn=intent.arn,
        revision=closing.revision or intent.revision,
        removed_at=closing.at,
    )


def _unregister(
    database: Database, closing: IntentClosure, intent: Intent
) -> tuple[datetime, bool]:
    """Forget what the intent removes, or what was known before it begins anew.

    Returns since when its resource is registered, and whether as another's.
    """
    if intent.kind in _STARTS_ANEW:
        delete(database, "misses", "name", [intent.name])
        delete(database, "removed_registrations", "name", [intent.name])
    if intent.kind is IntentKind.CREATE:
        return closing.at, False
    names = [name for name in (intent.previous_name, intent.name) if name is not None]
    marks = ",".join("?" * len(names))
    before = list(
        database.query(
            "SELECT arn, registered_at, inherited FROM registrations"  # noqa: S608 - marks
            f" WHERE name IN ({marks})",
            names,
        )
    )
    first_at = min((from_iso(row["registered_at"]) for row in before), default=closing.at)
    own = any(row["arn"] == intent.arn and not row["inherited"] for row in before)
    gone = [intent.name] if intent.kind in _FORGETTING else names[:-1]
    delete(database, "registrations", "name", gone)
    delete(database, "misses", "name", gone)
    return first_at, not own


def _done_entry(intent: Intent, at: datetime) -> HistoryEntry:
    return HistoryEntry(
        at=at,
        sweep_id=intent.sweep_id,
        event=HistoryEvent.CHANGED,
        arn=intent.arn,
        scope=intent.scope,
        name=intent.name,
        previous_name=intent.previous_name,
        action=intent.action,
        reason=intent.reason,
        changes=intent.changes,
        message=_DONE_SENTENCES[intent.kind].format(previous_name=intent.previous_name),
    )
