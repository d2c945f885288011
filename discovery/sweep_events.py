"""What of a sweep's history stands in the log too: denials, when they begin and when they end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import structlog

from state.records import HistoryEntry, HistoryEvent

log = structlog.get_logger()

_LEVELS: Final = {
    HistoryEvent.WRITES_DENIED: ("writes.denied", logging.WARNING),
    HistoryEvent.WRITES_ALLOWED: ("writes.allowed", logging.INFO),
}


def log_episodes(entries: Iterable[HistoryEntry]) -> None:
    """Log each denial that began or ended; the sweeps between say nothing of it."""
    for entry in entries:
        if entry.event in _LEVELS:
            event, level = _LEVELS[entry.event]
            log.log(level, event, sweep_id=entry.sweep_id, why=entry.message)
