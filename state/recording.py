"""Record a sweep in the state file, inside a transaction that the store has opened.

What is remembered after the sweep is encoded, and the rows that differ from the stored ones are
written; so an unchanged sweep writes its own row, its pending removals and little else. Which
instants rows share (`rows.SHARED`) is chosen anew each time; no instant changes by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from sqlite_utils import Database

from discovery.model.agent import Agent
from state import queries, rows
from state.records import HistoryEntry, StateIdentity, SweepOutcome
from state.rows import Codec, R, Row

DATED: Final = ("history", "journal", "removed_registrations", "sweeps")
"""Tables whose rows are forgotten when they are old."""

Rows = dict[Any, Row]
"""Rows by their key."""


def put_fact(database: Database, key: str, value: str) -> None:
    """Set the file's value for a key; one that is there already costs no page."""
    database.execute(
        "INSERT INTO about (key, value) VALUES (?, ?) ON CONFLICT (key)"
        " DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        [key, value],
    )


def bind(database: Database, identity: StateIdentity) -> None:
    """Make the file this identity's.

    What it knew of another's registrations is worth as much as if others had told it: here it has
    made, missed and removed nothing yet (R2).
    """
    before = queries.fact(queries.facts(database), queries.IDENTITY, rows.identity_of)
    if before not in (None, identity):
        database.execute("UPDATE registrations SET inherited = 1")
        database.execute("DELETE FROM removed_registrations")
        database.execute("DELETE FROM misses")
        database.execute("DELETE FROM taken_names")
    put_fact(database, queries.IDENTITY, rows.identity_text(identity))


def put(database: Database, codec: Codec[R], records: Iterable[R]) -> None:
    """Write these records, in place of those with the same primary key."""
    _put_rows(database, codec.table, map(codec.row, records))


def _put_rows(database: Database, table: str, found: Iterable[Row]) -> None:
    # Not `upsert_all`: it first tries out upserts on a table of its own, and when that fails
    # (a full disk) takes a way round on which rows are lost without an error.
    database.table(table).insert_all(map(rows.storable, found), replace=True)


def _put_changed(database: Database, table: str, before: Rows, after: Rows) -> None:
    _put_rows(database, table, (row for key, row in after.items() if before.get(key) != row))


def record(database: Database, outcome: SweepOutcome, agent: Agent) -> None:
    """Write everything the sweep leaves behind; of one without a plan, only what it scanned."""
    _record_scans(database, outcome)
    put(database, rows.REGIONS, outcome.regions_read)
    put(database, rows.ACCOUNTS, outcome.accounts_read)
    delete(database, "accounts", "account_id", outcome.accounts_forgotten)
    append_history(database, outcome.history, agent)
    put(database, rows.SWEEPS, [outcome.record])
    put_fact(database, queries.EPISODES, rows.episodes_text(outcome.episodes))
    if outcome.proven_at is not None:
        _date(database, rows.to_iso(outcome.proven_at))
    if outcome.finished:
        _record_registrations(database, outcome)
        finished = queries.finished_sweeps(database) + 1
        put_fact(database, queries.IDENTITY, rows.identity_text(outcome.identity))
        put_fact(database, queries.MATCHING_DIGEST, outcome.matching_digest)
        put_fact(database, queries.FINISHED_SWEEPS, str(finished))


def _date(database: Database, proven_at: str) -> None:
    """Date by AWS's time all that was recorded since AWS last gave it.

    That is this sweep, and earlier ones without an answer, which are kept the longer for it.
    """
    for table in DATED:
        database.execute(
            f"UPDATE {table} SET proven_at = ? WHERE proven_at IS NULL",  # noqa: S608 - ours
            [proven_at],
        )


def _record_registrations(database: Database, outcome: SweepOutcome) -> None:
    delete(database, "registrations", "name", outcome.registrations_forgotten)
    put(database, rows.REGISTRATIONS, outcome.registrations_inherited)
    for name in outcome.registrations_matched:
        database.execute("UPDATE registrations SET inherited = 0 WHERE name = ?", [name])
    delete(database, "removed_registrations", "name", outcome.registrations_matched)
    _replace_all(database, rows.PENDING_REMOVALS, outcome.pending_removals)
    _replace_all(database, rows.TAKEN_NAMES, outcome.taken)


