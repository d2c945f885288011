"""Scopes in which something is on its way are looked at again soon. Pure.

A cache is `creating` for minutes, and no event is promised when that ends; so its scope is asked
again after 15, 30, 60 and 120 seconds. Nothing new by then is the business of the next sweep.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from discovery.model.values import Arn, Complete, Scanned, Scope

RECHECK_DELAYS: Final = tuple(timedelta(seconds=span) for span in (15, 30, 60, 120))
_TRANSIENT: Final = frozenset({"creating", "modifying", "deleting"})


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A scope to look at again."""

    scope: Scope
    arns: frozenset[Arn]
    delay: timedelta


class FollowUps:
    """How far up the ladder each scope is."""

    def __init__(self) -> None:
        self._seen: dict[Scope, tuple[frozenset[tuple[Arn, str]], int]] = {}

    def update(self, results: Iterable[Scanned]) -> tuple[FollowUp, ...]:
        """What to look at again, and when. A scope that was not read stays where it is; one where
        something else is on its way than before begins anew."""
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
