"""What holds of every plan, whatever the cloud, the registry and the memory look like (R4)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from discovery.model.codes import REASONS_OF, Action, Reason
from discovery.model.values import Arn, Cache, Complete, Scanned, Scope, Tags
from discovery.plan.plan import make_plan
from discovery.plan.rules import WritePolicy
from tests.support.pure_cloud import (
    ACCOUNTS,
    BY_HAND,
    NOW,
    NOWHERE,
    OVERRIDES,
    SCOPES,
    STRANGE,
    World,
    all_complete,
    any_results,
    mostly,
    ours,
    part,
    rules,
    stranger,
    strangers,
)

Results = tuple[Scanned, ...]

pytestmark = pytest.mark.slow


@st.composite
def lived_in(
    draw: st.DrawFn, results: Callable[[], st.SearchStrategy[Results]] = all_complete
) -> World:
    """A world with strangers in it that one or two sweeps have already gone through."""
    world = World({each.name: each for each in draw(strangers())})
    for _ in range(draw(mostly(1, 2, 0))):
        _, world = world.sweep(draw(results()), rules())
    return world


@given(lived_in(any_results), any_results())
def test_every_cache_and_registration_is_one_item_with_a_reason_of_its_action(
    world: World, results: Results
) -> None:
    plan = make_plan(world.plan_input(results), rules())
    found = [cache.arn for each in results if isinstance(each, Complete) for cache in each.caches]
    names = [item.live.name for item in plan.items if item.live is not None]
    assert sorted(str(item.arn) for item in plan.items if item.found is not None) == sorted(found)
    assert sorted(names) == sorted(set(names))
    assert set(ours(world.listed)) <= set(names)
    for item in plan.items:
        assert item.reason in REASONS_OF[item.action]
        assert item.message
    assert [item.sort_key for item in plan.items] == sorted(item.sort_key for item in plan.items)


@given(lived_in(), all_complete())
def test_a_plan_that_was_applied_leaves_nothing_to_do(world: World, results: Results) -> None:
    first, world = world.sweep(results, rules())
    second, world = world.sweep(results, rules())
    freed = any(item.removes for item in first.items)
    event("a name was freed" if freed else "no name was freed")
    if freed:  # somebody may have waited for a name that stood in the list at the start (R12)
        second, world = world.sweep(results, rules())
        second, world = world.sweep(results, rules())
    assert [item for item in second.items if item.action.writes] == []


@given(lived_in(any_results), any_results(), st.randoms(use_true_random=False))
def test_the_order_of_inputs_is_irrelevant(
    world: World, results: Results, chance: random.Random
) -> None:
    shuffled = [
        replace(each, caches=tuple(chance.sample(each.caches, len(each.caches))))
        if isinstance(each, Complete)
        else each
        for each in chance.sample(results, len(results))
    ]
    # Two in one name but for case: whichever is listed first, the same one is told of.
    twins = {"shared": STRANGE[0], "SHARED": STRANGE[2]}
    strange = {name: stranger(name, *twin) for name, twin in twins.items()}
    world = replace(world, listed={**strange, **world.listed})
    listed = list(world.listed.items())
    other = replace(world, listed=dict(chance.sample(listed, len(listed))))
    one = make_plan(world.plan_input(results), rules())
    two = make_plan(other.plan_input(shuffled), rules())
    assert (one.items, one.guard, one.checksum) == (two.items, two.guard, two.checksum)


@given(lived_in(), any_results())
def test_nothing_in_a_scope_that_was_not_read_is_changed(world: World, results: Results) -> None:
    unread = {each.scope for each in results if not isinstance(each, Complete)}
    plan = make_plan(world.plan_input(results), rules(removes_out_of_scope=True))
    assert [item for item in plan.items if item.action.writes and item.scope in unread] == []


@given(lived_in(any_results), any_results())
def test_nothing_foreign_is_written(world: World, results: Results) -> None:
    _, after = world.sweep(results, rules())
    foreign = {name: each for name, each in world.listed.items() if each.description == BY_HAND}
    assert foreign.items() <= after.listed.items()


PARTS = (*SCOPES, *(Scope(account, None) for account in ACCOUNTS), NOWHERE)
"""What `--only` may name: a scope, a whole account, something that is not configured."""


@given(
    lived_in(),
    any_results(),
    st.sets(st.sampled_from(PARTS), min_size=1, max_size=2),
    st.sets(st.sampled_from(SCOPES)),
)
def test_with_only_and_pruning_nothing_outside_that_part_is_removed(
    world: World, results: Results, only: set[Scope], taken: set[Scope]
) -> None:
    """`taken`: scopes that the configuration names no more."""

    def inside(scope: Scope) -> bool:
        accounts = {each.account_id for each in only if each.region is None}
        return scope in only or scope.account_id in accounts

    targets = part(*only, without=taken)
    seen = [each for each in results if inside(each.scope) and each.scope not in taken]
    plan = make_plan(world.plan_input(seen, targets=targets), rules(removes_out_of_scope=True))
    removed = [item for item in plan.items if item.action.writes]
    event(f"{len([item for item in removed if item.reason is Reason.OUT_OF_SCOPE])} pruned")
    assert all(inside(item.scope) for item in removed)


Limits = tuple[int, int, int]


def limits() -> st.SearchStrategy[Limits]:
    """`max_count`, `max_percent`, `min_allowed`; mostly it is the percentage that decides."""
    return st.tuples(mostly(9, 0, 1, 2), st.sampled_from([0, 25, 34, 50, 67, 100]), mostly(0, 1, 2))


@given(
    lived_in(),
    all_complete(),
    limits(),
    limits(),
)
def test_tightening_a_limit_never_lets_more_through(
    world: World, results: Results, one: Limits, two: Limits
) -> None:
    def removals(limits: Limits) -> set[Arn | None]:
        count, percent, allowed = limits
        budget = replace(rules().budget, max_count=count, max_percent=percent, min_allowed=allowed)
        plan = make_plan(world.plan_input(results), rules(budget=budget))
        return {item.arn for item in plan.items if item.removes}

    population = len(ours(world.listed))
    event(f"{population} registered")
    tight = (min(one[0], two[0]), min(one[1], two[1]), min(one[2], two[2]))
    assert removals(tight) <= removals(one)
    assert len(removals(one)) <= min(one[0], max(one[2], population * one[1] // 100))


@given(lived_in(any_results), any_results())
def test_one_name_one_cache(world: World, results: Results) -> None:
    _, after = world.sweep(results, rules())
    new = {name: arn for name, arn in ours(after.listed).items() if name not in world.listed}
    folded = [name.casefold() for name in after.listed]
    for name, arn in new.items():
        assert folded.count(name.casefold()) == 1
        twins = [each for each, other in ours(after.listed).items() if other == arn]
        before = [each for each, other in ours(world.listed).items() if other == arn]
        assert len(twins) <= max(1, len(before))


@st.composite
def renaming(draw: st.DrawFn) -> tuple[World, Results]:
    """A world that was swept, and its caches when some have been given another name by tag."""
    first = draw(all_complete())
    _, world = World({each.name: each for each in draw(strangers())}).sweep(first, rules())
    names = st.sampled_from(["other", "third", "shared", "", *OVERRIDES])

    def retagged(cache: Cache) -> Cache:
        if not isinstance(cache.tags, Tags) or draw(st.booleans()):
            return cache
        tags = {**cache.tags.values, "TeleportDatabaseName": draw(names)}
        return replace(cache, tags=replace(cache.tags, values=tags))

    return world, tuple(
        replace(each, caches=tuple(retagged(cache) for cache in each.caches))
        for each in first
        if isinstance(each, Complete)
    )


@given(renaming())
def test_after_a_rename_exactly_one_of_both_names_stands(
    lot: tuple[World, Results],
) -> None:
    world, results = lot
    plan, after = world.sweep(results, rules())
    renames = [item for item in plan.items if item.reason is Reason.RENAMED]
    event(f"{len(renames)} renames")
    for item in renames:
        assert item.live is not None
        assert item.live.name not in after.listed
        assert item.name in after.listed


@given(lived_in(), all_complete())
def test_losing_the_state_file_removes_nothing_and_registers_nothing_twice(
    world: World, results: Results
) -> None:
    plan, after = world.forgetful().sweep(results, rules())
    assert [item for item in plan.items if item.action is Action.DELETE] == []
    arns_before = set(ours(world.listed).values())
    assert arns_before <= set(ours(after.listed).values())
    assert arns_before <= {item.arn for item in plan.items if item.live is not None}
    assert len(ours(after.listed)) == len(ours(world.listed)) + sum(
        1 for item in plan.items if item.action is Action.CREATE
    )


@given(lived_in(), all_complete())
def test_an_edit_of_matchers_never_removes_at_once(world: World, results: Results) -> None:
    assume(world.state.finished_sweeps)
    nothing = rules(matchers=(), matching_digest="two")
    unmatched = {Reason.UNMATCHED, Reason.EXCLUDED}
    plan, world = world.sweep(results, nothing)
    assert [item for item in plan.items if item.reason in unmatched and item.removes] == []
    plan, world = world.sweep(results, nothing, now=NOW + timedelta(minutes=5))
    left = set(ours(world.listed).values())
    seen = {item.arn for item in plan.items if item.found is not None}
    held = {item.arn for item in plan.items if item.action is Action.HELD}
    conflicts = {item.arn for item in plan.items if item.action is Action.CONFLICT}
    assert left & seen <= held | conflicts


@given(lived_in(any_results), any_results())
def test_under_a_policy_without_removals_nothing_goes(world: World, results: Results) -> None:
    for policy, allowed in (
        ("upsert-only", {Action.CREATE, Action.UPDATE}),
        ("create-only", {Action.CREATE}),
    ):
        plan, after = world.sweep(results, rules(policy=WritePolicy(policy)))
        assert set(world.listed) <= set(after.listed)
        assert {item.action for item in plan.items if item.action.writes} <= allowed


@given(lived_in(), all_complete(), st.integers(1, 4), st.integers(0, 20))
def test_a_removal_needs_its_scans_and_its_grace(
    world: World, results: Results, scans: int, minutes: int
) -> None:
    slow = rules(missed_sweeps=scans, grace=timedelta(minutes=minutes))
    world = replace(world, state=replace(world.state, pending_removals={}))
    for sweep in range(scans + 5):
        now = NOW + timedelta(minutes=5 * sweep)
        plan, world = world.sweep(results, slow, now=now)
        for item in plan.items:
            if item.action is Action.DELETE and item.reason not in (
                Reason.DELETING,
                Reason.EXCLUDED,
            ):
                assert sweep + 1 >= scans
                assert timedelta(minutes=5 * sweep) >= timedelta(minutes=minutes)