def _replace_all(database: Database, codec: Codec[R], records: Iterable[R]) -> None:
    """Write these records, by name, and delete all others."""
    found = database.query(f"SELECT * FROM {codec.table}")  # noqa: S608 - ours
    before = {row["name"]: row for row in found}
    after = {row["name"]: row for row in map(codec.row, records)}
    _put_changed(database, codec.table, before, after)
    delete(database, codec.table, "name", before.keys() - after.keys())


def _record_scans(database: Database, outcome: SweepOutcome) -> None:
    """Write what was learnt of scopes and caches."""
    scopes_before = queries.scope_rows(database)
    scopes = {each.scope for each in outcome.scopes} | {each.scope for each in outcome.caches_seen}
    touched = {scope.key for scope in scopes.union(outcome.scopes_forgotten)}
    before = queries.cache_rows(database, touched)
    seen: Rows = {each.arn: rows.CACHES.row(each) for each in outcome.caches_seen}
    after: Rows = {arn: seen.get(arn) or row.copy() for arn, row in before.items()} | seen
    for arn in outcome.caches_gone:
        after.pop(arn, None)
    scopes_after = _scopes_after(scopes_before, outcome, after.values())
    _write_scopes(database, scopes_before, scopes_after)
    _share_with_scopes(before, scopes_before)
    _share_with_scopes(after, scopes_after)
    _put_changed(database, "caches", before, after)
    delete(database, "caches", "arn", outcome.caches_gone)


def _scopes_after(before: Rows, outcome: SweepOutcome, caches: Iterable[Row]) -> Rows:
    tags_read_at: dict[Any, list[str | None]] = {}
    for cache in caches:
        tags_read_at.setdefault(_key(cache), []).append(cache["tags_read_at"])
    after = before | {
        (key := each.scope.key): rows.SCOPES.row(
            each, tags_read_at=before[key]["tags_read_at"] if key in before else None
        )
        for each in outcome.scopes
    }
    for scope in outcome.scopes_forgotten:
        after.pop(scope.key, None)
    for key, instants in tags_read_at.items():
        if key in after and (at := rows.most_common(instants)) is not None:
            after[key] = after[key] | {"tags_read_at": at}
    return after


def _write_scopes(database: Database, before: Rows, after: Rows) -> None:
    instants = (row[each] for row in after.values() for each in queries.SCOPE_INSTANTS)
    old = queries.facts(database).get(queries.TICK)
    new = rows.most_common(instants) or old
    if new is not None:
        put_fact(database, queries.TICK, new)
    _put_changed(database, "scopes", _shared_tick(before, old), _shared_tick(after, new))
    for key in before.keys() - after.keys():
        database.table("scopes").delete(key)


def _shared_tick(scopes: Rows, tick: str | None) -> Rows:
    ticks = dict.fromkeys(queries.SCOPE_INSTANTS, tick)
    shared = {key: row.copy() for key, row in scopes.items()}
    for row in shared.values():
        rows.share(row, ticks)
    return shared


def _share_with_scopes(caches: Rows, scopes: Rows) -> None:
    """Make rows of caches as they are stored: with "=" for what they share with their scope."""
    instants = {
        key: {"last_seen_at": row["last_complete_at"], "tags_read_at": row["tags_read_at"]}
        for key, row in scopes.items()
    }
    for row in caches.values():
        rows.share(row, instants.get(_key(row), {}))


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return (row["account_id"], row["region"])


def append_history(database: Database, entries: Iterable[HistoryEntry], agent: Agent) -> None:
    """Add these entries to the history, as recorded by `agent`."""
    found = [rows.storable(rows.HISTORY.row(replace(entry, agent=agent))) for entry in entries]
    for row in found:
        del row["checksum"]  # it is that of the sweep's row
    database.table("history").insert_all(found)


def delete(database: Database, table: str, key: str, values: Iterable[Any]) -> None:
    """Delete the rows with one of these values in the column `key`."""
    for value in values:
        database.table(table).delete_where(f"{key} = ?", [value])
