"""What is remembered and told of names that something unseen holds (R10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.model.codes import Action
from discovery.model.values import UNKNOWN, Cache, ItemError, ResourceName
from discovery.plan.episodes import SweepRef
from discovery.plan.from_state import plan_input_from_state
from discovery.plan.history_entries import taken_entries
from discovery.plan.lookups import LookUp, NameState
from discovery.plan.next_state import taken_after
from discovery.plan.scan_memory import remembered_scopes
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter
from state.records import HistoryEntry, RememberedState, TakenName
from tests.support.plan_inputs import (
    TARGETS,
    WEST,
    arn_of,
    cache,
    failed,
    foreign,
    matcher,
    name_in,
    only,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import MINUTE, NOW, journaled, make_state, remembered

NAME = name_in("orders")
BEFORE = TakenName(name=NAME, arn=arn_of("orders"), since=NOW - 90 * MINUTE)


def known(**more: Any) -> RememberedState:
    return make_state(caches=[remembered(cache())], taken={NAME: BEFORE}, **more)


def after_sweep(
    *found: Cache, at: RememberedState, answer: LookUp = NameState.TAKEN, **more: Any
) -> tuple[tuple[TakenName, ...], tuple[HistoryEntry, ...]]:
    """What is remembered after a sweep, and what history gets."""
    under = more.pop("under", None)
    plan = plan_of(plan_input(*found, known=at, looked_up={NAME: answer}, **more), under)
    after = taken_after(plan.items, plan.observed, NOW)
    shown = taken_entries(after, plan.items, plan.observed, SweepRef("s", NOW))
    return after, shown


def test_a_name_is_remembered_from_the_first_look_that_found_it_taken() -> None:
    after, shown = after_sweep(cache(), at=make_state(caches=[remembered(cache())]))
    assert after == (TakenName(name=NAME, arn=arn_of("orders"), since=NOW),)
    assert [entry.message for entry in shown] == [
        f"the name {NAME} is taken by a resource that the list does not show"
    ]
    assert shown[0].reason == "NAME_TAKEN_UNSEEN"


def test_a_cache_seen_for_the_first_time_tells_it_by_its_first_sighting() -> None:
    after, shown = after_sweep(cache(), at=make_state())
    assert (len(after), shown) == (1, ())


def test_it_keeps_its_beginning_and_nothing_more_is_told() -> None:
    assert after_sweep(cache(), at=known()) == ((BEFORE,), ())


STAYS = [
    pytest.param((), {"instead": [failed(WEST)]}, id="its-scope-was-not-read"),
    pytest.param((cache(tags=UNKNOWN),), {"under": rules(matcher(tags={"a": "b"}))}, id="no-tags"),
]


@pytest.mark.parametrize(("found", "more"), STAYS)
def test_it_stays_while_nothing_is_learned_of_its_cache(
    found: tuple[Cache, ...], more: dict[str, Any]
) -> None:
    at = replace(known(), caches={})
    assert after_sweep(*found, at=at, **more) == ((BEFORE,), ())


ENDS = [
    pytest.param((cache(),), NameState.FREE, {}, "is free", id="free"),
    pytest.param((cache(),), NameState.TAKEN, {"listed": [foreign(NAME)]},
                 "is in the list now", id="listed"),
    pytest.param((cache(),), NameState.TAKEN, {"listed": [registered()]}, "is in the list now",
                 id="adopted"),
    pytest.param((), NameState.TAKEN, {}, "is not wanted any more", id="gone"),
    pytest.param((cache(tags=tagged(TeleportDatabaseName="other")),), NameState.TAKEN, {},
                 "is not wanted any more", id="wants-another-name"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "answer", "more", "end"), ENDS)
def test_its_end_is_told(
    found: tuple[Cache, ...], answer: LookUp, more: dict[str, Any], end: str
) -> None:
    after, shown = after_sweep(*found, at=known(), answer=answer, **more)
    assert after == ()
    assert [entry.message for entry in shown] == [
        f"the name {NAME}, taken unseen since 2026-11-23 07:30:00 UTC, {end}"
    ]
    assert (shown[0].arn, shown[0].scope, shown[0].name) == (arn_of("orders"), WEST, NAME)


def test_what_another_shard_looks_after_is_forgotten_without_a_word_of_its_scope() -> None:
    shards = (Shard(index, 2) for index in range(2))
    theirs = next(shard for shard in shards if not shard.owns(WEST.account_id))
    after, _ = after_sweep(
        at=known(), targets=replace(TARGETS, scope_filter=ScopeFilter(shard=theirs))
    )
    assert after == ()


def test_what_a_write_met_is_remembered_too() -> None:
    plan = plan_of(plan_input(cache(), known=make_state(), looked_up={NAME: NameState.FREE}))
    item = only(plan)
    assert item.action is Action.CREATE
    refused = only(plan_of(plan_input(cache(), looked_up={NAME: NameState.TAKEN})))
    met = replace(item, action=refused.action, reason=refused.reason)
    assert [each.name for each in taken_after([met], plan.observed, NOW)] == [NAME]
    failed_otherwise = replace(item, applied=False, error=ItemError("DENIED", "no", False))
    assert taken_after([failed_otherwise], plan.observed, NOW) == ()


def planned_from(state: RememberedState) -> tuple[str, str]:
    items = plan_of(plan_input_from_state(state, rules(), NOW)).items
    (item,) = [each for each in items if each.cache == "orders"]
    return item.action.value, item.reason.value


def from_scan(*found: Cache, **more: Any) -> RememberedState:
    scopes = remembered_scopes(plan_input(*found).results, RememberedState(), NOW)
    caches = [remembered(each, last_seen_at=NOW) for each in found]
    return make_state(caches=caches, scopes={each.scope: each for each in scopes}, **more)


def test_explain_plans_with_the_names_that_are_remembered() -> None:
    state = from_scan(cache(), taken={NAME: BEFORE})
    assert planned_from(state) == ("conflict", "NAME_TAKEN_UNSEEN")
    assert planned_from(replace(state, taken={})) == ("create", "NEW")


@pytest.mark.parametrize("name", [NAME, ResourceName("old-db")])
def test_explain_knows_of_a_registration_that_the_list_did_not_show(name: ResourceName) -> None:
    ours = registered(name=name)
    state = from_scan(cache(), registrations=[journaled(ours)])
    taken = {name: replace(BEFORE, name=name)}
    assert planned_from(replace(state, taken=taken)) == ("conflict", "NAME_TAKEN_UNSEEN")
