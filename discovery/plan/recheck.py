"""Check the reason for a removal or rename again, on a cache that was read again (R3)."""

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
    """Return a function that finds the removal reason of a cache as it was read again."""

    def judge(cache: Cache, users_and_groups: UsersAndGroups | UnknownType) -> Reason | None:
        facts = _facts(plan, cache)
        return removal_reason(facts, desired_for(facts, users_and_groups, rules))

    return judge


def rename_check(plan: Plan, rules: Rules) -> RenameHolds:
    """Return a function that tells whether a cache, by its new tags, keeps the planned name."""
    planned: Mapping[Arn, ResourceName] = {
        item.arn: item.name
        for item in plan.items
        if item.removes and item.arn is not None and item.name is not None
    }

    def holds(cache: Cache) -> bool:
        if cache.arn in plan.observed.registry.half_renamed:
            return True  # the new name is registered already; only the old one is left to delete
        return wanted_name(_facts(plan, cache), rules).value == planned.get(cache.arn)

    return holds


def _facts(plan: Plan, cache: Cache) -> CacheFacts:
    live = plan.observed.registry.ours.get(cache.arn)
    remembered = plan.observed.plan_input.state.caches.get(cache.arn)
    database = live.database if live is not None else None
    registrations = plan.observed.plan_input.state.registrations
    written = registrations.get(database.name) if database is not None else None
    return facts_of(cache, remembered, database, written)
