"""Which scan of each scope was acted on last, so that an older one is never acted on after it.

Scans run side by side and take as long as they take. They are counted, not timed: clocks are set
back. Another process may sweep with the same state file; what it recorded while a scan was under
way counts as later than that scan.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from discovery.model.codes import ScopeReason
from discovery.model.values import Scanned, Scope, Skipped
from discovery.plan.next_state import scope_memories
from state.records import RememberedState


class ScanSequencer:
    """Tickets are drawn when a scan begins; the higher one is of the later scan."""

    def __init__(self) -> None:
        self._last_number = 0
        self._applied: dict[Scope, int] = {}
        self._recorded: dict[Scope, datetime] = {}

    def begin_scan(self) -> int:
        """The ticket of a scan that begins now."""
        self._last_number += 1
        return self._last_number

    def drop_outdated(
        self,
        scan_number: int,
        results: Iterable[Scanned],
        *,
        state_before: RememberedState,
        state_now: RememberedState,
    ) -> tuple[Scanned, ...]:
        """The results; those that are older than what was acted on already are not in this run.

        `then` and `now` are what state remembered when the scan began and remembers at this moment.
        """
        return tuple(
            _outdated(each)
            if self._applied.get(each.scope, 0) > scan_number
            or self._recorded_elsewhere(each.scope, state_before, state_now)
            else each
            for each in results
        )

    def record_applied(
        self,
        scan_number: int,
        results: Iterable[Scanned],
        state: RememberedState,
        started_at: datetime,
    ) -> None:
        """These results were acted on, and recorded as `scope_memories` says."""
        every = tuple(results)
        self._applied.update({each.scope: scan_number for each in every if not _is_left_out(each)})
        recorded = scope_memories(every, state, started_at)
        self._recorded.update({each.scope: each.last_attempt_at for each in recorded})

    def _recorded_elsewhere(
        self, scope: Scope, state_before: RememberedState, state_now: RememberedState
    ) -> bool:
        """True when somebody else recorded the scope meanwhile."""
        before, after = _attempt(state_before, scope), _attempt(state_now, scope)
        return after not in (before, self._recorded.get(scope))


def _attempt(state: RememberedState, scope: Scope) -> datetime | None:
    remembered = state.scopes.get(scope)
    return remembered.last_attempt_at if remembered is not None else None


def _is_left_out(result: Scanned) -> bool:
    return isinstance(result, Skipped) and result.reason is ScopeReason.NOT_IN_RUN


def _outdated(result: Scanned) -> Skipped:
    return Skipped(
        scope=result.scope,
        started_at=result.started_at,
        duration_s=result.duration_s,
        calls=result.calls,
        message="a later scan of it was acted on first, so this one was not",
        reason=ScopeReason.NOT_IN_RUN,
    )
