"""The plan: every cache and registration with one action and one reason (R4). Pure.

Read top to bottom: found caches, registrations whose cache was not found, registrations that
cannot be ours; then the guard takes removals back, all or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from discovery.model.codes import Reason
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Complete, ResourceName
from discovery.plan.checksum import checksum_of
from discovery.plan.conflicts import conflict_items
from discovery.plan.defect import defect
from discovery.plan.desired import Register
from discovery.plan.diff import plan_cache, unreadable_item, wants_other_name
from discovery.plan.diff_missing import item_for_missing
from discovery.plan.inputs import ObservedCache, ObservedState, PlanInput, observe
from discovery.plan.item import Item, hold_instead, in_order
from discovery.plan.name_conflicts import NameClaim, NameRefusal, resolve_name_conflicts
from discovery.plan.registration_index import Owned
from discovery.plan.removal_guard import GuardInput, GuardVerdict, judge_removals
from discovery.plan.rules import Rules
from state.records import IntentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sweep at this moment does, before proof."""

    items: tuple[Item, ...]
    guard: GuardVerdict
    checksum: str
    observed: ObservedState


def make_plan(plan_input: PlanInput, rules: Rules) -> Plan:
    """The total, ordered plan. Same inputs, same plan, same checksum."""
    observed = observe(plan_input, rules)
    drafts = tuple(_drafts(observed, rules))
    evidence = _evidence(observed, rules.budget.window)
    planned = sum(1 for draft in drafts if draft.item.removes)
    verdict = judge_removals(planned, evidence, rules.budget)
    items = in_order(_refused(each, verdict) if verdict.refused else each.item for each in drafts)
    return Plan(items=items, guard=verdict, checksum=checksum_of(items), observed=observed)


@dataclass(frozen=True, slots=True)
class Draft:
    """An item, and what is done instead when the guard refuses removals."""

    item: Item
    instead: Item | None = None
    """An update under the present name, for a rename that carries other changes too."""


def _drafts(observed: ObservedState, rules: Rules) -> Iterator[Draft]:
    losses = resolve_name_conflicts(_contenders(observed), observed.registry, observed.taken)
    for found in observed.found:
        yield _draft_of_found(found, losses.get(found.arn), observed, rules)
    seen = observed.arns_found
    for arn, owned in observed.registry.ours.items():
        if arn not in seen:
            yield _draft_of_missing(owned, observed, rules)
    shown = frozenset(loss.holder for loss in losses.values() if loss.holder is not None)
    for item in conflict_items(observed, shown):
        yield Draft(item)


def _draft_of_found(
    found: ObservedCache, loss: NameRefusal | None, observed: ObservedState, rules: Rules
) -> Draft:
    try:
        return Draft(*plan_cache(found, loss, observed, rules))
    except Exception as error:
        cache = found.facts.cache
        text = defect("it", "judged", error)
        return Draft(unreadable_item(cache, found.live, text, cache))


def _draft_of_missing(owned: Owned, observed: ObservedState, rules: Rules) -> Draft:
    try:
        return Draft(item_for_missing(owned, observed, rules))
    except Exception as error:
        text = defect("it", "judged", error)
        return Draft(unreadable_item(owned.cache, owned, text))


def _contenders(observed: ObservedState) -> Iterator[NameClaim]:
    for found in observed.found:
        if isinstance(found.desired, Register) and wants_other_name(found, observed.registry):
            present = found.live.database.name if found.live is not None else None
            yield NameClaim(found.arn, found.desired.name, present)


def _evidence(observed: ObservedState, window: timedelta) -> GuardInput:
    plan_input = observed.plan_input
    remembered = _remembered_names(plan_input)
    listed = {
        owned.database.name
        for owned in (*observed.registry.ours.values(), *observed.registry.duplicates)
        if plan_input.targets.part.guard_filter.covers(owned.cache.scope)
    }
    lacking = remembered - {database.name for database in plan_input.listed}
    return GuardInput(
        population=max(len(listed), len(remembered)),
        removed_in_window=_removed_in_window(observed, window),
        caches_seen=_caches_seen(plan_input),
        registry_shrank=len(lacking) * 2 > len(remembered),
    )


def _caches_seen(plan_input: PlanInput) -> int:
    """Caches in all complete scopes together. After an event only its own scope was scanned; what
    earlier scans saw of the others stands in, since one scope becoming empty is ordinary."""
    complete = [result for result in plan_input.results if isinstance(result, Complete)]
    seen = sum(len(result.caches) for result in complete)
    if not plan_input.targets.part.from_event:
        return seen
    scanned = {result.scope for result in complete}
    remembered = plan_input.state.caches.values()
    return seen + sum(1 for cache in remembered if cache.scope not in scanned)


def _remembered_names(plan_input: PlanInput) -> set[ResourceName]:
    part = plan_input.targets.part.guard_filter
    return {
        name
        for name, registration in plan_input.state.registrations.items()
        if (parsed := parse_cache_arn(registration.arn)) is None or part.covers(parsed.scope)
    }


def _removed_in_window(observed: ObservedState, window: timedelta) -> int:
    """Removals younger than the window; those dated in the future count, whatever the clock did.

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


def _refused(draft: Draft, verdict: GuardVerdict) -> Item:
    """A removal taken back; a rename becomes the update it carries, under its present name."""
    item = draft.item
    if not item.removes or verdict.code is None:
        return item
    if draft.instead is not None and not draft.instead.removes:
        return draft.instead
    reason = Reason(verdict.code.value)
    return hold_instead(item, reason, f"{item.message}; {verdict.message}")
