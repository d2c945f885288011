"""Check again what a removal or rename rests on, for a cache that was read anew (R3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from discovery.model.codes import Reason
from discovery.model.values import Arn, Cache, ResourceName, UnknownType, UsersAndGroups
from discovery.plan.classify import removal_reason
from discovery.plan.desired import desired_for, wanted_name
from discovery.plan.facts import CacheFacts, facts_of
from discovery.plan.plan import Plan
from discovery.plan.rules import Rules

Recheck = Callable[[Cache, UsersAndGroups | UnknownType], Reason | None]
RenameHolds = Callable[[Cache], bool]


def recheck(plan: Plan, rules: Rules) -> Recheck:
    """Make a check of caches read anew: the removal reason that holds now, None if none does."""

    def judge(cache: Cache, directory: UsersAndGroups | UnknownType) -> Reason | None:
        facts = _facts(plan, cache)
        return removal_reason(facts, desired_for(facts, directory, rules))

    return judge


def rename_check(plan: Plan, rules: Rules) -> RenameHolds:
    """Make a check of caches whose tags were read anew: they still ask for the planned name."""
    planned: Mapping[Arn, ResourceName] = {
        item.arn: item.name
        for item in plan.items
        if item.removes and item.arn is not None and item.name is not None
    }

    def holds(cache: Cache) -> bool:
        if cache.arn in plan.observed.registry.half_renamed:
            return True  # the new name stands already; what is left is to let go of the old one
        return wanted_name(_facts(plan, cache), rules).value == planned.get(cache.arn)

    return holds


def _facts(plan: Plan, cache: Cache) -> CacheFacts:
    live = plan.observed.registry.ours.get(cache.arn)
    remembered = plan.observed.plan_input.state.caches.get(cache.arn)
    database = live.database if live is not None else None
    registrations = plan.observed.plan_input.state.registrations
    written = registrations.get(database.name) if database is not None else None
    return facts_of(cache, remembered, database, written)
