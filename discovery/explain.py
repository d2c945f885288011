"""Explain one cache: what state remembers of it, and what the rules make of that."""

from __future__ import annotations

from datetime import datetime

from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Arn, Complete
from discovery.plan.desired import outcome_for
from discovery.plan.facts import facts_of
from discovery.plan.from_state import plan_input_from_state
from discovery.plan.plan import make_plan
from discovery.plan.rules import Rules
from discovery.reports.explanation import Explanation
from matchers.explain import explain
from state.records import RememberedCache, RememberedState
from state.store import ReadOnlyStore


def explanations(
    name: str, store: ReadOnlyStore, rules: Rules, now: datetime
) -> tuple[Explanation, ...]:
    """Explain all caches that go by `name`: their own, a registered one, or an ARN.

    Empty when none does.
    """
    state = store.load()
    plan_input = plan_input_from_state(state, rules, now)
    items = {item.arn: item for item in make_plan(plan_input, rules).items if item.arn is not None}
    sentences = {
        cache.arn: explain(outcome_for(facts_of(cache, state.caches.get(cache.arn), None), rules))
        for result in plan_input.results
        if isinstance(result, Complete)
        for cache in result.caches
    }
    registrations = {each.arn: each for each in state.registrations.values()}
    return tuple(
        Explanation(
            arn=arn,
            cache=state.caches.get(arn),
            registration=registrations.get(arn),
            miss=next((each for each in state.pending_removals.values() if each.arn == arn), None),
            taken=next((each for each in state.taken.values() if each.arn == arn), None),
            matchers=sentences.get(arn, ()),
            last=next(iter(store.history(arn=arn, limit=1)), None),
            next=items.get(arn),
            account_names=plan_input.account_names,
            gone_at=_gone_at(state.caches.get(arn), state),
        )
        for arn in sorted(_arns(name, state))
    )


def is_remembered(name: str, state: RememberedState) -> bool:
    """True when a cache goes by `name`: its own, a registered one, or its ARN."""
    return bool(_arns(name, state))


def _gone_at(cache: RememberedCache | None, state: RememberedState) -> datetime | None:
    """The complete scan of its scope that no longer showed the cache, if the last one did not."""
    scope = state.scopes.get(cache.scope) if cache is not None else None
    at = scope.last_complete_at if scope is not None else None
    return at if cache is not None and at is not None and cache.last_seen_at < at else None


def _arns(name: str, state: RememberedState) -> set[Arn]:
    """Find the caches that go by a name.

    Case does not count: AWS keeps names in lower case, and registered names that differ in case
    alone count as one.
    """
    name = name.lower()
    found = {arn for arn, cache in state.caches.items() if name in (arn, cache.name)}
    found |= {taken.arn for taken in state.taken.values() if taken.name == name}
    for registration in state.registrations.values():
        parsed = parse_cache_arn(registration.arn)
        own = parsed.name if parsed is not None else None
        if name in (registration.arn, registration.name.lower(), own):
            found.add(registration.arn)
    return found
