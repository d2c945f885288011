"""Follow-up scans of scopes where a cache is being created, modified or deleted. Pure.

A cache is `creating` for minutes, and no event is promised when that ends; so its scope is scanned
again after 15, 30, 60 and 120 seconds. After that the next sweep is soon enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from discovery.model.values import Arn, Complete, Scanned, Scope

RECHECK_DELAYS: Final = tuple(timedelta(seconds=span) for span in (15, 30, 60, 120))
"""Delays of successive follow-up scans while the same caches stay in transition."""
_TRANSIENT: Final = frozenset({"creating", "modifying", "deleting"})


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One scope to scan again, its caches in transition, and the delay."""

    scope: Scope
    arns: frozenset[Arn]
    delay: timedelta


class FollowUps:
    """Track how many follow-up scans each scope has had."""

    def __init__(self) -> None:
        self._seen: dict[Scope, tuple[frozenset[tuple[Arn, str]], int]] = {}

    def update(self, results: Iterable[Scanned]) -> tuple[FollowUp, ...]:
        """Return which scopes to scan again, and when.

        A scope that was not read keeps its count; one where other caches are in transition than
        before starts again at the first delay.
        """
        found = (self._next(each) for each in results if isinstance(each, Complete))
        return tuple(each for each in found if each is not None)

    def _next(self, result: Complete) -> FollowUp | None:
        transient = frozenset(
            (cache.arn, cache.status) for cache in result.caches if cache.status in _TRANSIENT
        )
        before, step = self._seen.pop(result.scope, (None, 0))
        if not transient:
            return None
        step = step if transient == before else 0
        if step >= len(RECHECK_DELAYS):
            self._seen[result.scope] = (transient, step)
            return None
        self._seen[result.scope] = (transient, step + 1)
        return FollowUp(result.scope, frozenset(arn for arn, _ in transient), RECHECK_DELAYS[step])
