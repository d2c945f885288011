"""The guard: allow all removals of a sweep within the budget, or refuse all (R3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from discovery.model.codes import GuardCode
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Complete, ResourceName
from discovery.plan.inputs import ObservedState, PlanInput
from discovery.plan.rules import Budget
from state.records import IntentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardVerdict:
    """What the guard decided about the removals of one sweep."""

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
    """What the guard weighs besides the removals planned."""

    population: int
    """Our registrations of this process's part: the larger of listed and remembered."""
    removed_in_window: int
    caches_seen: int
    """Caches in all complete scopes together."""
    registry_shrank: bool
    """The list lacks more than half of what state remembers as registered (R10)."""


def guard_input(observed: ObservedState, window: timedelta) -> GuardInput:
    """Count what the guard weighs the removals of a plan against."""
    plan_input = observed.plan_input
    remembered = _remembered_names(plan_input)
    listed = {
        owned.database.name
        for owned in (*observed.registry.ours.values(), *observed.registry.duplicates)
        if plan_input.targets.scope_filter.guard_filter.covers(owned.cache.scope)
    }
    lacking = remembered - {database.name for database in plan_input.listed}
    return GuardInput(
        population=max(len(listed), len(remembered)),
        removed_in_window=_removed_in_window(observed, window),
        caches_seen=_caches_seen(plan_input),
        registry_shrank=len(lacking) * 2 > len(remembered),
    )


def _caches_seen(plan_input: PlanInput) -> int:
    """Count the caches in all complete scopes together.

    A re-scan reads only the scopes of its events. One empty scope is ordinary, so the caches that
    earlier scans found in the other scopes are counted as well.
    """
    complete = [result for result in plan_input.results if isinstance(result, Complete)]
    seen = sum(len(result.caches) for result in complete)
    if not plan_input.targets.scope_filter.from_event:
        return seen
    scanned = {result.scope for result in complete}
    remembered = plan_input.state.caches.values()
    return seen + sum(1 for cache in remembered if cache.scope not in scanned)


def _remembered_names(plan_input: PlanInput) -> set[ResourceName]:
    scope_filter = plan_input.targets.scope_filter.guard_filter
    return {
        name
        for name, registration in plan_input.state.registrations.items()
        if (parsed := parse_cache_arn(registration.arn)) is None
        or scope_filter.covers(parsed.scope)
    }


def _removed_in_window(observed: ObservedState, window: timedelta) -> int:
    """Count removals within the window; those dated in the future count, as a clock may step back.

    A rename that is half done is counted as planned, so its open intent is left out here.
    """
    plan_input = observed.plan_input
    oldest = plan_input.now - window
    recent = sum(1 for at in plan_input.state.removals if at > oldest)
    half_done = sum(
        1
        for each in plan_input.state.open_intents
        if each.intent.kind is IntentKind.RENAME
        and each.intent.arn in observed.registry.half_renamed
        and each.intent.at > oldest
    )
    return max(0, recent - half_done)


def judge_removals(planned: int, evidence: GuardInput, budget: Budget) -> GuardVerdict:
    """Decide whether the planned removals may go ahead; a refusal holds all of them."""
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
