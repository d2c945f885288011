"""What the store writes, inside a transaction that it has opened.

A sweep is recorded by encoding what is remembered after it and writing the rows that differ from
the stored ones; so an unchanged sweep writes its own row, its misses and little else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlite_utils import Database

from discovery.enrollment.item import ItemError
from discovery.model import Scope
from state import queries, rows
from state.queries import StoredScope
from state.records import (
    HistoryEntry,
    Intent,
    IntentKind,
    Outcome,
    Registration,
    RememberedCache,
    SweepOutcome,
)
from state.rows import Row

_DONE_SENTENCES = {
    IntentKind.CREATE: "registered",
    IntentKind.UPDATE: "updated",
    IntentKind.DELETE: "removed",
    IntentKind.RENAME: "renamed from {previous_name}",
    IntentKind.REPLACE: "removed and registered again with another origin",
}


def put_fact(database: Database, key: str, value: str) -> None:
    """The file's value for the key is this one."""
    put(database, "about", [{"key": key, "value": value}])


def put(database: Database, table: str, found: Iterable[Row]) -> None:
    """These rows stand in the table, in place of those with the same primary key."""
    # Not `upsert_all`: it first tries out upserts on a table of its own, and when that fails
    # (a full disk) takes a way round on which rows are lost without an error.
    database.table(table).insert_all([_storable(row) for row in found], replace=True)


def add_intent(database: Database, intent: Intent) -> int:
    """The intent is in the journal, open; returns its number."""
    table = database.table("journal").insert(_storable(rows.intent_row(intent)), pk="id")
    return cast(int, table.last_pk)


def close_intent(
    database: Database, intent_id: int, outcome: Outcome, error: ItemError | None, at: datetime
) -> bool:
    """The intent has its outcome, and registrations and history follow a `DONE` one.

    False, and nothing changed, when it is not open.
    """
    found = list(
        database.query("SELECT * FROM journal WHERE id = ? AND outcome IS NULL", [intent_id])
    )
    if not found:
        return False
    closing = {
        "outcome": outcome,
        "finished_at": rows.instant(at),
        "error_code": error.code if error else None,
        "error_message": error.message if error else None,
        "error_retryable": int(error.retryable) if error else None,
    }
    database.table("journal").update(intent_id, _storable(closing))
    if outcome is Outcome.DONE:
        intent = queries.decoded(found, rows.intent_of)[0]
        _supersede(database, intent_id, intent, at)
        _register(database, intent, at)
        _append_history(database, [_done_entry(intent, at)])
    return True


def _supersede(database: Database, intent_id: int, intent: Intent, at: datetime) -> None:
    """The same write, left open by earlier sweeps, is abandoned: one write, one count."""
    database.execute(
        """
        UPDATE journal SET outcome = ?, finished_at = ?
        WHERE outcome IS NULL AND sweep_id <> ? AND id < ? AND kind = ? AND arn = ? AND name = ?
          AND previous_name IS ?
        """,
        [
            Outcome.ABANDONED,
            rows.instant(at),
            intent.sweep_id,
            intent_id,
            intent.kind,
            intent.arn,
            intent.name,
            intent.previous_name,
        ],
    )


def _register(database: Database, intent: Intent, at: datetime) -> None:
    """Registrations are as the intent, carried out, has left them."""
    names = [name for name in (intent.previous_name, intent.name) if name is not None]
    marks = ",".join("?" * len(names))
    before = database.query(
        f"SELECT registered_at FROM registrations WHERE name IN ({marks})",  # noqa: S608 - marks
        names,
    )
    first_at = min((rows.moment(row["registered_at"]) for row in before), default=at)
    gone = [intent.name] if intent.kind is IntentKind.DELETE else names[:-1]
    _delete(database, "registrations", "name", gone)
    _delete(database, "misses", "name", gone)
    if intent.kind is IntentKind.DELETE or intent.database is None:
        return
    registration = Registration(
        name=intent.name,
        arn=intent.arn,
        database=intent.database,
        registered_at=at if intent.kind is IntentKind.CREATE else first_at,
        updated_at=at,
    )
    put(database, "registrations", [rows.registration_row(registration)])


def _done_entry(intent: Intent, at: datetime) -> HistoryEntry:
    return HistoryEntry(
        at=at,
        sweep_id=intent.sweep_id,
        arn=intent.arn,
        scope=intent.scope,
        name=intent.name,
        previous_name=intent.previous_name,
        action=intent.action,
        reason=intent.reason,
        message=_DONE_SENTENCES[intent.kind].format(previous_name=intent.previous_name),
    )


def record(database: Database, outcome: SweepOutcome) -> None:
    """Everything the sweep leaves behind is remembered; of one without a plan, only its scopes."""
    _record_sightings(database, outcome)
    _append_history(database, outcome.history)
    put(database, "sweeps", [rows.sweep_row(outcome.record)])
    if outcome.finished:
        _record_registrations(database, outcome)
        _record_facts(database, outcome)


