"""What is told where the list of registrations was not read (R10)."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.codes import REASONS_OF, Action, Reason
from discovery.model.values import UNKNOWN, Cache
from discovery.plan.item import Item
from discovery.plan.unread import NOT_READ, unread_items
from matchers.matcher import Connect, IamUsers
from tests.support.plan_inputs import (
    EAST,
    UNREADY,
    cache,
    failed,
    matcher,
    plan_input,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import journaled, make_state, miss

A, R = Action, Reason
HELD = (A.HELD, R.REGISTRY_UNREAD)
PROD = rules(matcher(tags={"env": "prod"}))
STRICT = rules(matcher(iam_users=IamUsers.REQUIRE))
ABROAD_ROLE = rules(matcher(connect=Connect("arn:aws:iam::444455556666:role/c")))


def told(*found: Cache, known: Any = None, under: Any = None, **more: Any) -> tuple[Item, ...]:
    at = plan_input(*found, known=known if known is not None else make_state(), **more)
    return unread_items(at, under or rules(), NOT_READ)


CASES = [
    pytest.param(cache(), rules(), {}, HELD, id="wanted"),
    pytest.param(cache(), STRICT, {"users": UNREADY}, HELD, id="kept-out-by-its-users"),
    pytest.param(cache(tags=tagged(TeleportDatabaseName="a_b")), rules(), {}, HELD, id="no-name"),
    pytest.param(cache(), ABROAD_ROLE, {}, HELD, id="no-role"),
    pytest.param(cache(), PROD, {}, (A.SKIPPED, R.NO_MATCHER), id="unwanted"),
    pytest.param(cache(status="creating"), rules(), {}, (A.SKIPPED, R.CREATING), id="creating"),
    pytest.param(cache(tags=UNKNOWN), PROD, {}, (A.HELD, R.TAGS_UNKNOWN), id="no-tags"),
]


@pytest.mark.parametrize(("found", "under", "more", "expected"), CASES)
def test_a_cache_that_is_not_remembered(
    found: Cache, under: Any, more: dict[str, Any], expected: tuple[Action, Reason]
) -> None:
    (item,) = told(found, under=under, **more)
    assert (item.action, item.reason) == expected
    assert item.reason in REASONS_OF[item.action]
    assert (item.changes, item.missed, item.database) == ((), None, None)


@pytest.mark.parametrize(("found", "under", "more", "_"), CASES)
def test_the_same_is_held_when_a_registration_is_remembered(
    found: Cache, under: Any, more: dict[str, Any], _: object
) -> None:
    ours = registered()
    state = make_state(
        registrations=[journaled(ours)], pending_removals=[miss(ours, R.UNMATCHED, scans=9)]
    )
    (item,) = told(found, known=state, under=under, **more)
    assert (item.action, item.reason, item.name) == (*HELD, ours.name)
    assert item.database is not None
    assert (item.changes, item.missed) == ((), None)


@pytest.mark.parametrize("instead", [[], [failed(EAST)]], ids=["read", "unread"])
def test_a_remembered_registration_whose_cache_was_not_found_is_held(instead: list[Any]) -> None:
    far = registered(cache("far", EAST))
    state = make_state(
        registrations=[journaled(far)], pending_removals=[miss(far, R.ABSENT, scans=9)]
    )
    (item,) = told(known=state, instead=instead)
    assert (item.action, item.reason, item.name) == (*HELD, far.name)


def test_two_names_of_one_cache_are_both_told() -> None:
    twins = [registered(name=name) for name in ("one", "two")]
    items = told(cache(), known=make_state(registrations=[journaled(each) for each in twins]))
    assert sorted(str(item.name) for item in items) == ["one", "two"]
    assert {(item.action, item.reason) for item in items} == {HELD}


def test_who_could_log_in_is_told_as_ever() -> None:
    (item,) = told(cache(), users=UNREADY)
    assert item.iam is not None
    assert item.iam.verdict.value == "not-ready"
    assert item.iam.findings
