"""Forget old history, sweeps and intents; ages count from AWS's time, never this machine's.

Rows are dated by the answers that AWS gave in their sweep, or in the next sweep that had one
(`proven_at`). So a clock that is years ahead, or behind, forgets nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlite_utils import Database

from state import queries
from state.recording import put_fact
from state.rows import from_iso, to_iso

LONGEST_STEP: Final = timedelta(days=7)
"""So much of the history one sweep forgets at most, should AWS's time itself be wrong once."""
BATCH: Final = 250
"""Rows forgotten in one transaction, so that its log stays small on a disk that is full."""

_AS_HISTORY: Final = {
    "history": "1",
    "removed_registrations": "1",
    "sweeps": "rowid < (SELECT max(rowid) FROM sweeps)",
}
"""Tables kept as long as the history, and which of their rows may go: never the last sweep."""


def next_kept_from(database: Database, wanted: datetime) -> datetime:
    """Decide how far this sweep forgets: up to `wanted`, but one step from where it was at most."""
    before = queries.fact(queries.facts(database), queries.KEPT_FROM, from_iso)
    if before is None:
        before = _oldest(database) or wanted
    kept_from = max(before, min(wanted, before + LONGEST_STEP))
    put_fact(database, queries.KEPT_FROM, to_iso(kept_from))
    return kept_from


def prune_batch(database: Database, kept_from: datetime, intents_from: datetime) -> int:
    """Forget one batch of older history, sweeps and closed intents. Returns how many rows went."""
    removed = sum(_prune(database, table, when, kept_from) for table, when in _AS_HISTORY.items())
    return removed + _prune(database, "journal", "outcome IS NOT NULL", intents_from)


def _oldest(database: Database) -> datetime | None:
    oldest = database.execute("SELECT min(proven_at) FROM history").fetchone()[0]
    return from_iso(oldest) if oldest is not None else None


def _prune(database: Database, table: str, may_go: str, kept_from: datetime) -> int:
    cursor = database.execute(
        f"""
        DELETE FROM {table} WHERE rowid IN (
            SELECT rowid FROM {table} WHERE proven_at < ? AND ({may_go}) LIMIT {BATCH}
        )
        """,  # noqa: S608 - our own table and condition
        [to_iso(kept_from)],
    )
    return int(cursor.rowcount)