def _record_registrations(database: Database, outcome: SweepOutcome) -> None:
    _delete(database, "registrations", "name", outcome.registrations_forgotten)
    inherited = [rows.registration_row(each) for each in outcome.registrations_inherited]
    put(database, "registrations", inherited)
    stored = {row["name"]: row for row in database.query("SELECT * FROM misses")}
    found = [rows.miss_row(miss) for miss in outcome.misses]
    put(database, "misses", rows.changed(found, stored, "name"))
    _delete(database, "misses", "name", stored.keys() - {miss.name for miss in outcome.misses})


def _record_facts(database: Database, outcome: SweepOutcome) -> None:
    finished = queries.finished_sweeps(database) + 1
    put_fact(database, queries.IDENTITY, rows.identity_text(outcome.identity))
    put_fact(database, queries.MATCHING_DIGEST, outcome.matching_digest)
    put_fact(database, queries.FINISHED_SWEEPS, str(finished))


def _record_sightings(database: Database, outcome: SweepOutcome) -> None:
    """Scopes and caches; the instants that they share are chosen anew, no instant changes by it."""
    before = queries.stored_scopes(database)
    touched = {memory.scope for memory in outcome.scopes} | {
        cache.scope for cache in outcome.caches_seen
    }
    stored = _stored_caches(database, touched)
    caches = {
        arn: queries.decoded([row], lambda row: queries.cache_of(row, before))[0]
        for arn, row in stored.items()
    } | {cache.arn: cache for cache in outcome.caches_seen}
    for arn in outcome.caches_gone:
        caches.pop(arn, None)
    after = _scopes_after(before, outcome, caches.values())
    _write_scopes(database, after)
    found = [_cache_row(cache, after) for cache in caches.values()]
    put(database, "caches", rows.changed(found, stored, "arn"))
    _delete(database, "caches", "arn", outcome.caches_gone)


def _stored_caches(database: Database, touched: set[Scope]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for scope in touched:
        for row in database.query(
            "SELECT * FROM caches WHERE account_id = :account_id AND region = :region",
            rows.scope_columns(scope),
        ):
            found[row["arn"]] = row
    return found


def _scopes_after(
    before: dict[Scope, StoredScope],
    outcome: SweepOutcome,
    caches: Iterable[RememberedCache],
) -> dict[Scope, StoredScope]:
    tags_read_at: dict[Scope, list[datetime]] = {}
    for cache in caches:
        if cache.tags is not None:
            tags_read_at.setdefault(cache.scope, []).append(cache.tags.read_at)
    after = before | {
        memory.scope: StoredScope(memory, before[memory.scope].tags_read_at)
        if memory.scope in before
        else StoredScope(memory, None)
        for memory in outcome.scopes
    }
    for scope, instants in tags_read_at.items():
        if scope in after:
            after[scope] = replace(after[scope], tags_read_at=rows.commonest(instants))
    return after


def _write_scopes(database: Database, after: dict[Scope, StoredScope]) -> None:
    tick = rows.commonest(
        at
        for scope in after.values()
        for at in (
            scope.memory.last_attempt_at,
            scope.memory.last_complete_at,
            scope.tags_read_at,
        )
    )
    if tick is not None:
        put_fact(database, queries.TICK, rows.instant(tick))
    stored = {
        (row["account_id"], row["region"]): row for row in database.query("SELECT * FROM scopes")
    }
    found = [rows.scope_row(scope.memory, tick, scope.tags_read_at) for scope in after.values()]
    changed = [row for row in found if stored.get((row["account_id"], row["region"])) != row]
    put(database, "scopes", changed)


def _cache_row(cache: RememberedCache, scopes: dict[Scope, StoredScope]) -> Row:
    scope = scopes.get(cache.scope)
    if scope is None:
        return rows.cache_row(cache, None, None)
    return rows.cache_row(cache, scope.memory.last_complete_at, scope.tags_read_at)


def prune(database: Database, before: datetime) -> int:
    """What is older is gone, but for open intents and the last sweep."""
    limit = rows.instant(before)
    removed = 0
    for statement in (
        "DELETE FROM history WHERE at < ?",
        "DELETE FROM journal WHERE at < ? AND outcome IS NOT NULL",
        "DELETE FROM sweeps WHERE finished_at < ?"
        " AND finished_at < (SELECT max(finished_at) FROM sweeps)",
    ):
        removed += database.execute(statement, [limit]).rowcount
    return removed


def _append_history(database: Database, entries: Iterable[HistoryEntry]) -> None:
    database.table("history").insert_all([_storable(rows.history_row(entry)) for entry in entries])


def _delete(database: Database, table: str, key: str, values: Iterable[Any]) -> None:
    for value in values:
        database.table(table).delete_where(f"{key} = ?", [value])


def _storable(row: Row) -> Row:
    """The row with half surrogate pairs escaped: JSON from outside may hold them, UTF-8 cannot."""
    return {
        key: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for key, value in row.items()
    }
