"""Order concurrent scans, so that an older result is never applied after a newer one.

Scans run in parallel and take as long as they take. They are numbered, not timed: clocks are set
back. Another process may sweep with the same state file; what it recorded while a scan was running
counts as newer than that scan.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from discovery.model.codes import ScopeReason
from discovery.model.values import Scanned, Scope, Skipped
from discovery.plan.scan_memory import remembered_scopes
from state.records import RememberedState


class ScanSequencer:
    """Number scans by their start and drop results older than what was applied."""

    def __init__(self) -> None:
        self._last_number = 0
        self._applied: dict[Scope, int] = {}
        self._recorded: dict[Scope, datetime] = {}

    def begin_scan(self) -> int:
        """Number of a scan that starts now; higher numbers are newer."""
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
        """Return the results, with those older than what was applied marked as not in this run.

        Args:
            scan_number: From `begin_scan`.
            results: Of that scan.
            state_before: What state remembered when the scan started.
            state_now: What it remembers at this moment.
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
        """Remember that these results were applied, and recorded as `remembered_scopes` says."""
        every = tuple(results)
        self._applied.update({each.scope: scan_number for each in every if not _is_left_out(each)})
        recorded = remembered_scopes(every, state, started_at)
        self._recorded.update({each.scope: each.last_attempt_at for each in recorded})

    def _recorded_elsewhere(
        self, scope: Scope, state_before: RememberedState, state_now: RememberedState
    ) -> bool:
        """True when another process recorded the scope during the scan."""
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
