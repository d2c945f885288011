"""The listed resources, sorted by whose they are; of several for one cache, one counts (R2, R6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.model.codes import Action, NoteCode, Reason
from discovery.model.ownership import NotOurs
from discovery.model.values import UNKNOWN, Arn, Cache, Database, ResourceName
from discovery.plan.item import Item
from discovery.plan.registration_index import RegistrationIndex, index_registrations
from discovery.plan.rules import WritePolicy
from matchers.matcher import IamUsers
from state.records import IntentKind, RememberedState
from tests.support.plan_inputs import (
    UNREADY,
    WEST,
    arn_of,
    budget,
    cache,
    failed,
    foreign,
    matcher,
    name_in,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import MINUTE, NOW, journaled, make_state, open_intent, remembered

R = Reason
COMPUTED = registered()
OVERRIDE = registered(name="shared")
THIRD = registered(name="a-third")
SHARED = cache(tags=tagged(TeleportDatabaseName="shared"))


def read(
    *listed: Database,
    known: RememberedState | None = None,
    computed: dict[Arn, ResourceName] | None = None,
) -> RegistrationIndex:
    return index_registrations(listed, "prod", known or make_state(), (computed or {}).get)


@pytest.mark.parametrize(
    ("journal", "computed", "counts"),
    [
        pytest.param([OVERRIDE], None, "shared", id="the-journals"),
        pytest.param([THIRD], "shared", "a-third", id="the-journals-before-the-computed-name"),
        pytest.param([], "shared", "shared", id="else-the-computed-name"),
        pytest.param([], None, COMPUTED.name, id="else-the-generated-name"),
        pytest.param([OVERRIDE, THIRD], "shared", "shared", id="both-journaled-computed-name"),
        pytest.param([OVERRIDE, THIRD], None, "a-third", id="both-journaled-first-by-name"),
    ],
)
def test_of_several_for_one_cache_one_counts(
    journal: list[Database], computed: str | None, counts: str
) -> None:
    known = make_state(registrations=[journaled(each) for each in journal])
    names = {arn_of("orders"): ResourceName(computed)} if computed is not None else {}
    registry = read(OVERRIDE, COMPUTED, THIRD, known=known, computed=names)
    assert registry.ours[arn_of("orders")].database.name == counts
    others = {COMPUTED.name, "shared", "a-third"} - {counts}
    assert {each.database.name for each in registry.duplicates} == others


def test_a_copy_that_alone_was_listed_after_state_was_lost_does_not_count_for_ever() -> None:
    known = make_state(registrations=[replace(journaled(THIRD), inherited=True)])
    registry = read(COMPUTED, THIRD, known=known)
    assert registry.ours[arn_of("orders")].database == COMPUTED
    adopted = make_state(registrations=[journaled(THIRD)])
    assert read(COMPUTED, THIRD, known=adopted).ours[arn_of("orders")].database == THIRD


def test_a_journal_entry_of_another_cache_under_the_name_does_not_count() -> None:
    known = make_state(registrations=[journaled(OVERRIDE, arn=arn_of("another"))])
    assert read(OVERRIDE, COMPUTED, known=known).ours[arn_of("orders")].database == COMPUTED


def test_the_list_is_sorted_by_owner_and_found_by_name_without_case() -> None:
    mismatch = registered(name="Forged", spec={"aws": {}})
    theirs = registered(name="theirs", labels={"cachemuster/group": "dev"})
    registry = read(foreign("FORGED"), mismatch, theirs, COMPUTED)
    assert list(registry.ours) == [arn_of("orders")]
    assert registry.mismatched == (mismatch,)
    assert [each.name for each in registry.holders(ResourceName("forged"))] == ["FORGED", "Forged"]
    assert registry.owner_of(theirs) is NotOurs.OTHER_GROUP
    assert registry.by_address[COMPUTED.uri] == ("Forged", COMPUTED.name, "theirs")
    assert registry.holders(ResourceName("nobody")) == ()


def outcome(item: Item) -> tuple[str | None, Action, Reason]:
    return item.name, item.action, item.reason


def duplicate(name: str) -> tuple[str, Action, Reason]:
    return name, Action.CONFLICT, R.DUPLICATE_REGISTRATION


def test_a_duplicate_is_shown_and_never_written_to() -> None:
    known = make_state(registrations=[journaled(COMPUTED)])
    plan = plan_of(plan_input(cache(), listed=[THIRD, COMPUTED], known=known))
    kept = (COMPUTED.name, Action.KEEP, R.UNCHANGED)
    assert [outcome(item) for item in plan.items] == [duplicate("a-third"), kept]


def test_the_computed_name_is_the_one_by_the_tags_that_were_read() -> None:
    plan = plan_of(plan_input(SHARED, listed=[registered(SHARED), COMPUTED]))
    assert duplicate(COMPUTED.name) in [outcome(item) for item in plan.items]


def test_the_computed_name_is_the_one_by_the_remembered_tags_else() -> None:
    known = make_state(caches=[remembered(SHARED)])
    listed = [registered(SHARED), COMPUTED]
    plan = plan_of(plan_input(replace(SHARED, tags=UNKNOWN), listed=listed, known=known))
    assert duplicate(COMPUTED.name) in [outcome(item) for item in plan.items]


# A rename that a crash cut in two: both names stand, and its intent is open (R6, R12).

NEW, OLD = registered(SHARED), COMPUTED
RENAME = open_intent(IntentKind.RENAME, SHARED, "shared", name_in("orders"))


HALVES: dict[str, Any] = {"registrations": [journaled(OLD)], "open_intents": (RENAME,)}


def half_renamed(*found: Cache, at: Any = None, **under: Any) -> list[Item]:
    """The items of a sweep that finds both halves and, if it is read, the cache."""
    known = make_state(**{**HALVES, **(at or {})})
    unread = [] if found else [failed(WEST)]
    moment = plan_input(*found, listed=[OLD, NEW], known=known, instead=unread)
    return list(plan_of(moment, rules(**under)).items)


def test_both_names_of_an_open_rename_are_one_registration() -> None:
    registry = read(OLD, NEW, known=make_state(open_intents=(RENAME,)))
    assert registry.ours[SHARED.arn].database == NEW
    assert registry.half_renamed[SHARED.arn].database == OLD
    assert registry.duplicates == ()


@pytest.mark.parametrize("listed", [[OLD], [NEW]], ids=["only-the-old", "only-the-new"])
def test_a_rename_of_which_one_name_stands_is_no_half(listed: list[Database]) -> None:
    registry = read(*listed, known=make_state(open_intents=(RENAME,)))
    assert registry.half_renamed == {}
    assert registry.ours[SHARED.arn].database == listed[0]


def test_a_third_registration_beside_both_halves_is_a_duplicate() -> None:
    registry = read(OLD, NEW, THIRD, known=make_state(open_intents=(RENAME,)))
    assert [each.database.name for each in registry.duplicates] == ["a-third"]


def test_a_half_done_rename_is_finished_forwards() -> None:
    (item,) = half_renamed(SHARED)
    assert (item.action, item.reason) == (Action.UPDATE, R.RENAMED)
    assert (item.name, item.previous_name) == ("shared", OLD.name)
    assert item.live == OLD


def test_a_half_done_rename_is_finished_though_the_tag_has_changed_again() -> None:
    (item,) = half_renamed(cache())
    assert (item.reason, item.name, item.previous_name) == (R.RENAMED, "shared", OLD.name)


def test_a_half_done_rename_takes_no_other_name_from_others() -> None:
    """Its tag asks for a third name by now; that is for the next sweep to contend for."""
    third = tagged(TeleportDatabaseName="third")
    rename, new = half_renamed(cache(tags=third), cache("users", tags=third))
    assert (rename.reason, rename.name) == (R.RENAMED, "shared")
    assert (new.action, new.reason, new.name) == (Action.CREATE, R.NEW, "third")


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([], id="scope-not-read"),
        pytest.param([replace(SHARED, endpoint=None)], id="no-endpoint-now"),
        pytest.param([replace(SHARED, engine="memcached")], id="not-wanted-any-more"),
    ],
)
def test_a_half_that_cannot_be_finished_now_is_shown_as_a_duplicate(found: list[Cache]) -> None:
    assert duplicate(OLD.name) in [outcome(item) for item in half_renamed(*found)]


STRICT = matcher(iam_users=IamUsers.REQUIRE, deregister_unready=True)


def test_the_old_half_is_in_the_plan_when_the_cache_is_unready() -> None:
    moment = plan_input(SHARED, listed=[OLD, NEW], known=make_state(**HALVES), users=UNREADY)
    items = plan_of(moment, rules(STRICT)).items
    assert OLD.name in {name for item in items for name in (item.name, item.previous_name)}


def test_finishing_a_rename_counts_one_removal_with_its_beginning() -> None:
    at = {"removals": (NOW - 10 * MINUTE,)}  # what the journal says of the open intent
    (item,) = half_renamed(SHARED, at=at, budget=budget(max_count=1))
    assert (item.action, item.reason) == (Action.UPDATE, R.RENAMED)


def test_a_refused_finish_shows_the_document_of_the_name_it_shows() -> None:
    (item,) = half_renamed(SHARED, budget=budget(max_count=0))
    assert (item.action, item.reason) == (Action.HELD, R.GUARD_COUNT)
    assert item.database is not None
    assert item.database.name == item.name


@pytest.mark.parametrize("policy", [WritePolicy.UPSERT_ONLY, WritePolicy.CREATE_ONLY])
def test_no_policy_but_sync_lets_the_old_half_go(policy: WritePolicy) -> None:
    (item,) = half_renamed(SHARED, policy=policy)
    assert (item.action, item.reason) == (Action.HELD, R.POLICY)


def test_two_renames_begun_at_one_instant_count_two() -> None:
    users = cache("users", tags=tagged(TeleportDatabaseName="people"))
    begun = (RENAME, open_intent(IntentKind.RENAME, users, "people", name_in("users")))
    listed = [OLD, NEW, registered(cache("users")), registered(users)]
    known = make_state(open_intents=begun, removals=tuple(each.intent.at for each in begun))
    plan = plan_of(plan_input(SHARED, users, listed=listed, known=known))
    assert plan.guard.removals == 2


def test_the_new_half_of_our_own_rename_is_not_inherited() -> None:
    (item,) = half_renamed(SHARED)
    assert NoteCode.INHERITED not in [note.code for note in item.notes]
