"""Whose a cache is, by its tag."""

from __future__ import annotations

import pytest

from discovery.model.values import UNKNOWN, Tags, UnknownType
from discovery.plan.unread import NOT_READ, unread_items
from tests.support.plan_inputs import (
    WEST,
    cache,
    failed,
    foreign,
    name_in,
    only,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import make_state, remembered

UNDER = rules(owner_tag="team")


def owner(tags: Tags | UnknownType, before: Tags | None) -> str | None:
    found = cache(tags=tags)
    at = plan_input(found, known=make_state(caches=[remembered(found, tags=before)]))
    return only(plan_of(at, UNDER)).owner


@pytest.mark.parametrize(
    ("tags", "before", "name"),
    [
        pytest.param(tagged(team="edge"), tagged(team="pay"), "edge", id="read now"),
        pytest.param(tagged(env="prod"), tagged(team="pay"), None, id="not tagged any more"),
        pytest.param(tagged(team=""), None, None, id="an empty value"),
        pytest.param(tagged(Team="edge"), None, None, id="another case is another key"),
        pytest.param(UNKNOWN, tagged(team="pay"), "pay", id="read before"),
        pytest.param(UNKNOWN, None, None, id="never read"),
    ],
)
def test_an_owner_is_the_value_of_the_tag(
    tags: Tags | UnknownType, before: Tags | None, name: str | None
) -> None:
    assert owner(tags, before) == name


def test_without_the_setting_nobody_owns_anything() -> None:
    assert only(plan_of(plan_input(cache(tags=tagged(team="edge"))))).owner is None


def test_a_cache_that_was_not_found_has_the_owner_that_is_remembered() -> None:
    gone = cache(tags=tagged(team="pay"))
    state = make_state(caches=[remembered(gone, tags=tagged(team="pay"))])
    at = plan_input(listed=(registered(gone),), known=state)
    assert only(plan_of(at, UNDER)).owner == "pay"
    unread = plan_input(instead=[failed(WEST)], listed=(registered(gone),), known=state)
    assert only(plan_of(unread, UNDER)).owner == "pay"


def test_labels_of_somebody_elses_database_name_no_owner() -> None:
    theirs = foreign(name_in("orders"), team="edge")
    at = plan_input(cache(tags=tagged(team="pay")), listed=(theirs,))
    assert only(plan_of(at, UNDER)).owner == "pay"


def test_where_the_list_was_not_read_owners_are_known_all_the_same() -> None:
    (item,) = unread_items(plan_input(cache(tags=tagged(team="edge"))), UNDER, NOT_READ)
    assert item.owner == "edge"
