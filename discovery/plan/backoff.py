"""How long a scope that keeps failing is not asked again.

For the service, which sweeps every few minutes: a role that does not exist yet need not be tried,
and logged by AWS, two hundred times a day. One success ends the back-off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.values import Scope
from state.records import RememberedScope

FAILURES_BEFORE_BACKOFF = 3
"""Failures in a row before the first pause: most troubles are over by then."""
FIRST_PAUSE = timedelta(minutes=8)
"""More than one interval of the service, so that the first pause leaves out one sweep."""
LONGEST_PAUSE = timedelta(minutes=30)
"""A scope that works again is noticed within half an hour, however long it failed."""

_OF_THE_AGENT = frozenset({ScopeReason.CREDENTIALS, ScopeReason.EXPIRED})
"""Nothing of the account's: once the agent has credentials again, every scope is asked at once."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """A scope that is not asked before `until`."""

    until: datetime
    since: datetime
    """When it began to fail."""
    failures: int
    reason: ScopeReason
    """Why it failed last."""


def pause_after(failures: int) -> timedelta:
    """Compute the pause after so many failures in a row: none, 8, 16, 30 minutes."""
    if failures < FAILURES_BEFORE_BACKOFF:
        return timedelta(0)
    doublings = min(failures - FAILURES_BEFORE_BACKOFF, 8)  # a scope may fail for years
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def backoffs(scopes: Iterable[RememberedScope], now: datetime) -> Mapping[Scope, Backoff]:
    """Find the scopes that are not to be asked now.

    A clock that was set back starts no pause anew.
    """
    found = {each.scope: backoff for each in scopes if (backoff := _backoff(each)) is not None}
    return {
        scope: backoff
        for scope, backoff in found.items()
        if backoff.until > now >= backoff.until - LONGEST_PAUSE
    }


def _backoff(state: RememberedScope) -> Backoff | None:
    if state.status is not ScopeStatus.FAILED or state.reason is None:
        return None
    if state.reason in _OF_THE_AGENT:
        return None
    span = pause_after(state.failures)
    if not span:
        return None
    return Backoff(
        until=state.last_attempt_at + span,
        since=state.failing_since or state.last_attempt_at,
        failures=state.failures,
        reason=state.reason,
    )
