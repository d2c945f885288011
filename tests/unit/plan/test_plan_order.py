"""The plan is total and ordered: everything known is in it once, in one order (R4)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from discovery.model.codes import Action, NoteCode, Reason
from discovery.model.values import UNKNOWN, ResourceName, Scope, Tags, UnknownType
from discovery.plan.inputs import PlanInput
from discovery.plan.item import Item, in_order
from discovery.plan.plan import Plan
from tests.support.plan_inputs import (
    ABROAD,
    ACCOUNT,
    EAST,
    TARGETS,
    WEST,
    cache,
    complete,
    foreign,
    matcher,
    name_in,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import journaled, make_state, miss, remembered

T = TypeVar("T")
SCOPES = [WEST, EAST]
CACHES = [
    cache("a", tags=tagged({"TeleportDatabaseName": "shared", "b c": "1", "region": "x"})),
    cache("b", tags=tagged(TeleportDatabaseName="shared")),
    cache("c", EAST),
    cache("d"),
    cache("e", EAST, engine="memcached"),
    cache("f", tags=UNKNOWN),
    cache("g"),
    cache("h"),
]
LISTED = [
    registered(cache("d"), labels={"mine": "1"}),
    registered(cache("d"), name="twin-of-d"),
    registered(cache("gone")),
    registered(cache("far", ABROAD)),
    registered(cache("g")),
    registered(cache("x"), name="forged", spec={"aws": {}}),
    foreign(name_in("h")),
    foreign("none-of-our-business"),
    registered(cache("d"), name="theirs", labels={"cachemuster/group": "dev"}),
]
KNOWN = make_state(
    caches=[remembered(each) for each in CACHES],
    registrations=[journaled(each) for each in (*LISTED[:1], *LISTED[2:4])],
    pending_removals=[miss(LISTED[2], Reason.ABSENT)],
)
UNDER = rules(matcher("m", labels={"z": "1", "a": "2"}))


def shuffled(seed: int) -> PlanInput:
    """The same situation, told in another order."""
    dice = random.Random(seed)
    caches = [replace(c, tags=_tags_shuffled(c.tags, dice)) for c in CACHES]
    listed = [replace(d, labels=dict(_shuffled(list(d.labels.items()), dice))) for d in LISTED]
    found = [complete(s, *_shuffled([c for c in caches if c.scope == s], dice)) for s in SCOPES]
    return PlanInput(
        results=tuple(_shuffled(found, dice)),
        targets=TARGETS,
        listed=tuple(_shuffled(listed, dice)),
        state=KNOWN,
        now=plan_input().now,
    )


def _shuffled(things: Sequence[T], dice: random.Random) -> list[T]:
    return dice.sample(things, len(things))


def _tags_shuffled(tags: Tags | UnknownType, dice: random.Random) -> Tags | UnknownType:
    if tags is UNKNOWN:
        return tags
    return replace(tags, values=dict(_shuffled(list(tags.values.items()), dice)))


PLAN: Plan = plan_of(plan_input(*CACHES, listed=LISTED, known=KNOWN), UNDER)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_inputs_in_another_order_give_the_same_plan(seed: int) -> None:
    again = plan_of(shuffled(seed), UNDER)
    assert again.items == PLAN.items
    assert (again.checksum, again.guard) == (PLAN.checksum, PLAN.guard)


def test_every_cache_and_every_registration_of_ours_is_there_once() -> None:
    arns = [item.arn for item in PLAN.items if item.action is not Action.CONFLICT]
    assert len(arns) == len(set(arns))
    assert {each.arn for each in CACHES} <= {item.arn for item in PLAN.items}
    names = [item.live.name for item in PLAN.items if item.live is not None]
    assert sorted(names) == sorted(each.name for each in LISTED[:6])


def test_a_foreign_resource_is_there_only_in_a_wanted_name() -> None:
    shown = {item.name: item.reason for item in PLAN.items}
    assert shown[name_in("h")] is Reason.FOREIGN
    assert not {"none-of-our-business", "theirs"} & set(shown)


def test_items_are_sorted_by_account_region_cache_and_name() -> None:
    keys = [
        (i.scope.account_id, i.scope.region or "", i.cache or "", i.name or "") for i in PLAN.items
    ]
    assert keys == sorted(keys)
    assert [item.cache for item in PLAN.items if item.scope == EAST] == ["c", "e"]
    assert PLAN.items == in_order(reversed(PLAN.items))


def test_a_scope_without_region_comes_before_the_regions_of_its_account() -> None:
    def item(scope: Scope, cache_name: str | None, name: str | None) -> Item:
        return Item(
            scope=scope,
            arn=None,
            cache=cache_name,
            name=ResourceName(name) if name is not None else None,
            action=Action.HELD,
            reason=Reason.WAITING,
            message="why",
        )

    wanted = [
        item(Scope(ACCOUNT, None), "z", "z"),
        item(WEST, None, None),
        item(WEST, None, "b"),
        item(WEST, "a", "c"),
        item(WEST, "a", "d"),
        item(EAST, "a", "a"),
        item(ABROAD, "a", "a"),
    ]
    assert list(in_order(reversed(wanted))) == wanted


def test_notes_are_those_of_tags_then_those_of_the_registration() -> None:
    notes = {item.cache: [note.code for note in item.notes] for item in PLAN.items}
    assert notes["a"] == [NoteCode.TAG_KEY_DROPPED, NoteCode.TAG_SHADOWS_LABEL]
    assert notes["g"] == [NoteCode.INHERITED]
    assert notes["f"] == [NoteCode.TAGS_UNKNOWN]
