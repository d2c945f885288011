"""The guard over a whole plan: all removals are held, everything else goes on (R3, R10, R12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from discovery.model.codes import Action, GuardCode, Reason
from discovery.model.values import Cache, Database, Endpoint, Scope
from discovery.plan.item import Item
from discovery.plan.plan import Plan
from discovery.plan.rules import Budget
from discovery.plan.targets import ScopeFilter
from tests.support.plan_inputs import (
    ABROAD,
    EAST,
    TARGETS,
    WEST,
    budget,
    cache,
    failed,
    name_in,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import MINUTE, NOW, journaled, make_state, miss
from tests.support.plan_state import remembered as past_of

A, R, G = Action, Reason, GuardCode
NEVER = budget(max_count=0)


def gone(count: int, scope: Scope = WEST) -> list[Database]:
    """Registrations whose caches have been absent for long enough."""
    return [registered(cache(f"gone-{n}", scope)) for n in range(count)]


def planned(
    *found: Cache,
    listed: list[Database],
    limits: Budget | None = None,
    remembered: list[Database] | None = None,
    world: dict[str, Any] | None = None,
    under: dict[str, Any] | None = None,
    **known: Any,
) -> Plan:
    journal = [journaled(each) for each in (listed if remembered is None else remembered)]
    pending_removals = [miss(each, R.ABSENT) for each in listed]
    at = make_state(registrations=journal, pending_removals=pending_removals, **known)
    moment = plan_input(*found, listed=listed, known=at, **(world or {}))
    return plan_of(moment, rules(budget=limits or budget(), **(under or {})))


def outcomes(plan: Plan) -> list[tuple[str | None, Action, Reason]]:
    return [(item.cache, item.action, item.reason) for item in plan.items]


NEW = cache("new", EAST)


def test_a_refusal_holds_every_removal_and_nothing_else() -> None:
    live = registered(cache("tagged"))
    plan = planned(NEW, cache("tagged", tags=tagged(env="prod")), listed=[*gone(3), live])
    assert plan.guard.code is G.GUARD_PERCENT
    assert outcomes(plan) == [
        ("gone-0", A.HELD, R.GUARD_PERCENT),
        ("gone-1", A.HELD, R.GUARD_PERCENT),
        ("gone-2", A.HELD, R.GUARD_PERCENT),
        ("tagged", A.UPDATE, R.LABELS_CHANGED),
        ("new", A.CREATE, R.NEW),
    ]


def test_a_held_removal_keeps_its_grounds_so_that_its_misses_are_counted() -> None:
    item = planned(NEW, listed=gone(3)).items[0]
    assert (item.removal_reason, item.changes, item.database) == (R.ABSENT, (), item.live)
    assert item.missed is not None
    assert item.missed.scans == 2
    assert item.message.startswith("a complete scan of 111122223333/eu-west-1 does not show the")
    assert "none of the 3 planned was made" in item.message


@pytest.mark.parametrize(
    ("ages", "removed"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([1, 59], 2, id="within"),
        pytest.param([60], 0, id="as-old-as-the-window"),
        pytest.param([61, 999], 0, id="older"),
        pytest.param([-5], 1, id="in-the-future-whatever-the-clock-did"),
    ],
)
def test_removals_within_the_window_share_the_budget(ages: list[int], removed: int) -> None:
    plan = planned(NEW, listed=gone(1), removals=tuple(NOW - age * MINUTE for age in ages))
    assert plan.guard.removals == 1 + removed
    assert plan.guard.window == timedelta(hours=1)


@pytest.mark.parametrize(
    ("listed", "remembered", "population"),
    [
        pytest.param(gone(3), gone(3), 3, id="equal"),
        pytest.param(gone(3), [], 3, id="listed-is-larger"),
        pytest.param(gone(2), gone(3), 3, id="remembered-is-larger"),
        pytest.param([*gone(2), registered(cache("gone-0"), name="twin")], [], 3, id="duplicates"),
        pytest.param([registered(labels={"cachemuster/group": "dev"})], [], 0, id="not-ours"),
        pytest.param([registered(spec={"aws": {}})], [], 0, id="disagreeing"),
    ],
)
def test_the_population_is_the_larger_of_listed_and_remembered(
    listed: list[Database], remembered: list[Database], population: int
) -> None:
    plan = planned(NEW, listed=listed, remembered=remembered)
    assert plan.guard.population == population


def test_the_population_is_that_of_this_part_of_the_run() -> None:
    listed = [*gone(2), *gone(3, EAST), *gone(4, ABROAD)]
    part = replace(TARGETS, scope_filter=ScopeFilter(only=(EAST,)))
    assert planned(NEW, listed=listed, world={"targets": part}).guard.population == 3


@pytest.mark.parametrize(
    ("found", "instead", "code"),
    [
        pytest.param([], [], G.GUARD_EMPTY, id="no-cache-in-any-complete-scope"),
        pytest.param([NEW], [], None, id="one-scope-becoming-empty-is-ordinary"),
        pytest.param([], [failed(EAST)], G.GUARD_EMPTY, id="a-failed-scope-holds-none"),
        pytest.param([cache("m", EAST, engine="memcached")], [], None, id="any-cache-counts"),
    ],
)
def test_an_empty_cloud_is_not_believed(
    found: list[Cache], instead: list[Any], code: GuardCode | None
) -> None:
    plan = planned(*found, listed=gone(1), world={"instead": instead})
    assert plan.guard.code is code
    assert plan.items[0].action is (A.HELD if code else A.DELETE)


@pytest.mark.parametrize(
    ("remembered", "listed", "shrank"),
    [
        pytest.param(4, 2, False, id="half-is-there"),
        pytest.param(4, 1, True, id="more-than-half-is-lacking"),
        pytest.param(3, 1, True, id="two-of-three"),
        pytest.param(1, 0, True, id="the-only-one"),
        pytest.param(0, 0, False, id="nothing-remembered"),
    ],
)
def test_a_list_that_lacks_more_than_half_has_shrunk(
    remembered: int, listed: int, shrank: bool
) -> None:
    everything = gone(remembered)
    plan = planned(NEW, listed=everything[:listed], remembered=everything)
    assert (plan.guard.code is G.REGISTRY_SHRANK) is shrank
    assert ("new", A.CREATE, R.NEW) in outcomes(plan)
    held = (A.HELD, R.REGISTRY_SHRANK)
    assert [(i.action, i.reason) for i in plan.items[:-1]] == [
        held if shrank else (A.DELETE, R.ABSENT)
    ] * listed


def test_registered_by_hand_no_more_it_is_registered_anew_though_the_list_has_shrunk() -> None:
    """Everything was unregistered behind our back, names changed, and nothing ever came back."""
    everything = [*gone(3), registered(NEW, name="its-old-name")]
    plan = planned(NEW, listed=[], remembered=everything)
    assert plan.guard.code is G.REGISTRY_SHRANK
    assert outcomes(plan) == [("new", A.CREATE, R.NEW)]
    assert plan.items[0].unlisted == "its-old-name"  # looked for before it is written


def test_registrations_of_other_parts_say_nothing_about_this_list() -> None:
    everything = [*gone(3), *gone(1, EAST)]
    part = replace(TARGETS, scope_filter=ScopeFilter(only=(EAST,)))
    kept = planned(
        NEW, listed=everything[3:], remembered=everything, world={"targets": part}
    )  # fmt: skip
    assert kept.guard.code is None


# After an event one scope alone is scanned, and the whole part of the process is weighed.

BY_EVENT = replace(TARGETS, scope_filter=ScopeFilter(only=(WEST,), from_event=True))
ELSEWHERE = [past_of(cache("far", EAST))]


def test_after_an_event_the_population_is_that_of_the_whole_process() -> None:
    listed = [*gone(2), *gone(3, EAST), *gone(4, ABROAD)]
    plan = planned(NEW, listed=listed, world={"targets": BY_EVENT})
    assert plan.guard.population == 9
    assert plan.guard.removals == 2


def test_after_an_event_one_scope_becoming_empty_is_ordinary() -> None:
    listed = [*gone(1), *gone(9, EAST)]
    plan = planned(listed=listed, world={"targets": BY_EVENT}, caches=ELSEWHERE)
    assert plan.guard.code is None
    assert (A.DELETE, R.ABSENT) in {(item.action, item.reason) for item in plan.items}


def test_after_an_event_the_only_scope_that_held_anything_is_not_believed_empty() -> None:
    plan = planned(listed=gone(2), world={"targets": BY_EVENT}, caches=[past_of(cache("gone-0"))])
    assert plan.guard.code is G.GUARD_EMPTY


def test_after_an_event_the_removals_of_others_within_the_window_count() -> None:
    before = tuple(NOW - MINUTE for _ in range(20))
    plan = planned(
        NEW, listed=gone(1), world={"targets": BY_EVENT}, caches=ELSEWHERE, removals=before
    )  # fmt: skip
    assert plan.guard.code is G.GUARD_PERCENT


# Renames and changes of origin count as removals.

LIVE = registered()
RENAMED = cache(tags=tagged(TeleportDatabaseName="shared"))
MOVED = Endpoint("orders-zzz.serverless.euw1.cache.amazonaws.com", 6379)


def one(found: Cache, limits: Budget, **under: Any) -> tuple[Item, Plan]:
    plan = planned(found, listed=[LIVE], limits=limits, under=under)
    return plan.items[0], plan


def test_a_rename_counts_one_removal() -> None:
    item, plan = one(RENAMED, budget())
    assert (item.reason, item.removes, plan.guard.removals) == (R.RENAMED, True, 1)


def test_a_refused_rename_becomes_the_update_it_carries_under_the_old_name() -> None:
    item, plan = one(replace(RENAMED, endpoint=MOVED), NEVER)
    assert plan.guard.refused
    assert (item.action, item.reason) == (A.UPDATE, R.URI_CHANGED)
    assert (item.name, item.previous_name) == (LIVE.name, None)
    assert item.database is not None
    assert item.database.name == LIVE.name
    assert item.database.uri == MOVED.uri
    assert item.database.labels["teleport.internal/discovered-name"] == "orders"


def test_a_refused_rename_without_other_changes_is_held() -> None:
    live = registered(RENAMED)
    plan = planned(
        RENAMED, listed=[live], limits=NEVER, under={"named_by_tag": False}
    )  # fmt: skip
    (item,) = plan.items
    assert (item.action, item.reason) == (A.HELD, R.GUARD_COUNT)
    assert (item.name, item.previous_name, item.database, item.changes) == (
        "shared",
        None,
        live,
        (),
    )


def test_a_change_of_origin_counts_one_removal() -> None:
    item, plan = one(cache(), budget(), origin="cloud")
    assert (item.action, item.replaces, plan.guard.removals) == (A.UPDATE, True, 1)
    assert item.name == name_in("orders")


def test_a_refused_change_of_origin_is_held() -> None:
    item, _ = one(cache(), NEVER, origin="cloud")
    assert (item.action, item.reason, item.replaces) == (A.HELD, R.GUARD_COUNT, False)
    assert (item.database, item.changes) == (LIVE, ())


def test_a_rename_and_a_change_of_origin_at_once_are_one_removal() -> None:
    item, plan = one(RENAMED, budget(), origin="cloud")
    assert (item.reason, item.replaces, plan.guard.removals) == (R.RENAMED, False, 1)
    refused, _ = one(RENAMED, NEVER, origin="cloud")
    assert (refused.action, refused.reason, refused.name) == (A.HELD, R.GUARD_COUNT, LIVE.name)


def test_the_checksum_is_that_of_the_plan_after_the_guard() -> None:
    refused = planned(NEW, listed=gone(3))
    nothing_to_remove = planned(NEW, listed=[])
    assert refused.checksum == nothing_to_remove.checksum
