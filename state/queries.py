"""Queries of an open state file, for its writer and for readers alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlite_utils import Database

from discovery.model.values import AccountId, Arn, ResourceName
from state import rows
from state.records import (
    HistoryEntry,
    IntentKind,
    IntentOutcome,
    OpenIntent,
    RememberedProbe,
    RememberedState,
    SweepRecord,
)
from state.rows import Codec, R, Row

T = TypeVar("T")

IDENTITY: Final = "identity"
MATCHING_DIGEST: Final = "matching_digest"
FINISHED_SWEEPS: Final = "finished_sweeps"
TICK: Final = "tick"
PAUSED_UNTIL: Final = "paused_until"
EPISODES: Final = "episodes"
KEPT_FROM: Final = "kept_from"
NOTIFIED: Final = "notified"

SCOPE_INSTANTS: Final = ("last_attempt_at", "last_complete_at", "tags_read_at")
"""What scopes may share with one another: the instant `about.tick`."""


def _filled(column: str, shared: str) -> str:
    """The column with the shared instant where it has "="; that stays where there is none."""
    return f"CASE {column} WHEN '=' THEN coalesce({shared}, '=') ELSE {column} END"


def _selected(table: str, columns: Iterable[str], filled: dict[str, str]) -> str:
    return ", ".join(
        f"{filled[each]} AS {each}" if each in filled else f"{table}.{each}" for each in columns
    )


_TICK = f"(SELECT value FROM about WHERE key = '{TICK}')"  # noqa: S608 - ours
_OF_SCOPE = {each: _filled(f"scopes.{each}", _TICK) for each in SCOPE_INSTANTS}
_OF_CACHE = {
    "last_seen_at": _filled("caches.last_seen_at", _OF_SCOPE["last_complete_at"]),
    "tags_read_at": _filled("caches.tags_read_at", _OF_SCOPE["tags_read_at"]),
}
_SCOPES = f"""
    SELECT {_selected("scopes", (*rows.SCOPES.columns, "tags_read_at"), _OF_SCOPE)} FROM scopes
"""  # noqa: S608 - our own columns
_CACHES = f"""
    SELECT {_selected("caches", rows.CACHES.columns, _OF_CACHE)}
    FROM caches LEFT JOIN scopes USING (account_id, region)
"""  # noqa: S608 - our own columns

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

_HISTORY = """
    SELECT history.*, coalesce(sweeps.checksum, '') AS checksum,
        max(history.id) OVER (PARTITION BY history.sweep_id) AS last_of_sweep
    FROM history LEFT JOIN sweeps USING (sweep_id)
    WHERE (:arn IS NULL OR arn = :arn)
      AND (:name IS NULL OR name = :name OR previous_name = :name)
      AND (:since IS NULL OR at >= :since)
    ORDER BY last_of_sweep DESC, step DESC, history.id DESC LIMIT :limit
"""
"""In the order in which they were recorded, whatever the clock said: sweep by sweep, and within one
what was observed before what was written for it."""


_COUNTED_BETWEEN = "SELECT min(finished_at), max(finished_at) FROM sweeps WHERE totals IS NOT NULL"
_LAST_OF_PERIOD = """
    SELECT *, max(rowid) FROM sweeps WHERE totals IS NOT NULL
    GROUP BY substr(finished_at, 1, :digits) ORDER BY finished_at
"""
"""SQLite takes the other columns from the row of the maximum."""
_PERIODS: Final = ((timedelta(hours=6), 16), (timedelta(days=10), 13), (timedelta.max, 10))
"""Up to which span of time so many characters of an instant tell periods apart: those of a minute,
an hour, a day."""


class Undecodable(Exception):
    """A row holds what this program never writes."""


def load_state(database: Database) -> RememberedState:
    """Read everything that the plan needs. Raises: Undecodable."""
    about = facts(database)
    return RememberedState(
        caches={each.arn: each for each in decoded(database.query(_CACHES), rows.CACHES.record)},
        registrations={each.name: each for each in _every(database, rows.REGISTRATIONS)},
        removed={each.name: each for each in _every(database, rows.REMOVED)},
        pending_removals={each.name: each for each in _every(database, rows.PENDING_REMOVALS)},
        probes=probes(database),
        taken={each.name: each for each in _every(database, rows.TAKEN_NAMES)},
        scopes={each.scope: each for each in decoded(database.query(_SCOPES), rows.SCOPES.record)},
        regions={each.account_id: each for each in _every(database, rows.REGIONS)},
        account_names=account_names(database),
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
    """Read the file's single values by key."""
    return {row["key"]: row["value"] for row in database.query("SELECT key, value FROM about")}


