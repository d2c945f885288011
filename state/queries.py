"""What is asked of an open state file, by the store and by its read-only twin alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlite_utils import Database

from discovery.model.values import Arn, ResourceName, Scope
from state import rows
from state.records import (
    HistoryEntry,
    IntentKind,
    IntentOutcome,
    OpenIntent,
    RememberedCache,
    RememberedState,
    ScopeMemory,
    SweepRecord,
)
from state.rows import Row

T = TypeVar("T")

IDENTITY = "identity"
MATCHING_DIGEST = "matching_digest"
FINISHED_SWEEPS = "finished_sweeps"
TICK = "tick"
PAUSED_UNTIL = "paused_until"
EPISODES = "episodes"
KEPT_FROM = "kept_from"

_REMOVALS = """
    SELECT at FROM journal
    WHERE kind IN (:delete, :rename, :replace)
      AND (outcome IS NULL OR outcome = :done OR (outcome = :abandoned AND kind = :replace))
    ORDER BY at
"""
"""Removals that happened or may have. An abandoned one was looked for and had not happened; but
an abandoned change of origin had perhaps come to its first half, the removal."""


_LAST_WRITE = """
    SELECT max(coalesce(finished_at, at)) AS text
    FROM (SELECT at, finished_at FROM journal ORDER BY id DESC LIMIT 100)
"""
"""Of the latest intents: as many as can be under way at a time, and more."""


class Undecodable(Exception):
    """A row holds what this program never writes."""


@dataclass(frozen=True, slots=True)
class StoredScope:
    """A scope as remembered, and the instant that most tags of its caches were read."""

    memory: ScopeMemory
    tags_read_at: datetime | None


def memory(database: Database) -> RememberedState:
    """Everything the plan needs."""
    scopes = stored_scopes(database)
    about = facts(database)
    return RememberedState(
        caches={
            cache.arn: cache
            for cache in decoded(
                database.query("SELECT * FROM caches"), lambda row: cache_of(row, scopes)
            )
        },
        registrations={
            registration.name: registration
            for registration in decoded(
                database.query("SELECT * FROM registrations"), rows.registration_of
            )
        },
        removed={
            removed.name: removed
            for removed in decoded(
                database.query("SELECT * FROM removed_registrations"), rows.removed_registration
            )
        },
        misses={
            miss.name: miss
            for miss in decoded(database.query("SELECT * FROM misses"), rows.miss_of)
        },
        taken={
            taken.name: taken
            for taken in decoded(database.query("SELECT * FROM taken_names"), rows.taken_of)
        },
        scopes={scope: stored.memory for scope, stored in scopes.items()},
        regions={
            regions.account_id: regions
            for regions in decoded(database.query("SELECT * FROM regions"), rows.remembered_regions)
        },
        open_intents=open_intents(database),
        finished_sweeps=finished_sweeps(database),
        matching_digest=about.get(MATCHING_DIGEST),
        removals=_removals(database),
        identity=fact(about, IDENTITY, rows.identity_of),
        last_sweep=next(iter(sweeps(database, limit=1)), None),
        episodes=fact(about, EPISODES, rows.episodes_of) or {},
        failed_writes=_failed_writes(database),
        paused_until=fact(about, PAUSED_UNTIL, rows.from_iso),
    )


def facts(database: Database) -> dict[str, str]:
    """The file's single values by key."""
    return {row["key"]: row["value"] for row in database.query("SELECT key, value FROM about")}


def fact(about: dict[str, str], key: str, decode: Callable[[str], T]) -> T | None:
    """One of the file's values, None when it has none. Raises: Undecodable."""
    found = [{"text": about[key]}] if key in about else []
    return next(iter(decoded(found, lambda row: decode(row["text"]))), None)


def finished_sweeps(database: Database) -> int:
    """How many sweeps came to their end."""
    return fact(facts(database), FINISHED_SWEEPS, int) or 0


