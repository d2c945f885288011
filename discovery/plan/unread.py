"""Items for when the list of registrations was not read: AWS's half alone (R10). Pure.

Without the list there is no plan: every wanted cache and remembered registration is held, with its
IAM verdict, and the guard is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from discovery.model.codes import Action, Reason
from discovery.plan.desired import Blocked, Desired, Skip, Undetermined
from discovery.plan.diff import base_item
from discovery.plan.from_state import remembered_list
from discovery.plan.inputs import ObservedCache, ObservedState, PlanInput, observe
from discovery.plan.item import Item, in_order
from discovery.plan.owners import with_owners
from discovery.plan.registration_index import Owned, RegistrationIndex
from discovery.plan.rules import Rules

NOT_READ = "what is registered could not be read; nothing is changed until it can be"
NOT_ASKED = "the control plane was not asked, so what is registered is not known"


def unread_items(plan_input: PlanInput, rules: Rules, why: str) -> tuple[Item, ...]:
    """Make a held item for every cache found and every registration remembered, in order."""
    remembered = replace(plan_input, listed=remembered_list(plan_input.state), looked_up={})
    observed = observe(remembered, rules)
    return with_owners(in_order(_items(observed, why)), plan_input.state.caches, rules)


def _items(observed: ObservedState, why: str) -> Iterator[Item]:
    for found in observed.found:
        yield _of_found(found, observed, why)
    for owned in _others(observed.registry, observed):
        yield Item(
            scope=owned.cache.scope,
            arn=owned.cache.arn,
            cache=owned.cache.name,
            name=owned.database.name,
            action=Action.HELD,
            reason=Reason.REGISTRY_UNREAD,
            message=why,
            database=owned.database,
            live=owned.database,
        )


def _others(registry: RegistrationIndex, observed: ObservedState) -> Iterator[Owned]:
    """Find the remembered registrations that are of no found cache."""
    yield from (owned for arn, owned in registry.ours.items() if arn not in observed.arns_found)
    yield from registry.duplicates
    yield from registry.half_renamed.values()


def _of_found(found: ObservedCache, observed: ObservedState, why: str) -> Item:
    base, desired = base_item(found, observed), found.desired
    if found.live is None and isinstance(desired, Skip):
        return replace(base, action=Action.SKIPPED, reason=desired.reason, message=desired.message)
    if found.live is None and isinstance(desired, Undetermined):
        return replace(
            base, action=Action.HELD, reason=Reason.TAGS_UNKNOWN, message=desired.message
        )
    message = "; ".join((why, *_besides(desired)))
    return replace(base, action=Action.HELD, reason=Reason.REGISTRY_UNREAD, message=message)


def _besides(desired: Desired) -> Iterator[str]:
    """Say what blocks the cache besides."""
    if isinstance(desired, Blocked):
        yield f"{desired.reason.value}: {desired.message}"
