"""Forgetting what is old: ages count from AWS's time, never from this machine's clock.

A row is dated by the answers that AWS gave in its sweep (`proven_at`); one from a sweep without an
answer is at least as old as any dated row recorded after it. So a clock that is years ahead, or
behind, forgets nothing, and rows are forgotten in the order in which they were recorded.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlite_utils import Database

from state import queries, rows
from state.recording import put_fact

LONGEST_STEP: Final = timedelta(days=7)
"""So much of the history one sweep forgets at most, should AWS's time itself be wrong once."""
BATCH: Final = 250
"""Rows forgotten in one transaction, so that its log stays small on a disk that is full."""

_KEPT: Final = {
    "history": "1",
    "journal": "outcome IS NOT NULL",
    "sweeps": "rowid < (SELECT max(rowid) FROM sweeps)",
}
"""Which rows of a table may go at all: open intents and the last sweep stay whatever their age."""


def next_kept_from(database: Database, wanted: datetime) -> datetime:
    """Decide how far this sweep forgets: up to `wanted`, but one step from where it was at most."""
    before = queries.fact(queries.facts(database), queries.KEPT_FROM, rows.moment)
    if before is None:
        before = _oldest(database) or wanted
    kept_from = max(before, min(wanted, before + LONGEST_STEP))
    put_fact(database, queries.KEPT_FROM, rows.instant(kept_from))
    return kept_from


def prune_batch(database: Database, kept_from: datetime, intents_from: datetime) -> int:
    """Forget one batch of older history, sweeps and closed intents. Returns how many rows went."""
    removed = sum(_prune(database, table, kept_from) for table in ("history", "sweeps"))
    return removed + _prune(database, "journal", intents_from)


def _oldest(database: Database) -> datetime | None:
    oldest = database.execute("SELECT min(proven_at) FROM history").fetchone()[0]
    return rows.moment(oldest) if oldest is not None else None


def _prune(database: Database, table: str, kept_from: datetime) -> int:
    """Rows up to the last one that is known to be older, but for those after a younger one."""
    limit = rows.instant(kept_from)
    cursor = database.execute(
        f"""
        DELETE FROM {table} WHERE rowid IN (
            SELECT rowid FROM {table} WHERE ({_KEPT[table]}) AND rowid <= (
                SELECT max(rowid) FROM {table} WHERE proven_at < :limit AND rowid < coalesce(
                    (SELECT min(rowid) FROM {table} WHERE proven_at >= :limit),
                    (SELECT max(rowid) + 1 FROM {table})
                )
            ) ORDER BY rowid LIMIT {BATCH}
        )
        """,  # noqa: S608 - our own table and condition
        {"limit": limit},
    )
    return int(cursor.rowcount)
