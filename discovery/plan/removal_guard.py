"""The budget of removals (R3): how many may happen, and when all of them are refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from discovery.model.codes import GuardCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of `deregistration`, as configured or as widened for one sweep."""

    window: timedelta
    max_count: int
    """0: never remove."""
    max_percent: int
    min_allowed: int
    """This many may always go (within `max_count`), so that a small fleet can change."""
    allow_empty: bool
    counts_window: bool = True
    """Whether removals done within `window` count; not where a person allowed a number for one
    sweep: that is what still pends."""

    def limit(self, population: int) -> int:
        """How many removals a population bears within the window."""
        share = population * self.max_percent // 100
        return min(self.max_count, max(self.min_allowed, share))

    def with_overrides(self, count: int) -> Budget:
        """The budget for up to `count` removals in one sweep, whatever was removed before it."""
        return replace(
            self,
            max_count=count,
            max_percent=100,
            min_allowed=count,
            allow_empty=True,
            counts_window=False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardVerdict:
    """What the guard said of the removals of one sweep."""

    refused: bool
    code: GuardCode | None
    removals: int
    """Removals planned now plus those done within the window."""
    population: int
    limit: int
    window: timedelta
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardInput:
    """What the guard weighs, besides the removals planned."""

    population: int
    """Our registrations of this process's part: the larger of listed and remembered."""
    removed_in_window: int
    caches_seen: int
    """Caches in all complete scopes together."""
    registry_shrank: bool
    """The list lacks more than half of what state remembers as registered (R10)."""


def judge_removals(planned: int, evidence: GuardInput, budget: Budget) -> GuardVerdict:
    """Whether the planned removals may go ahead; a refusal takes all of them."""
    limit = budget.limit(evidence.population)
    count = planned + (evidence.removed_in_window if budget.counts_window else 0)
    code = _refusal(planned, count, limit, evidence, budget)
    return GuardVerdict(
        refused=code is not None,
        code=code,
        removals=count,
        population=evidence.population,
        limit=limit,
        window=budget.window,
        message=_message(code, planned, count, limit, evidence, budget),
    )


def _refusal(
    planned: int, count: int, limit: int, evidence: GuardInput, budget: Budget
) -> GuardCode | None:
    if evidence.registry_shrank:
        return GuardCode.REGISTRY_SHRANK
    if planned == 0:
        return None
    if evidence.caches_seen == 0 and evidence.population > 0 and not budget.allow_empty:
        return GuardCode.GUARD_EMPTY
    if count <= limit:
        return None
    return GuardCode.GUARD_COUNT if limit == budget.max_count else GuardCode.GUARD_PERCENT


def _message(
    code: GuardCode | None,
    planned: int,
    count: int,
    limit: int,
    evidence: GuardInput,
    budget: Budget,
) -> str:
    minutes = f"{budget.window.total_seconds() / 60:g} min"
    if code is None:
        return f"{count} of at most {limit} removals within {minutes}"
    if code is GuardCode.REGISTRY_SHRANK:
        return (
            "the control plane lists less than half of the databases that state remembers as "
            "registered; nothing was removed or renamed. Check that the agent's role still sees "
            "its own databases; if they were removed on purpose, the next sweep is back to normal"
        )
    if code is GuardCode.GUARD_EMPTY:
        return (
            f"all complete scopes together hold no cache, but {evidence.population} are "
            f"registered; none of the {planned} removals was made. If the caches are really gone, "
            f"run a sweep with --allow-mass-removal {planned}"
        )
    spent = f" ({evidence.removed_in_window} of them done already)" if count > planned else ""
    bound = (
        f"deregistration.max_count is {budget.max_count}"
        if code is GuardCode.GUARD_COUNT
        else f"of {evidence.population} registrations only {limit} may go "
        f"(deregistration.max_percent {budget.max_percent}, min_allowed {budget.min_allowed})"
    )
    return (
        f"{count} removals within {minutes}{spent}, but {bound}; none of the {planned} planned "
        f"was made. Look at them, then run a sweep with --allow-mass-removal {planned}"
    )
