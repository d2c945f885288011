"""What the running service does at this moment, as its page and its document show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from discovery.reports.document import timestamp
from discovery.reports.summary import clock_time, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """The service's own state."""

    now: datetime
    running_since: datetime
    next_sweep_at: datetime | None
    """None while one is under way."""
    last_event_at: datetime | None
    """When the queue last brought a message; None: not since the start."""
    has_queue: bool
    """Whether change events are listened for."""
    waiting_scopes: int
    """Scopes that wait for a re-scan."""
    waiting_since: datetime | None
    problems: tuple[str, ...] = ()
    """What is amiss, in words of ours."""


def state_sentences(state: ServiceState) -> Iterator[str]:
    """Word the state: since when it runs, the next sweep, events, what waits, what is amiss."""
    now = state.now
    yield f"The service has run since {clock_time(state.running_since, now)} UTC"
    if state.next_sweep_at is None:
        yield "it is sweeping now"
    else:
        verb = "is" if state.next_sweep_at > now else "was"
        yield f"its next sweep {verb} due at {clock_time(state.next_sweep_at, now)} UTC"
    if state.last_event_at is not None:
        yield f"the last change event came at {clock_time(state.last_event_at, now)} UTC"
    elif state.has_queue:
        yield "no change event has come yet"
    if state.waiting_scopes:
        since = f" since {clock_time(state.waiting_since, now)} UTC" if state.waiting_since else ""
        verb = "waits" if state.waiting_scopes == 1 else "wait"
        yield f"{counted(state.waiting_scopes, 'scope')} {verb} for a re-scan{since}"
    yield from state.problems


def state_document(state: ServiceState) -> dict[str, Any]:
    """Return the state as one JSON value; times are RFC 3339 UTC."""
    return {
        "as_of": timestamp(state.now),
        "running_since": timestamp(state.running_since),
        "next_sweep_at": state.next_sweep_at and timestamp(state.next_sweep_at),
        "last_event_at": state.last_event_at and timestamp(state.last_event_at),
        "waiting_scopes": state.waiting_scopes,
        "waiting_since": state.waiting_since and timestamp(state.waiting_since),
        "problems": list(state.problems),
    }
