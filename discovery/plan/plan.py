"""The plan: every cache and registration with one action and one reason (R4). Pure.

Read top to bottom: found caches, registrations whose cache was not found, registrations that
cannot be ours; then the guard takes removals back, all or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from discovery.codes import Reason
from discovery.model import Complete, ResourceName
from discovery.plan.checksum import checksum_of
from discovery.plan.conflicts import conflict_items
from discovery.plan.defect import defect
from discovery.plan.desired import Wanted
from discovery.plan.diff import item_for, unreadable_item, wants_other_name
from discovery.plan.diff_missing import item_for_missing
from discovery.plan.inputs import Found, Situation, Survey, survey_of
from discovery.plan.item import Item, in_order, taken_back
from discovery.plan.name_conflicts import Contender, Loss, settle
from discovery.plan.ownership import parse_cache_arn
from discovery.plan.registration_index import Owned
from discovery.plan.removal_guard import Evidence, GuardVerdict, judge_removals
from discovery.plan.rules import Rules
from state.records import IntentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sweep at this moment does, before proof."""

    items: tuple[Item, ...]
    guard: GuardVerdict
    checksum: str
    survey: Survey


def make_plan(situation: Situation, rules: Rules) -> Plan:
    """The total, ordered plan. Same inputs, same plan, same checksum."""
    survey = survey_of(situation, rules)
    drafts = tuple(_drafts(survey, rules))
    evidence = _evidence(survey, rules.budget.window)
    planned = sum(1 for draft in drafts if draft.item.removes)
    verdict = judge_removals(planned, evidence, rules.budget)
    items = in_order(_refused(each, verdict) if verdict.refused else each.item for each in drafts)
    return Plan(items=items, guard=verdict, checksum=checksum_of(items), survey=survey)


@dataclass(frozen=True, slots=True)
class Draft:
    """An item, and what is done instead when the guard refuses removals."""

    item: Item
    instead: Item | None = None
    """An update under the present name, for a rename that carries other changes too."""


def _drafts(survey: Survey, rules: Rules) -> Iterator[Draft]:
    losses = settle(_contenders(survey), survey.registry, survey.taken)
    for found in survey.found:
        yield _draft_of_found(found, losses.get(found.arn), survey, rules)
    seen = survey.arns_found
    for arn, owned in survey.registry.ours.items():
        if arn not in seen:
            yield _draft_of_missing(owned, survey, rules)
    shown = frozenset(loss.holder for loss in losses.values() if loss.holder is not None)
    for item in conflict_items(survey, shown):
        yield Draft(item)


def _draft_of_found(found: Found, loss: Loss | None, survey: Survey, rules: Rules) -> Draft:
    try:
        return Draft(*item_for(found, loss, survey, rules))
    except Exception as error:
        cache = found.facts.cache
        text = defect("it", "judged", error)
        return Draft(unreadable_item(cache, found.live, text, cache))


def _draft_of_missing(owned: Owned, survey: Survey, rules: Rules) -> Draft:
    try:
        return Draft(item_for_missing(owned, survey, rules))
    except Exception as error:
        text = defect("it", "judged", error)
        return Draft(unreadable_item(owned.cache, owned, text))


def _contenders(survey: Survey) -> Iterator[Contender]:
    for found in survey.found:
        if isinstance(found.wish, Wanted) and wants_other_name(found, survey.registry):
            present = found.live.database.name if found.live is not None else None
            yield Contender(found.arn, found.wish.name, present)


def _evidence(survey: Survey, window: timedelta) -> Evidence:
    situation = survey.situation
    remembered = _remembered_names(situation)
    listed = {
        owned.database.name
        for owned in (*survey.registry.ours.values(), *survey.registry.duplicates)
        if situation.targets.part.weighed.covers(owned.cache.scope)
    }
    lacking = remembered - {database.name for database in situation.listed}
    return Evidence(
        population=max(len(listed), len(remembered)),
        removed_in_window=_removed_in_window(survey, window),
        caches_seen=_caches_seen(situation),
        registry_shrank=len(lacking) * 2 > len(remembered),
    )


def _caches_seen(situation: Situation) -> int:
    """Caches in all complete scopes together. After an event only its own scope was scanned; what
    earlier scans saw of the others stands in, since one scope becoming empty is ordinary."""
    complete = [result for result in situation.results if isinstance(result, Complete)]
    seen = sum(len(result.caches) for result in complete)
    if not situation.targets.part.by_event:
        return seen
    scanned = {result.scope for result in complete}
    remembered = situation.memory.caches.values()
    return seen + sum(1 for cache in remembered if cache.scope not in scanned)


def _remembered_names(situation: Situation) -> set[ResourceName]:
    part = situation.targets.part.weighed
    return {
        name
        for name, registration in situation.memory.registrations.items()
        if (parsed := parse_cache_arn(registration.arn)) is None or part.covers(parsed.scope)
    }


def _removed_in_window(survey: Survey, window: timedelta) -> int:
    """Removals younger than the window; those dated in the future count, whatever the clock did.

    A rename that is half done is counted as planned, so its open intent is left out here.
    """
    situation = survey.situation
    oldest = situation.now - window
    recent = sum(1 for at in situation.memory.removals if at > oldest)
    half_done = sum(
        1
        for each in situation.memory.open_intents
        if each.intent.kind is IntentKind.RENAME
        and each.intent.arn in survey.registry.half_renamed
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
    return taken_back(item, reason, f"{item.message}; {verdict.message}")
