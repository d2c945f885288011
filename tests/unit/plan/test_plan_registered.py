"""What becomes of a registration whose cache was found: policies, users, unread facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.model.codes import Action, IamVerdict, NoteCode, Reason
from discovery.model.values import UNKNOWN, Cache, Database, Endpoint, UnknownType, UsersAndGroups
from discovery.plan.item import Item
from discovery.plan.rules import Rules, WritePolicy
from matchers.matcher import IamUsers
from state.records import RememberedCache
from tests.support.plan_inputs import (
    EAST,
    READY,
    UNREADY,
    cache,
    directory,
    foreign,
    matcher,
    only,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import CREATED, MINUTE, journaled, make_state, miss, remembered

A, R = Action, Reason
LIVE = registered()


def found(
    of: Cache,
    under: Rules | None = None,
    *,
    live: Database | None = LIVE,
    before: RememberedCache | None = None,
    miss_of: Reason | None = None,
    users: UsersAndGroups | UnknownType = READY,
    state_lost: bool = False,
) -> Item:
    known = make_state(
        caches=[before] if before is not None else [],
        registrations=[journaled(live)] if live is not None and not state_lost else [],
        pending_removals=[miss(live, miss_of)] if live is not None and miss_of is not None else [],
    )
    listed = [live] if live is not None else []
    return only(plan_of(plan_input(of, listed=listed, known=known, users=users), under))


MOVED = cache(endpoint=Endpoint("orders-zzz.serverless.euw1.cache.amazonaws.com", 6379))
RENAMED = cache(tags=tagged(TeleportDatabaseName="shared"))
DELETING = cache(status="deleting")
CLOUD = {"origin": "cloud"}


@pytest.mark.parametrize(
    ("of", "live", "under", "sync", "upsert", "create"),
    [
        pytest.param(cache(), None, {}, A.CREATE, A.CREATE, A.CREATE, id="new"),
        pytest.param(MOVED, LIVE, {}, A.UPDATE, A.UPDATE, A.HELD, id="update"),
        pytest.param(RENAMED, LIVE, {}, A.UPDATE, A.HELD, A.HELD, id="rename"),
        pytest.param(cache(), LIVE, CLOUD, A.UPDATE, A.HELD, A.HELD, id="change-of-origin"),
        pytest.param(DELETING, LIVE, {}, A.DELETE, A.HELD, A.HELD, id="delete"),
        pytest.param(cache(), LIVE, {}, A.KEEP, A.KEEP, A.KEEP, id="nothing-to-do"),
    ],
)
def test_policies_are_filters_over_the_same_plan(
    of: Cache, live: Database | None, under: dict[str, Any], sync: Action, upsert: Action,
    create: Action,
) -> None:  # fmt: skip
    for policy, action in zip(WritePolicy, (sync, upsert, create), strict=True):
        item = found(of, rules(policy=policy, **under), live=live)
        assert item.action is action
        if action is A.HELD:
            assert (item.reason, item.name, item.database) == (R.POLICY, LIVE.name, LIVE)
            assert (item.previous_name, item.changes, item.replaces) == (None, (), False)
            assert policy.value in item.message


USERS: dict[str, UsersAndGroups | UnknownType] = {
    "ready": READY,
    "unready": UNREADY,
    "unread": UNKNOWN,
}


@pytest.mark.parametrize(
    ("iam_users", "users", "new", "kept"),
    [
        (IamUsers.WARN, "ready", (A.CREATE, R.NEW), (A.KEEP, R.UNCHANGED)),
        (IamUsers.WARN, "unready", (A.CREATE, R.NEW), (A.UPDATE, R.LABELS_CHANGED)),
        (IamUsers.WARN, "unread", (A.CREATE, R.NEW), (A.KEEP, R.UNCHANGED)),
        (IamUsers.REQUIRE, "ready", (A.CREATE, R.NEW), (A.KEEP, R.UNCHANGED)),
        (IamUsers.REQUIRE, "unready", (A.BLOCKED, R.IAM_NOT_READY), (A.UPDATE, R.LABELS_CHANGED)),
        (IamUsers.REQUIRE, "unread", (A.BLOCKED, R.IAM_UNKNOWN), (A.KEEP, R.UNCHANGED)),
        (IamUsers.IGNORE, "unready", (A.CREATE, R.NEW), (A.UPDATE, R.LABELS_CHANGED)),
    ],
)
def test_users_keep_new_caches_out_and_registered_ones_in(
    iam_users: IamUsers, users: str, new: tuple[Action, Reason], kept: tuple[Action, Reason]
) -> None:
    under = rules(matcher(iam_users=iam_users))
    item = found(cache(), under, live=None, users=USERS[users])
    assert (item.action, item.reason) == new
    item = found(cache(), under, users=USERS[users])
    assert (item.action, item.reason) == kept


STRICTER = rules(matcher(iam_users=IamUsers.REQUIRE, deregister_unready=True))
NO_GROUP = directory([])


@pytest.mark.parametrize(
    ("users", "miss_of", "expected"),
    [
        pytest.param(UNREADY, None, (A.HELD, R.WAITING), id="waits"),
        pytest.param(UNREADY, R.UNREADY, (A.DELETE, R.UNREADY), id="in-time"),
        pytest.param(NO_GROUP, R.UNREADY, (A.DELETE, R.UNREADY), id="no-group"),
        pytest.param(UNKNOWN, R.UNREADY, (A.KEEP, R.UNCHANGED), id="unread-is-no-evidence"),
        pytest.param(READY, R.UNREADY, (A.KEEP, R.UNCHANGED), id="ready-again"),
    ],
)
def test_deregister_unready_removes_on_complete_evidence(
    users: UsersAndGroups | UnknownType, miss_of: Reason | None, expected: tuple[Action, Reason]
) -> None:
    item = found(cache(), STRICTER, users=users, miss_of=miss_of)
    assert (item.action, item.reason) == expected


def test_deregister_unready_has_no_effect_without_require() -> None:
    under = rules(matcher(iam_users=IamUsers.WARN, deregister_unready=True))
    assert found(cache(), under, users=UNREADY, live=None).action is A.CREATE
    assert found(cache(), under, users=UNREADY, miss_of=R.UNREADY).action is A.UPDATE


def test_unready_says_which_finding_it_rests_on() -> None:
    item = found(cache(), STRICTER, users=UNREADY, miss_of=R.UNREADY)
    assert item.message.startswith("no member of user group app can log in with IAM")
    assert item.iam is not None
    assert item.iam.verdict is IamVerdict.NOT_READY


# Facts that were not read.


@pytest.mark.parametrize("state_lost", [False, True], ids=["remembered", "state-lost"])
def test_when_nothing_but_the_list_could_be_read_the_registration_stays_as_it_is(
    state_lost: bool,
) -> None:
    of = cache(tags=tagged(env="prod"))
    live = registered(of)
    unread = replace(of, tags=UNKNOWN, vpc_id=UNKNOWN)
    before = None if state_lost else remembered(of)
    item = found(unread, live=live, before=before, users=UNKNOWN, state_lost=state_lost)
    assert (item.action, item.reason) == (A.KEEP, R.UNCHANGED)
    unknown = {NoteCode.TAGS_UNKNOWN, NoteCode.SUBNETS_UNKNOWN, NoteCode.USERS_UNKNOWN}
    assert {note.code for note in item.notes} == unknown | (
        {NoteCode.INHERITED} if state_lost else set()
    )


def test_what_could_be_read_is_updated_with_stand_ins_for_the_rest() -> None:
    of = cache(tags=tagged(env="prod"))
    item = found(replace(MOVED, tags=UNKNOWN), live=registered(of), before=remembered(of))
    assert (item.action, item.reason) == (A.UPDATE, R.URI_CHANGED)
    assert [change.field for change in item.changes] == ["/spec/uri"]


def test_a_name_by_tag_stays_while_tags_are_unread() -> None:
    live = registered(RENAMED)
    item = found(replace(RENAMED, tags=UNKNOWN), live=live, state_lost=True)
    assert (item.action, item.reason) == (A.KEEP, R.UNCHANGED)


def test_a_name_by_the_legacy_tag_stays_while_tags_are_unread() -> None:
    of = cache(tags=tagged({"teleport.dev/database_name": "shared"}))
    item = found(replace(of, tags=UNKNOWN), live=registered(of), state_lost=True)
    assert item.reason is not R.RENAMED


REMADE = cache(created_at=CREATED + MINUTE)


@pytest.mark.parametrize(
    ("of", "miss_of", "expected"),
    [
        pytest.param(REMADE, None, (A.KEEP, R.UNCHANGED), id="the-same-resource-as-before"),
        pytest.param(
            replace(REMADE, endpoint=MOVED.endpoint), None, (A.UPDATE, R.RECREATED), id="differs"
        ),
        pytest.param(replace(REMADE, tags=UNKNOWN), None, (A.HELD, R.TAGS_UNKNOWN), id="unread"),
        pytest.param(
            replace(REMADE, engine="memcached"),
            R.INELIGIBLE,
            (A.HELD, R.WAITING),
            id="counts-of-the-earlier-one-are-forgotten",
        ),
        pytest.param(
            replace(REMADE, status="creating"), None, (A.HELD, R.NOT_READY_YET), id="creating"
        ),
    ],
)
def test_a_recreated_cache_is_another_one(
    of: Cache, miss_of: Reason | None, expected: tuple[Action, Reason]
) -> None:
    item = found(of, before=remembered(cache()), miss_of=miss_of)
    assert (item.action, item.reason) == expected


@pytest.mark.parametrize(
    "of", [cache(status="creating"), cache(endpoint=None), cache(tags=UNKNOWN, status="creating")]
)
def test_a_registered_cache_that_is_not_ready_yet_stays(of: Cache) -> None:
    item = found(of, rules(matcher(tags={"env": "prod"})), miss_of=R.UNMATCHED)
    assert (item.action, item.reason, item.missed) == (A.HELD, R.NOT_READY_YET, None)
    assert item.message.startswith(f"{LIVE.name} stays registered: ")


def test_the_same_uri_elsewhere_is_noted_on_registered_caches_too() -> None:
    other = replace(foreign("by-hand"), spec=LIVE.spec)
    known = make_state(registrations=[journaled(LIVE)])
    item = only(plan_of(plan_input(cache(), listed=[LIVE, other], known=known)))
    assert [note.code for note in item.notes] == [NoteCode.SAME_URI_ELSEWHERE]


def test_a_copy_of_our_labels_on_another_cache_touches_neither() -> None:
    forged = replace(registered(cache("x")), labels=LIVE.labels)
    known = make_state(registrations=[journaled(LIVE)])
    plan = plan_of(plan_input(cache(), cache("x", EAST), listed=[LIVE, forged], known=known))
    assert {(item.name, item.action, item.reason) for item in plan.items} == {
        (LIVE.name, A.KEEP, R.UNCHANGED),
        (forged.name, A.CONFLICT, R.IDENTITY_MISMATCH),
        (registered(cache("x", EAST)).name, A.CREATE, R.NEW),
    }
