"""What of a sweep's history stands in the log too: denials, when they begin and when they end."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from state.records import HistoryEntry, HistoryEvent

log = structlog.get_logger()


def log_episodes(entries: Iterable[HistoryEntry]) -> None:
    """Log each denial that began or ended; the sweeps between say nothing of it."""
    for entry in entries:
        if entry.event is HistoryEvent.WRITES_DENIED:
            log.warning("writes.denied", sweep_id=entry.sweep_id, why=entry.message)
        elif entry.event is HistoryEvent.WRITES_ALLOWED:
            log.info("writes.allowed", sweep_id=entry.sweep_id, why=entry.message)
