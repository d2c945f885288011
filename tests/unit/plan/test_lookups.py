"""What look-ups of single names make of a plan that rests on a list (R10, R12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from discovery.model.codes import Action, NoteCode, Reason
from discovery.model.values import Cache, Database, Endpoint, ResourceName
from discovery.plan.item import Item
from discovery.plan.lookups import LookUp, NameState, new_names
from discovery.plan.plan import Plan
from discovery.plan.rules import Rules, WritePolicy
from tests.support.plan_inputs import (
    cache,
    foreign,
    name_in,
    only,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import journaled, make_state, remembered

A, R = Action, Reason
NAME = name_in("orders")
TAKEN, FREE = NameState.TAKEN, NameState.FREE
OLD = registered(name="old-db")
WANTS_NEW = cache(tags=tagged(TeleportDatabaseName="new-db"))


def planned(
    *found: Cache,
    looked_up: Mapping[str, LookUp],
    listed: tuple[Database, ...] = (),
    under: Rules | None = None,
    known: tuple[Database, ...] | None = None,
    **more: Any,
) -> Plan:
    ours = known if known is not None else listed
    state = make_state(
        registrations=[journaled(each) for each in ours],
        caches=[remembered(each) for each in found],
    )
    answers = {ResourceName(name): answer for name, answer in looked_up.items()}
    at = plan_input(*found, listed=listed, looked_up=answers, known=state, **more)
    return plan_of(at, under)


def pair(item: Item) -> tuple[Action, Reason]:
    return item.action, item.reason


ANSWERS = [
    pytest.param(FREE, (A.CREATE, R.NEW), id="free"),
    pytest.param(TAKEN, (A.CONFLICT, R.NAME_TAKEN_UNSEEN), id="denied"),
    pytest.param(foreign(NAME), (A.CONFLICT, R.NAME_TAKEN_UNSEEN), id="another's-not-listed"),
    pytest.param(registered(cache("x"), name=NAME), (A.CONFLICT, R.NAME_TAKEN_UNSEEN), id="x's"),
    pytest.param(registered(), (A.KEEP, R.UNCHANGED), id="ours-the-list-lags"),
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
def test_a_new_cache_by_what_stands_in_its_name(
    answer: LookUp, expected: tuple[Action, Reason]
) -> None:
    item = only(planned(cache(), looked_up={NAME: answer}))
    assert pair(item) == expected
    assert item.taken_name == (NAME if expected[0] is A.CONFLICT else None)
    if expected[0] is A.CONFLICT:
        assert "adopt --identity-file" in item.message
        assert (item.changes, item.database, item.live) == ((), None, None)
        assert item.wanted is not None


def test_ours_that_a_list_did_not_show_yet_is_inherited_when_state_does_not_know_it() -> None:
    item = only(planned(cache(), looked_up={NAME: registered()}))
    assert [note.code for note in item.notes] == [NoteCode.INHERITED]


def test_what_is_in_the_list_counts_whatever_was_looked_up_before() -> None:
    item = only(planned(cache(), listed=(registered(),), looked_up={NAME: TAKEN}))
    assert pair(item) == (A.KEEP, R.UNCHANGED)


def test_a_rename_to_a_name_that_is_taken_unseen_is_blocked() -> None:
    live = registered(WANTS_NEW, name="old-db")
    item = only(planned(WANTS_NEW, listed=(live,), looked_up={"new-db": TAKEN}))
    assert pair(item) == (A.BLOCKED, R.NAME_COLLISION)
    assert (item.name, item.previous_name, item.taken_name) == ("old-db", None, "new-db")


def test_the_old_one_is_updated_under_its_name() -> None:
    moved = cache(
        tags=WANTS_NEW.tags, endpoint=Endpoint("orders-zzz.serverless.euw1.example.com", 6379)
    )
    plan = planned(moved, listed=(OLD,), looked_up={"new-db": TAKEN})
    item = only(plan)
    assert pair(item) == (A.UPDATE, R.URI_CHANGED)
    assert (item.name, item.previous_name, item.taken_name) == ("old-db", None, "new-db")
    assert "it is to be named new-db, but the name new-db is taken" in item.message
    assert plan.guard.removals == 0


def test_a_policy_that_allows_no_update_leaves_it_blocked() -> None:
    create_only = rules(policy=WritePolicy.CREATE_ONLY)
    item = only(planned(WANTS_NEW, listed=(OLD,), looked_up={"new-db": TAKEN}, under=create_only))
    assert pair(item) == (A.BLOCKED, R.NAME_COLLISION)


def test_a_name_that_is_taken_is_nobodys_whoever_wants_it() -> None:
    both = [cache(name, tags=tagged(TeleportDatabaseName="shared")) for name in ("a", "b")]
    plan = planned(*both, looked_up={"shared": TAKEN})
    assert {pair(item) for item in plan.items} == {(A.CONFLICT, R.NAME_TAKEN_UNSEEN)}


def test_renames_that_are_not_made_are_not_counted_as_removals() -> None:
    live = registered(name="old-db")
    free = planned(WANTS_NEW, listed=(live,), looked_up={"new-db": FREE})
    taken = planned(WANTS_NEW, listed=(live,), looked_up={"new-db": TAKEN})
    assert (free.guard.removals, taken.guard.removals) == (1, 0)


REMEMBERED = [
    pytest.param(OLD, (A.CONFLICT, R.NAME_TAKEN_UNSEEN), "old-db", id="stands-all-the-same"),
    pytest.param(foreign("old-db"), (A.CREATE, R.NEW), None, id="another's-now"),
    pytest.param(TAKEN, (A.CREATE, R.NEW), None, id="denied-so-another's"),
    pytest.param(FREE, (A.CREATE, R.NEW), None, id="gone"),
]


@pytest.mark.parametrize(("answer", "expected", "taken"), REMEMBERED)
def test_a_new_cache_that_state_remembers_under_a_name_that_the_list_lacks(
    answer: LookUp, expected: tuple[Action, Reason], taken: str | None
) -> None:
    plan = planned(WANTS_NEW, known=(OLD,), looked_up={"new-db": FREE, "old-db": answer})
    item = only(plan)
    assert (pair(item), item.taken_name) == (expected, taken)


def test_the_names_that_are_looked_up_are_those_that_would_be_taken() -> None:
    finished = registered(WANTS_NEW, name="new-db")
    plan = planned(
        cache("fresh"),
        WANTS_NEW,
        cache("kept"),
        listed=(OLD, registered(cache("kept")), finished),
        looked_up={},
    )
    assert new_names(plan.items) == {name_in("fresh")}
    renamed = planned(WANTS_NEW, listed=(OLD,), looked_up={})
    assert new_names(renamed.items) == {"new-db"}
    moved = planned(WANTS_NEW, known=(OLD,), looked_up={})
    assert new_names(moved.items) == {"new-db", "old-db"}
