"""Whether what a removal or a rename rests on still holds for a cache read anew (R3)."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.codes import Action, Reason
from discovery.model.values import UNKNOWN, Cache, Database, UnknownType, UsersAndGroups
from discovery.plan.plan import Plan
from discovery.plan.recheck import recheck, rename_check
from discovery.plan.rules import Rules
from matchers.matcher import IamUsers
from state.records import IntentKind, RememberedState
from tests.support.plan_inputs import (
    EAST,
    READY,
    UNREADY,
    budget,
    cache,
    matcher,
    name_in,
    only,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import (
    CREATED,
    MINUTE,
    journaled,
    make_state,
    miss,
    open_intent,
    remembered,
)

R = Reason
PROD = cache(tags=tagged(env="prod"))
LIVE = registered(PROD)
WANTED = rules(
    matcher(
        tags={"env": "prod"},
        exclude={"teleport": "off"},
        iam_users=IamUsers.REQUIRE,
        deregister_unready=True,
    )
)


def plan(of: Cache, reason: Reason, users: UsersAndGroups = READY) -> Plan:
    """A plan that removes the registration of `of`, which is not what is read anew later."""
    known = make_state(
        caches=[remembered(PROD)],
        registrations=[journaled(LIVE)],
        pending_removals=[miss(LIVE, reason)],
    )
    made = plan_of(plan_input(of, listed=[LIVE], known=known, users=users), WANTED)
    assert (only(made).action, only(made).reason) == (Action.DELETE, reason)
    return made


@pytest.mark.parametrize(
    ("scanned", "anew", "now"),
    [
        pytest.param({}, {}, R.UNMATCHED, id="unmatched-still"),
        pytest.param({}, {"env": "prod"}, None, id="unmatched-no-more"),
        pytest.param({}, {"env": "prod", "teleport": "off"}, R.EXCLUDED, id="excluded-instead"),
        pytest.param({"env": "prod", "teleport": "off"}, {"env": "prod"}, None, id="not-excluded"),
        pytest.param(
            {"env": "prod", "teleport": "off"},
            {"env": "dev", "teleport": "off"},
            R.UNMATCHED,
            id="unmatched-instead",
        ),
    ],
)
def test_tags_are_judged_as_they_are_now(
    scanned: dict[str, str], anew: dict[str, str], now: Reason | None
) -> None:
    reason = R.EXCLUDED if "teleport" in scanned else R.UNMATCHED
    judge = recheck(plan(cache(tags=tagged(scanned)), reason), WANTED)
    assert judge(cache(tags=tagged(anew)), UNKNOWN) is now


def test_unread_tags_prove_nothing() -> None:
    judge = recheck(plan(cache(), R.UNMATCHED), WANTED)
    assert judge(cache(tags=UNKNOWN), UNKNOWN) is None


@pytest.mark.parametrize(
    ("users", "now"),
    [
        pytest.param(UNREADY, R.UNREADY, id="unready-still"),
        pytest.param(READY, None, id="ready-now"),
        pytest.param(UNKNOWN, None, id="unread-proves-nothing"),
    ],
)
def test_users_are_judged_as_they_are_now(
    users: UsersAndGroups | UnknownType, now: Reason | None
) -> None:
    judge = recheck(plan(PROD, R.UNREADY, UNREADY), WANTED)
    assert judge(PROD, users) is now


@pytest.mark.parametrize(
    ("anew", "now"),
    [
        pytest.param({"engine": "memcached"}, R.INELIGIBLE, id="still"),
        pytest.param({}, None, id="eligible-now"),
        pytest.param({"status": "deleting"}, R.DELETING, id="deleting-now"),
        pytest.param({"endpoint": None}, None, id="merely-waiting-now"),
        pytest.param({"created_at": CREATED + MINUTE}, None, id="made-again-since"),
    ],
)
def test_the_cache_is_judged_as_it_is_now(anew: dict[str, Any], now: Reason | None) -> None:
    judge = recheck(plan(cache(engine="memcached"), R.INELIGIBLE), WANTED)
    assert judge(cache(tags=PROD.tags, **anew), READY) is now


# Renames.

SHARED = cache(tags=tagged(TeleportDatabaseName="shared"))


def renaming(
    of: Cache = SHARED,
    *listed: Database,
    known: RememberedState | None = None,
    under: Rules | None = None,
) -> Plan:
    live = listed or (registered(),)
    at = known or make_state(registrations=[journaled(live[0])])
    return plan_of(plan_input(of, listed=live, known=at), under)


@pytest.mark.parametrize(
    ("tags", "holds"),
    [
        pytest.param({"TeleportDatabaseName": "shared"}, True, id="the-same"),
        pytest.param({"TeleportDatabaseName": "shared", "env": "x"}, True, id="another-tag-beside"),
        pytest.param({"TeleportDatabaseName": "Shared"}, False, id="another-name"),
        pytest.param({}, False, id="no-name-any-more"),
    ],
)
def test_a_rename_rests_on_the_tags_that_name_it(tags: dict[str, str], holds: bool) -> None:
    assert rename_check(renaming(), rules())(cache(tags=tagged(tags))) is holds


def test_a_cache_without_a_planned_rename_has_none_to_hold() -> None:
    check = rename_check(renaming(), rules())
    assert check(cache("another", EAST)) is False


def test_a_rename_that_is_not_made_has_none_to_hold_either() -> None:
    under = rules(budget=budget(max_count=0))
    made = renaming(under=under)
    assert only(made).name == name_in("orders")
    assert rename_check(made, under)(SHARED) is False


def test_a_change_of_origin_rests_on_the_present_name() -> None:
    under = rules(origin="cloud")
    check = rename_check(renaming(cache(), under=under), under)
    assert check(cache()) is True
    assert check(SHARED) is False


def test_what_is_left_of_a_half_done_rename_needs_no_tag() -> None:
    rename = open_intent(IntentKind.RENAME, SHARED, "shared", name_in("orders"))
    known = make_state(open_intents=(rename,))
    made = renaming(SHARED, registered(), registered(SHARED), known=known)
    assert only(made).reason is R.RENAMED
    assert rename_check(made, rules())(cache(tags=tagged())) is True


def test_a_name_by_tag_without_leave_is_not_read_in_the_proof_either() -> None:
    under = rules(named_by_tag=False)
    made = renaming(SHARED, registered(SHARED), under=under)
    assert (only(made).reason, only(made).name) == (R.RENAMED, name_in("orders"))
    assert rename_check(made, under)(SHARED) is True
