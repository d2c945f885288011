"""Which way a cache is repaired: the least intrusive, once for what caches share."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.codes import FindingCode, Severity
from discovery.model.repair_steps import (
    AttachGroup,
    Comment,
    CreateGroup,
    CreateUser,
    ModifyGroup,
    ModifyUser,
    RaiseVersion,
    RepairSteps,
    Wait,
    Waited,
    cuts_off,
)
from discovery.model.values import UNKNOWN, CacheUser, Finding, UsersAndGroups
from discovery.plan.iam.user_steps import NOTHING, READING
from discovery.plan.iam.ways import Repair, repairs_in_scope
from tests.support.plan_inputs import directory, group, known_cache, user

F = FindingCode
NEW_PERSON = CreateUser("teleport-app", "teleport-app", "valkey", READING, "iam")
JOB = user("job", authentication="password")


def chosen(found: UsersAndGroups, **of_cache: Any) -> list[Repair]:
    """How the one cache is repaired, blockers and warnings."""
    [repaired] = repairs_in_scope([known_cache(**of_cache)], found, at_least(Severity.WARNING))
    return list(repaired.repairs)


def at_least(severity: Severity) -> Any:
    wanted = {Severity.BLOCKER, severity}

    def selects(finding: Finding) -> bool:
        return finding.severity in wanted

    return selects


def changes(steps: RepairSteps) -> list[object]:
    return [step for step in steps if not isinstance(step, Comment | Wait)]


WAYS = [
    pytest.param(
        directory([group("alice", "job")], user(access_string="off +get"), user("bob"), JOB),
        [ModifyUser("alice", appended="on")],
        id="switch-on-a-member",
    ),
    pytest.param(
        directory([group("job")], JOB, user("bob"), user("teleport-app")),
        [ModifyGroup("app", add=("teleport-app",))],
        id="add-a-user-who-is-there-and-made-for-teleport",
    ),
    pytest.param(
        directory([group("job")], user("job", authentication="password", access_string="off")),
        [ModifyUser("job", to_iam=True, access_string=READING)],
        id="make-a-member-IAM-whom-nobody-can-log-in-as",
    ),
    pytest.param(
        directory([group("job")], JOB),
        [NEW_PERSON, ModifyGroup("app", add=("teleport-app",))],
        id="create-a-user",
    ),
]


@pytest.mark.parametrize(("found", "expected"), WAYS)
def test_the_least_intrusive_way_comes_first(found: UsersAndGroups, expected: list[object]) -> None:
    [repair] = chosen(found)
    assert repair.finding.code is F.NO_IAM_USER
    assert changes(repair.steps) == expected


def test_other_ways_follow_a_few_of_each_kind() -> None:
    others = [user(f"u{number}") for number in range(9)]
    [repair] = chosen(directory([group("job")], JOB, *others))
    assert [changes(each) for each in repair.alternatives] == [
        [ModifyGroup("app", add=("u1",))],
        [NEW_PERSON, ModifyGroup("app", add=("teleport-app",))],
        [ModifyUser("job", to_iam=True)],
    ]


def test_a_member_with_a_password_becomes_iam_only_when_a_person_chooses_it() -> None:
    [repair] = chosen(directory([group("job")], JOB))
    assert not cuts_off(repair.steps)
    [other] = repair.alternatives
    assert cuts_off(other)
    assert changes(other) == [ModifyUser("job", to_iam=True)]


def test_a_cache_without_a_group_gets_one_that_cuts_off_nobody() -> None:
    first, second = chosen(directory([], BUILT_IN), user_group_id=None)
    assert not cuts_off(first.steps)
    assert changes(first.steps) == [
        CreateUser("teleport-orders", "teleport-orders", "redis", READING, "iam"),
        CreateGroup("orders", "redis", ("default", "teleport-orders")),
        AttachGroup("orders", "orders", None),
    ]
    assert second.finding.code is F.DEFAULT_USER_UNREPLACED
    assert second.steps == ()
    [closing] = second.alternatives
    assert cuts_off(closing)
    assert changes(closing) == [
        CreateUser("orders-default", "default", "redis", NOTHING, "no-password"),
        ModifyGroup("orders", ("orders-default",), ("default",)),
    ]


BUILT_IN = user("default", engine="redis", authentication="no-password")


def test_what_an_old_engine_hides_is_repaired_behind_it() -> None:
    repairs = chosen(directory([group("job")], JOB), engine_version="7.1")
    assert [each.finding.code for each in repairs] == [F.ENGINE_TOO_OLD, F.NO_IAM_USER]
    assert changes(repairs[0].steps) == [RaiseVersion("orders", "8")]


def test_a_group_that_is_being_created_is_waited_for_and_then_judged() -> None:
    repairs = chosen(directory([group("job", status="creating")], JOB))
    assert [each.finding.code for each in repairs] == [F.GROUP_NOT_ACTIVE, F.NO_IAM_USER]
    assert repairs[0].steps == (Wait(Waited.GROUP, "app"),)


def test_what_caches_share_is_repaired_with_the_first() -> None:
    found = directory([group("job")], JOB)
    first, second = repairs_in_scope(
        [known_cache("orders"), known_cache("payments")], found, at_least(Severity.WARNING)
    )
    assert len(first.repairs) == 1
    assert (second.cache.name, second.repairs) == ("payments", ())


def test_two_caches_get_users_of_their_own() -> None:
    names = ["a" * 40, "a" * 39 + "b"]
    caches = [known_cache(name, user_group_id=None) for name in names]
    repaired = repairs_in_scope(caches, directory([]), at_least(Severity.BLOCKER))
    created = [
        step.user_id
        for each in repaired
        for repair in each.repairs
        for step in repair.steps
        if isinstance(step, CreateUser)
    ]
    assert len(set(created)) == 2


def test_a_warning_that_cuts_somebody_off_is_left_to_a_person() -> None:
    open_one = user("job", engine="redis", authentication="no-password")
    found = directory(
        [group("default", "alice", "job", engine="redis")], user(engine="redis"), open_one
    )
    repairs = {each.finding.code: each for each in chosen(found)}
    assert repairs[F.PASSWORDLESS_USER].steps == ()
    assert repairs[F.DEFAULT_USER_UNREPLACED].steps == ()
    assert all(len(each.alternatives) == 1 for each in repairs.values())


def test_a_warning_that_cuts_off_nobody_is_repaired() -> None:
    found = directory([group("alice", "ghost")], user())
    [repair] = chosen(found)
    assert changes(repair.steps) == [ModifyGroup("app", remove=("ghost",))]


def test_what_nobody_can_repair_is_left() -> None:
    [memcached] = chosen(directory([]), engine="memcached")
    assert (memcached.steps, memcached.alternatives) == ((), ())
    [unread] = repairs_in_scope([known_cache()], UNKNOWN, at_least(Severity.WARNING))
    assert [each.steps for each in unread.repairs] == [()]


def test_an_id_that_aws_does_not_give_is_left_alone() -> None:
    odd: CacheUser = user("a\nb", access_string="off")
    [repair, _] = chosen(directory([group("a\nb")], odd))
    assert changes(repair.steps) == [NEW_PERSON, ModifyGroup("app", add=("teleport-app",))]


def test_only_selected_findings_are_repaired() -> None:
    found = directory([group("alice", "ghost")], user(access_string="off +get"))

    def selects(finding: Finding) -> bool:
        return finding.code is F.USER_MISSING

    [repaired] = repairs_in_scope([known_cache()], found, selects)
    [repair] = repaired.repairs
    assert changes(repair.steps) == [ModifyGroup("app", remove=("ghost",))]
