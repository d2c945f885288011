"""The plan: every cache and registration with one action and one reason (R4). Pure.

`make_plan` reads top to bottom: decide once what becomes of each found cache; decide which cache
gets a name that several want; make an item of each decision, of each registration whose cache was
not found, and of each that does not count; then let the write policy and the guard hold items back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from discovery.model.codes import Action, Reason
from discovery.model.values import Arn
from discovery.plan.classify import Decision, DecisionKind, classify
from discovery.plan.defect import defect
from discovery.plan.diff import plan_cache, unreadable_item
from discovery.plan.diff_missing import conflict_items, item_for_missing
from discovery.plan.inputs import ObservedCache, ObservedState, PlanInput, observe
from discovery.plan.item import Draft, Item, checksum_of, hold_instead, in_order
from discovery.plan.name_conflicts import NameRefusal, resolve_name_conflicts
from discovery.plan.owners import with_owners
from discovery.plan.registration_index import Owned, RegistrationIndex
from discovery.plan.removal_guard import GuardVerdict, guard_input, judge_removals
from discovery.plan.rules import Rules, WritePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sweep at this moment would do, before AWS is asked to confirm removals."""

    items: tuple[Item, ...]
    guard: GuardVerdict
    checksum: str
    observed: ObservedState


def make_plan(plan_input: PlanInput, rules: Rules) -> Plan:
    """Make the total, ordered plan. Same inputs, same plan, same checksum."""
    observed = observe(plan_input, rules)
    decisions = tuple(_classify_or_block(found, observed.registry) for found in observed.found)
    refusals = resolve_name_conflicts(decisions, observed.registry, observed.taken)
    drafts = _drafts(decisions, refusals, observed, rules)
    allowed = tuple(apply_write_policy(draft, rules.policy) for draft in drafts)
    planned = sum(1 for draft in allowed if draft.item.removes)
    evidence = guard_input(observed, rules.budget.window)
    verdict = judge_removals(planned, evidence, rules.budget)
    judged = in_order(_apply_guard(draft, verdict) for draft in allowed)
    items = with_owners(judged, plan_input.state.caches, rules)
    return Plan(items=items, guard=verdict, checksum=checksum_of(items), observed=observed)


def _classify_or_block(found: ObservedCache, registry: RegistrationIndex) -> Decision:
    try:
        return classify(found, registry)
    except Exception as error:
        text = defect("it", "judged", error)
        return Decision(found, DecisionKind.BLOCK, Reason.UNREADABLE, text)


def _drafts(
    decisions: Sequence[Decision],
    refusals: Mapping[Arn, NameRefusal],
    observed: ObservedState,
    rules: Rules,
) -> Iterator[Draft]:
    for decision in decisions:
        yield _draft_of_found(decision, refusals.get(decision.arn), observed, rules)
    seen = observed.arns_found
    for arn, owned in observed.registry.ours.items():
        if arn not in seen:
            yield _draft_of_missing(owned, observed, rules)
    finished = {each.arn for each in decisions if each.kind is DecisionKind.FINISH_RENAME}
    shown = {each.holder for each in refusals.values() if each.holder is not None}
    for item in conflict_items(observed, finished=finished, shown=shown):
        yield Draft(item)


def _draft_of_found(
    decision: Decision, refusal: NameRefusal | None, observed: ObservedState, rules: Rules
) -> Draft:
    try:
        return plan_cache(decision, refusal, observed, rules)
    except Exception as error:
        cache = decision.found.facts.cache
        text = defect("it", "judged", error)
        return Draft(unreadable_item(cache, decision.found.live, text, cache))


def _draft_of_missing(owned: Owned, observed: ObservedState, rules: Rules) -> Draft:
    try:
        return item_for_missing(owned, observed, rules)
    except Exception as error:
        text = defect("it", "judged", error)
        return Draft(unreadable_item(owned.cache, owned, text))


def apply_write_policy(draft: Draft, policy: WritePolicy) -> Draft:
    """Replace an item that the write policy does not allow by one that changes less."""
    item = draft.item
    if policy is WritePolicy.SYNC or not _is_refused(item, policy):
        return draft
    if draft.if_policy_refuses is not None:
        return Draft(draft.if_policy_refuses)
    text = _policy_text(draft, policy)
    return Draft(hold_instead(item, Reason.POLICY, text))


def _is_refused(item: Item, policy: WritePolicy) -> bool:
    if item.removes or item.reason is Reason.WAITING:
        return True
    return item.action is Action.UPDATE and policy is not WritePolicy.UPSERT_ONLY


def _policy_text(draft: Draft, policy: WritePolicy) -> str:
    item, named = draft.item, f"policy {policy.value}"
    if item.finishes:
        return (
            f"an interrupted rename left both names; {named} removes neither; set policy: sync to "
            "finish it"
        )
    if item.action is not Action.UPDATE:
        cause = draft.cause or item.message
        return f"{cause}; {named} never removes; set policy: sync to remove it"
    enough = "sync" if item.removes else "sync or upsert-only"
    return f"{item.message}; {named} does not allow it; set policy: {enough}"


def _apply_guard(draft: Draft, verdict: GuardVerdict) -> Item:
    """Hold back every removal once the guard refuses; a rename becomes the update it carries."""
    item = draft.item
    if not item.removes or verdict.code is None:
        return item
    if draft.if_guard_refuses is not None and not draft.if_guard_refuses.removes:
        return draft.if_guard_refuses
    reason = Reason(verdict.code.value)
    return hold_instead(item, reason, f"{item.message}; {verdict.message}")