def stored_scopes(database: Database) -> dict[Scope, StoredScope]:
    tick = fact(facts(database), TICK, rows.from_iso)

    def one(row: Row) -> StoredScope:
        return StoredScope(rows.scope_memory(row, tick), rows.scope_tags_read_at(row, tick))

    found = decoded(database.query("SELECT * FROM scopes"), one)
    return {stored.memory.scope: stored for stored in found}


def cache_of(row: Row, scopes: dict[Scope, StoredScope]) -> RememberedCache:
    """A cache with the instants it shares with its scope filled in."""
    scope = scopes.get(rows.scope_of(row))
    if scope is None:
        return rows.remembered_cache(row, None, None)
    return rows.remembered_cache(row, scope.memory.last_complete_at, scope.tags_read_at)


def last_write_at(database: Database) -> datetime | None:
    """When a write to the control plane last began or ended, None when the journal has none."""
    found = [row for row in database.query(_LAST_WRITE) if row["text"] is not None]
    return next(iter(decoded(found, lambda row: rows.from_iso(row["text"]))), None)


def open_intents(database: Database) -> tuple[OpenIntent, ...]:
    """Intents without an outcome, oldest first."""
    found = database.query("SELECT * FROM journal WHERE outcome IS NULL ORDER BY id")
    return tuple(
        decoded(found, lambda row: OpenIntent(intent_id=row["id"], intent=rows.intent_of(row)))
    )


def history(
    database: Database,
    *,
    arn: Arn | None = None,
    name: ResourceName | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> tuple[HistoryEntry, ...]:
    """Entries that fit all that is given, the newest first. A name fits the previous one too.

    Their order is that in which they were recorded, whatever the clock said: sweep by sweep, and
    within one what was observed before what was written for it.
    """
    found = database.query(
        """
        SELECT history.*, sweeps.checksum,
            max(history.id) OVER (PARTITION BY history.sweep_id) AS last_of_sweep
        FROM history LEFT JOIN sweeps USING (sweep_id)
        WHERE (:arn IS NULL OR arn = :arn)
          AND (:name IS NULL OR name = :name OR previous_name = :name)
          AND (:since IS NULL OR at >= :since)
        ORDER BY last_of_sweep DESC, step DESC, history.id DESC LIMIT :limit
        """,
        {
            "arn": arn,
            "name": name,
            "since": rows.to_iso(since) if since is not None else None,
            "limit": -1 if limit is None else limit,
        },
    )
    return tuple(decoded(found, rows.history_entry))


def sweeps(database: Database, *, limit: int | None = None) -> tuple[SweepRecord, ...]:
    """Finished sweeps, the newest first."""
    found = database.query(
        "SELECT * FROM sweeps ORDER BY rowid DESC LIMIT ?",
        [-1 if limit is None else limit],
    )
    return tuple(decoded(found, rows.sweep_record))


def decoded(found: Iterable[Row], decode: Callable[[Row], T]) -> list[T]:
    """Every row decoded. Raises: Undecodable, for what only damage can have put there."""
    try:
        return [decode(row) for row in found]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Undecodable(f"a row cannot be read ({error})") from error


def _failed_writes(database: Database) -> dict[ResourceName, str]:
    """The error code of the last write under each name, where it failed or has not ended."""
    found = database.query("SELECT name, outcome, error_code, max(id) FROM journal GROUP BY name")
    failed = (row for row in found if row["outcome"] != IntentOutcome.DONE and row["error_code"])
    return dict(decoded(failed, lambda row: (ResourceName(row["name"]), row["error_code"])))


def _removals(database: Database) -> tuple[datetime, ...]:
    found = database.query(
        _REMOVALS,
        {
            "delete": IntentKind.DELETE,
            "rename": IntentKind.RENAME,
            "replace": IntentKind.REPLACE,
            "done": IntentOutcome.DONE,
            "abandoned": IntentOutcome.ABANDONED,
        },
    )
    return tuple(decoded(found, lambda row: rows.from_iso(row["at"])))
