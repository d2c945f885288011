"""What the store writes, inside a transaction that it has opened.

A sweep is recorded by encoding what is remembered after it and writing the rows that differ from
the stored ones; so an unchanged sweep writes its own row, its misses and little else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from discovery.model.agent import Agent
from discovery.model.values import Scope
from state import queries, rows
from state.queries import StoredScope
from state.records import (
    HistoryEntry,
    RememberedCache,
    StateIdentity,
    SweepOutcome,
)
from state.rows import Row

DATED: Final = ("history", "journal", "removed_registrations", "sweeps")
"""Tables whose rows are forgotten when they are old."""


def put_fact(database: Database, key: str, value: str) -> None:
    """The file's value for the key is this one; a value that is there already costs no page."""
    database.execute(
        "INSERT INTO about (key, value) VALUES (?, ?) ON CONFLICT (key)"
        " DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        [key, value],
    )


def bind(database: Database, identity: StateIdentity) -> None:
    """The file belongs to this identity. What it knew of registrations elsewhere is worth as much
    as if others had told it: here it has made, missed and removed nothing yet (R2)."""
    before = queries.fact(queries.facts(database), queries.IDENTITY, rows.identity_of)
    if before not in (None, identity):
        database.execute("UPDATE registrations SET inherited = 1")
        database.execute("DELETE FROM removed_registrations")
        database.execute("DELETE FROM misses")
        database.execute("DELETE FROM taken_names")
    put_fact(database, queries.IDENTITY, rows.identity_text(identity))


def put(database: Database, table: str, found: Iterable[Row]) -> None:
    """These rows stand in the table, in place of those with the same primary key."""
    # Not `upsert_all`: it first tries out upserts on a table of its own, and when that fails
    # (a full disk) takes a way round on which rows are lost without an error.
    database.table(table).insert_all([storable(row) for row in found], replace=True)


def record(database: Database, outcome: SweepOutcome, agent: Agent) -> None:
    """Everything the sweep leaves behind is remembered; of one without a plan, only its scopes."""
    _record_sightings(database, outcome)
    put(database, "regions", [rows.regions_row(each) for each in outcome.regions_read])
    append_history(database, outcome.history, agent)
    put(database, "sweeps", [rows.sweep_row(outcome.record)])
    put_fact(database, queries.EPISODES, rows.episodes_text(outcome.episodes))
    if outcome.proven_at is not None:
        _date(database, rows.to_iso(outcome.proven_at))
    if outcome.finished:
        _record_registrations(database, outcome)
        _record_facts(database, outcome)


def _date(database: Database, proven_at: str) -> None:
    """Date by AWS's time all that was recorded since AWS last gave it: this sweep, and earlier
    ones without an answer, which are kept the longer for it."""
    for table in DATED:
        database.execute(
            f"UPDATE {table} SET proven_at = ? WHERE proven_at IS NULL",  # noqa: S608 - ours
            [proven_at],
        )


def _record_registrations(database: Database, outcome: SweepOutcome) -> None:
    delete(database, "registrations", "name", outcome.registrations_forgotten)
    inherited = [rows.registration_row(each) for each in outcome.registrations_inherited]
    put(database, "registrations", inherited)
    for name in outcome.registrations_matched:
        database.execute("UPDATE registrations SET inherited = 0 WHERE name = ?", [name])
    delete(database, "removed_registrations", "name", outcome.registrations_matched)
    _replace_all(database, "misses", [rows.miss_row(miss) for miss in outcome.misses])
    _replace_all(database, "taken_names", [rows.taken_row(taken) for taken in outcome.taken])


def _replace_all(database: Database, table: str, found: list[Row]) -> None:
    """The table holds these rows by name, and no others."""
    stored = {row["name"]: row for row in database.query(f"SELECT * FROM {table}")}  # noqa: S608
    put(database, table, rows.changed(found, stored, "name"))
    delete(database, table, "name", stored.keys() - {row["name"] for row in found})


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
    touched.update(outcome.scopes_forgotten)
    stored = _stored_caches(database, touched)
    seen = {cache.arn: cache for cache in outcome.caches_seen}
    unseen = [row for arn, row in stored.items() if arn not in seen]
    kept = queries.decoded(unseen, lambda row: queries.cache_of(row, before))
    caches = {cache.arn: cache for cache in kept} | seen
    for arn in outcome.caches_gone:
        caches.pop(arn, None)
    after = _scopes_after(before, outcome, caches.values())
    _write_scopes(database, before, after)
    found = (_cache_row(cache, after) for cache in caches.values())
    put(database, "caches", rows.changed(found, stored, "arn"))
    delete(database, "caches", "arn", outcome.caches_gone)


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
    for scope in outcome.scopes_forgotten:
        after.pop(scope, None)
    for scope, instants in tags_read_at.items():
        if scope in after:
            after[scope] = replace(after[scope], tags_read_at=rows.most_common(instants))
    return after


def _write_scopes(
    database: Database, before: dict[Scope, StoredScope], after: dict[Scope, StoredScope]
) -> None:
    tick = rows.most_common(
        at
        for scope in after.values()
        for at in (
            scope.memory.last_attempt_at,
            scope.memory.last_complete_at,
            scope.tags_read_at,
        )
    )
    if tick is not None:
        put_fact(database, queries.TICK, rows.to_iso(tick))
    stored = {
        (row["account_id"], row["region"]): row for row in database.query("SELECT * FROM scopes")
    }
    found = [rows.scope_row(scope.memory, tick, scope.tags_read_at) for scope in after.values()]
    changed = [row for row in found if stored.get((row["account_id"], row["region"])) != row]
    put(database, "scopes", changed)
    for scope in set(before) - set(after):
        columns = rows.scope_columns(scope)
        database.table("scopes").delete((columns["account_id"], columns["region"]))


def _cache_row(cache: RememberedCache, scopes: dict[Scope, StoredScope]) -> Row:
    scope = scopes.get(cache.scope)
    if scope is None:
        return rows.cache_row(cache, None, None)
    return rows.cache_row(cache, scope.memory.last_complete_at, scope.tags_read_at)


def append_history(database: Database, entries: Iterable[HistoryEntry], agent: Agent) -> None:
    dated = (replace(entry, agent=agent) for entry in entries)
    database.table("history").insert_all([storable(rows.history_row(entry)) for entry in dated])


def delete(database: Database, table: str, key: str, values: Iterable[Any]) -> None:
    for value in values:
        database.table(table).delete_where(f"{key} = ?", [value])


def storable(row: Row) -> Row:
    """The row with half surrogate pairs escaped: JSON from outside may hold them, UTF-8 cannot."""
    return {
        key: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for key, value in row.items()
    }
