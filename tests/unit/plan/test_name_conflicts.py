"""Who gets a name that is taken, or that several caches want (R7, R12)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from discovery.model.codes import Action, NoteCode, Reason
from discovery.model.values import AccountId, Cache, Database, Region, Scope
from discovery.plan.item import Item
from matchers.matcher import IamUsers
from tests.support.plan_inputs import (
    EAST,
    UNREADY,
    cache,
    foreign,
    matcher,
    name_in,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import journaled, make_state

A, R = Action, Reason
NAME = name_in("orders")


def named(cache_name: str, tag: str) -> Cache:
    return cache(cache_name, tags=tagged(TeleportDatabaseName=tag))


def outcomes(
    *caches: Cache, listed: Iterable[Database] = ()
) -> dict[str | None, tuple[Action, Reason]]:
    ours = [each for each in listed if "cachemuster/arn" in each.labels]
    known = make_state(registrations=[journaled(each) for each in ours])
    plan = plan_of(plan_input(*caches, listed=listed, known=known))
    return {item.cache: (item.action, item.reason) for item in plan.items}


CREATED, COLLISION = (A.CREATE, R.NEW), (A.BLOCKED, R.NAME_COLLISION)
KEPT, RENAMED = (A.KEEP, R.UNCHANGED), (A.UPDATE, R.RENAMED)


@pytest.mark.parametrize(
    ("caches", "expected"),
    [
        pytest.param([cache(), cache("users")], [CREATED, CREATED], id="nobody-contends"),
        pytest.param(
            [named("a", "shared"), named("b", "shared")], [COLLISION, COLLISION], id="two-tags"
        ),
        pytest.param(
            [named("a", "shared"), named("b", "SHARED")], [COLLISION, COLLISION], id="but-for-case"
        ),
        pytest.param(
            [cache(), named("thief", NAME)], [CREATED, COLLISION], id="generated-beats-tag"
        ),
        pytest.param(
            [cache(), named("thief", NAME.upper())], [CREATED, COLLISION], id="in-any-case"
        ),
        pytest.param(
            [cache(), named("a", NAME), named("b", NAME)],
            [CREATED, COLLISION, COLLISION],
            id="generated-beats-two-tags",
        ),
        pytest.param(
            [cache("x"), cache("x-elasticache-serverless-eu-west-1")],
            [COLLISION, COLLISION],
            id="two-generated-names-collide",
        ),
        pytest.param(
            [named("a", "shared"), named("b", "shared"), named("c", "other")],
            [COLLISION, COLLISION, CREATED],
            id="a-third-is-not-drawn-in",
        ),
    ],
)
def test_between_new_caches(caches: list[Cache], expected: list[tuple[Action, Reason]]) -> None:
    found = outcomes(*caches)
    assert [found[each.name] for each in caches] == expected
    assert outcomes(*reversed(caches)) == found


def test_both_losers_are_told_of_each_other_and_of_the_way_out() -> None:
    a, b = named("a", "shared"), named("b", "shared")
    messages = [item.message for item in plan_of(plan_input(a, b)).items]
    assert messages == [
        f"{other.arn} wants the name shared too; "
        "give one of them another name with the tag TeleportDatabaseName"
        for other in (b, a)
    ]


USERS = cache("users")
MISMATCH = registered(USERS, name="shared", spec={"aws": {}})
THEIRS = registered(USERS, name="shared", labels={"cachemuster/group": "dev"})


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        pytest.param(foreign("shared"), (A.CONFLICT, R.FOREIGN), id="foreign"),
        pytest.param(foreign("Shared"), (A.CONFLICT, R.FOREIGN), id="foreign-in-other-case"),
        pytest.param(THEIRS, (A.CONFLICT, R.OTHER_GROUP), id="another-group"),
        pytest.param(MISMATCH, (A.CONFLICT, R.IDENTITY_MISMATCH), id="disagrees-with-itself"),
        pytest.param(registered(USERS, name="shared"), COLLISION, id="ours-for-another-cache"),
        pytest.param(registered(USERS, name="SHARED"), COLLISION, id="ours-in-other-case"),
    ],
)
def test_a_new_cache_does_not_get_a_name_that_is_taken(
    holder: Database, expected: tuple[Action, Reason]
) -> None:
    thief = named("thief", "shared")
    assert outcomes(thief, listed=[holder])["thief"] == expected


def test_the_registered_one_keeps_the_name_even_against_a_generated_one() -> None:
    shared = named("users", NAME)
    found = outcomes(cache(), shared, listed=[registered(shared)])
    assert found == {"orders": COLLISION, "users": KEPT}


def test_the_registered_one_keeps_it_even_while_it_goes() -> None:
    """Its cache is absent; the name is free for others once it has been removed."""
    gone = registered(named("gone", "shared"))
    assert outcomes(named("a", "shared"), listed=[gone])["a"] == COLLISION


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        pytest.param(None, RENAMED, id="free"),
        pytest.param(foreign("shared"), COLLISION, id="foreign"),
        pytest.param(THEIRS, COLLISION, id="another-group"),
        pytest.param(MISMATCH, COLLISION, id="disagrees-with-itself"),
        pytest.param(registered(USERS, name="shared"), COLLISION, id="ours-for-another-cache"),
        pytest.param(registered(name="shared"), COLLISION, id="its-own-duplicate"),
    ],
)
def test_a_rename_needs_its_new_name_free(
    holder: Database | None, expected: tuple[Action, Reason]
) -> None:
    live = registered()
    known = make_state(registrations=[journaled(live)])
    listed = [live] + ([holder] if holder is not None else [])
    plan = plan_of(plan_input(named("orders", "shared"), listed=listed, known=known))
    item = next(each for each in plan.items if each.live == live)
    assert (item.action, item.reason) == expected
    if expected is COLLISION:
        assert (item.name, item.database) == (live.name, live)
        assert item.message.startswith("it is to be named shared, but ")


def test_a_rename_to_another_case_of_its_own_name_is_no_collision() -> None:
    live = registered(named("orders", "shared"))
    assert outcomes(named("orders", "Shared"), listed=[live]) == {"orders": RENAMED}


def test_two_registrations_that_want_each_others_name_both_stay() -> None:
    live = [registered(named("a", "one")), registered(named("b", "two"))]
    found = outcomes(named("a", "two"), named("b", "one"), listed=live)
    assert found == {"a": COLLISION, "b": COLLISION}


def test_a_new_cache_and_a_rename_contend_as_equals() -> None:
    live = registered(cache("b"))
    found = outcomes(named("a", "shared"), named("b", "shared"), listed=[live])
    assert found == {"a": COLLISION, "b": COLLISION}


def test_a_cache_that_may_not_be_registered_takes_no_name_from_others() -> None:
    strict = matcher("strict", names="a", iam_users=IamUsers.REQUIRE)
    caches = named("a", "shared"), named("b", "shared")
    plan = plan_of(plan_input(*caches, users=UNREADY), rules(strict, matcher()))
    assert [(item.action, item.reason) for item in plan.items] == [
        (A.BLOCKED, R.IAM_NOT_READY),
        CREATED,
    ]


def test_the_same_name_in_two_regions_is_no_collision() -> None:
    found = plan_of(plan_input(cache(), cache(scope=EAST))).items
    assert [(item.action, item.reason) for item in found] == [CREATED, CREATED]


def items_of(*caches: Cache, listed: Iterable[Database]) -> list[tuple[str | None, Item]]:
    return [(each.name, each) for each in plan_of(plan_input(*caches, listed=listed)).items]


def test_a_resource_in_a_wanted_name_is_shown_once_with_the_cache() -> None:
    ((name, item),) = items_of(named("thief", "shared"), listed=[MISMATCH])
    assert (name, item.cache, item.reason) == ("shared", "thief", R.IDENTITY_MISMATCH)


def test_a_mismatch_beside_a_foreign_holder_in_other_case_is_shown_too() -> None:
    found = items_of(named("thief", "shared"), listed=[foreign("SHARED"), MISMATCH])
    reasons = {item.reason for _, item in found}
    assert reasons == {R.FOREIGN, R.IDENTITY_MISMATCH}


@pytest.mark.parametrize(
    ("aws", "scope"),
    [
        pytest.param(
            {"account_id": "9", "region": "mars"},
            Scope(AccountId("9"), Region("mars")),
            id="where-it-says-it-is",
        ),
        pytest.param({}, Scope(AccountId(""), None), id="it-does-not-say"),
        pytest.param(None, Scope(AccountId(""), None), id="no-aws-at-all"),
    ],
)
def test_a_mismatch_is_shown_where_it_says_it_is(aws: Any, scope: Scope) -> None:
    ((_, item),) = items_of(listed=[registered(name="forged", spec={"aws": aws})])
    assert (item.reason, item.scope) == (R.IDENTITY_MISMATCH, scope)
    assert (item.arn, item.cache, item.action) == (None, None, A.CONFLICT)


def test_the_same_uri_elsewhere_is_noted_on_wanted_caches_alone() -> None:
    other = registered(name="by-hand", without=("managed-by",))
    ((_, item),) = items_of(cache(), listed=[other])
    (note,) = [each for each in item.notes if each.code is NoteCode.SAME_URI_ELSEWHERE]
    assert (note.subject, note.message) == (other.uri, "also registered as by-hand")
    ((_, item),) = items_of(cache(engine="memcached"), listed=[other])
    assert item.notes == ()
