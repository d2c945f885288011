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
from discovery.plan.scan_memory import remembered_scopes
from state.records import RememberedState


class ScanSequencer:
    """Tickets are drawn when a scan begins; the higher one is of the later scan."""

    def __init__(self) -> None:
        self._drawn = 0
        self._acted: dict[Scope, int] = {}
        self._recorded: dict[Scope, datetime] = {}

    def draw(self) -> int:
        """The ticket of a scan that begins now."""
        self._drawn += 1
        return self._drawn

    def current(
        self,
        ticket: int,
        results: Iterable[Scanned],
        *,
        then: RememberedState,
        now: RememberedState,
    ) -> tuple[Scanned, ...]:
        """The results; those that are older than what was acted on already are not in this run.

        `then` and `now` are what state remembered when the scan began and remembers at this moment.
        """
        return tuple(
            _outdated(each)
            if self._acted.get(each.scope, 0) > ticket or self._others(each.scope, then, now)
            else each
            for each in results
        )

    def acted(
        self, ticket: int, results: Iterable[Scanned], state: RememberedState, started_at: datetime
    ) -> None:
        """These results were acted on, and recorded as `remembered_scopes` says."""
        every = tuple(results)
        self._acted.update({each.scope: ticket for each in every if not _is_left_out(each)})
        recorded = remembered_scopes(every, state, started_at)
        self._recorded.update({each.scope: each.last_attempt_at for each in recorded})

    def _others(self, scope: Scope, then: RememberedState, now: RememberedState) -> bool:
        """True when somebody else recorded the scope meanwhile."""
        before, after = _attempt(then, scope), _attempt(now, scope)
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