def fact(about: dict[str, str], key: str, decode: Callable[[str], T]) -> T | None:
    """Decode one of the file's values, None when it has none. Raises: Undecodable."""
    found = [{"text": about[key]}] if key in about else []
    return next(iter(decoded(found, lambda row: decode(row["text"]))), None)


def probes(database: Database) -> dict[Arn, RememberedProbe]:
    """Read what came of the last logins, by cache."""
    return {each.arn: each for each in _every(database, rows.PROBES)}


def account_names(database: Database) -> dict[AccountId, str]:
    """Read what organizations call their accounts, as last read."""
    return {each.account_id: each.name for each in _every(database, rows.ACCOUNTS)}


def finished_sweeps(database: Database) -> int:
    """Return how many sweeps came to their end."""
    return fact(facts(database), FINISHED_SWEEPS, int) or 0


def scope_rows(database: Database) -> dict[tuple[str, str], Row]:
    """Read the rows of all scopes by account and region, with shared instants filled in."""
    return {(row["account_id"], row["region"]): row for row in database.query(_SCOPES)}


def cache_rows(database: Database, scopes: Iterable[tuple[str, str]]) -> dict[str, Row]:
    """Read the rows of the caches of these scopes by ARN, with shared instants filled in."""
    query = f"{_CACHES} WHERE caches.account_id = ? AND caches.region = ?"
    return {row["arn"]: row for scope in scopes for row in database.query(query, scope)}


def last_write_at(database: Database) -> datetime | None:
    """Return when a write to the control plane last began or ended; None before the first."""
    found = [row for row in database.query(_LAST_WRITE) if row["text"] is not None]
    return next(iter(decoded(found, lambda row: rows.from_iso(row["text"]))), None)


def open_intents(database: Database) -> tuple[OpenIntent, ...]:
    """Read the intents without an outcome, oldest first."""
    found = database.query("SELECT * FROM journal WHERE outcome IS NULL ORDER BY id")
    return tuple(
        decoded(found, lambda row: OpenIntent(intent_id=row["id"], intent=rows.INTENTS.record(row)))
    )


def history(
    database: Database,
    *,
    arn: Arn | None = None,
    name: ResourceName | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> tuple[HistoryEntry, ...]:
    """Read the entries that fit all that is given, the newest first.

    A name fits an entry's previous name too.
    """
    wanted = {
        "arn": arn,
        "name": name,
        "since": rows.to_iso(since) if since is not None else None,
        "limit": -1 if limit is None else limit,
    }
    return tuple(decoded(database.query(_HISTORY, wanted), rows.HISTORY.record))


def sweeps(database: Database, *, limit: int | None = None) -> tuple[SweepRecord, ...]:
    """Read the finished sweeps, the newest first."""
    found = database.query(
        "SELECT * FROM sweeps ORDER BY rowid DESC LIMIT ?",
        [-1 if limit is None else limit],
    )
    return tuple(decoded(found, rows.SWEEPS.record))


def sweep_totals(database: Database) -> tuple[SweepRecord, ...]:
    """Read the sweeps that counted what there was, oldest first: the last of each period.

    A period is a minute, an hour or a day, so that there are some hundreds however long the time.
    """
    first, last = next(iter(database.execute(_COUNTED_BETWEEN)))
    if first is None:
        return ()
    span = rows.from_iso(last) - rows.from_iso(first)
    digits = next(digits for longest, digits in _PERIODS if span <= longest)
    found = database.query(_LAST_OF_PERIOD, {"digits": digits})
    return tuple(decoded(found, rows.SWEEPS.record))


def decoded(found: Iterable[Row], decode: Callable[[Row], T]) -> list[T]:
    """Decode every row. Raises: Undecodable, for what only damage can have put there."""
    try:
        return [decode(row) for row in found]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Undecodable(f"a row cannot be read ({error})") from error


def _every(database: Database, codec: Codec[R]) -> list[R]:
    return decoded(database.query(f"SELECT * FROM {codec.table}"), codec.record)  # noqa: S608 - ours


def _failed_writes(database: Database) -> dict[ResourceName, str]:
    """The error code of the last write under each name, where it failed or has not ended."""
    found = database.query("SELECT name, outcome, error_code, max(id) FROM journal GROUP BY name")
    failed = (row for row in found if row["outcome"] != IntentOutcome.DONE and row["error_code"])
    return {ResourceName(row["name"]): row["error_code"] for row in failed}


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
