"""Users that are special: the default user, AWS's own, and those who are not in the group."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.model.codes import FindingCode, IamVerdict, Severity
from discovery.model.values import CacheUser, UsersAndGroups
from discovery.plan.iam.finding_table import FINDINGS
from discovery.plan.iam.verdict import MOST_NAMED, iam_verdict
from tests.support.plan_inputs import directory, group, known_cache, user
from tests.support.plan_state import NOW

F, V = FindingCode, IamVerdict
NO_PASSWORD = "no-password"


def codes(found: UsersAndGroups) -> tuple[FindingCode, ...]:
    return tuple(each.code for each in iam_verdict(known_cache(), found).findings)


# -- the default user ----------------------------------------------------------------------------

BUILT_IN = user("default", engine="redis", authentication=NO_PASSWORD)


def replaced(**more: Any) -> CacheUser:
    """A default user of one's own."""
    return user("app-default", **{"user_name": "default", "engine": "redis", **more})


@pytest.mark.parametrize(
    ("default", "code"),
    [
        pytest.param(BUILT_IN, F.DEFAULT_USER_UNREPLACED, id="aws's-own"),
        pytest.param(replaced(authentication=NO_PASSWORD), F.DEFAULT_USER_OPEN, id="own-and-open"),
        pytest.param(
            replaced(authentication=NO_PASSWORD, status="modifying"),
            F.DEFAULT_USER_OPEN,
            id="open-while-modifying",
        ),
        pytest.param(replaced(authentication=NO_PASSWORD, access_string=""), None, id="off"),
        pytest.param(replaced(authentication="password"), None, id="password"),
        pytest.param(replaced(authentication="password", access_string=""), None, id="both"),
        pytest.param(
            replaced(authentication=NO_PASSWORD, status="deleting"), None, id="on-its-way-out"
        ),
    ],
)
def test_the_default_user_in_its_states_is_one_finding(
    default: CacheUser, code: FindingCode | None
) -> None:
    alice = user(engine="redis")
    found = directory([group(default.user_id, "alice", engine="redis")], default, alice)
    judged = iam_verdict(known_cache(), found)
    assert (judged.verdict, judged.users) == (V.READY, ("alice",))
    assert [each.code for each in judged.findings] == ([] if code is None else [code])
    alone = directory([group(default.user_id, engine="redis")], default)
    assert codes(alone) == (F.NO_IAM_USER, *([] if code is None else [code]))


def test_the_finding_on_the_default_user_says_where_tsh_lands() -> None:
    for default in (BUILT_IN, replaced(authentication=NO_PASSWORD)):
        found = directory([group(default.user_id, engine="redis")], default)
        told = iam_verdict(known_cache(), found).findings[1]
        assert "`tsh db connect` without --db-user lands there" in told.message
        assert told.severity is Severity.WARNING


def test_an_iam_user_is_one_whatever_its_name() -> None:
    found = directory([group("default", engine="redis")], replace(BUILT_IN, authentication="iam"))
    assert iam_verdict(known_cache(), found).users == ("default",)


def test_aws_own_default_user_is_what_it_is_even_unlisted() -> None:
    found = directory([group("default", "alice", engine="redis")], user(engine="redis"))
    assert codes(found) == (F.DEFAULT_USER_UNREPLACED,)


def test_a_default_user_who_is_leaving_or_coming_is_not_there() -> None:
    for more in ({"pending_remove": ("default",)}, {"user_ids": (), "pending_add": ("default",)}):
        found = directory([group("default", **{"engine": "redis", **more})], BUILT_IN)
        assert codes(found) == (F.NO_IAM_USER,)


# -- what AWS owns -------------------------------------------------------------------------------


def test_users_and_groups_of_aws_own_are_judged_when_it_lists_them() -> None:
    own = user("default.iam-user")
    found = directory([group("default.iam-user", group_id="default.iam-user-group")], own)
    judged = iam_verdict(known_cache(user_group_id="default.iam-user-group"), found)
    assert (judged.verdict, judged.users) == (V.READY, ("default.iam-user",))
    assert judged.findings == ()


@pytest.mark.parametrize(
    ("found", "of_cache", "subject"),
    [
        pytest.param(
            directory([]),
            {"user_group_id": "default.iam-user-group"},
            "default.iam-user-group",
            id="group",
        ),
        pytest.param(directory([group("default.iam-user")]), {}, "default.iam-user", id="user"),
    ],
)
def test_what_aws_owns_and_does_not_list_leaves_the_verdict_open(
    found: UsersAndGroups, of_cache: dict[str, Any], subject: str
) -> None:
    judged = iam_verdict(known_cache(**of_cache), found)
    assert (judged.verdict, judged.as_of, judged.users) == (V.UNKNOWN, NOW, ())
    assert [(each.code, each.subject) for each in judged.findings] == [
        (F.USERS_UNREADABLE, subject)
    ]


@pytest.mark.parametrize(
    ("found", "subject"),
    [
        pytest.param(replace(directory([]), unread_groups=frozenset({"app"})), "app", id="group"),
        pytest.param(
            replace(directory([group("alice")]), unread_users=frozenset({"alice"})),
            "alice",
            id="user",
        ),
        pytest.param(
            replace(
                directory([group("alice", "bob")], user("bob", authentication="password")),
                unread_users=frozenset({"alice"}),
            ),
            "alice",
            id="user-beside-one-who-cannot",
        ),
    ],
)
def test_what_aws_tells_of_in_part_leaves_the_verdict_open(
    found: UsersAndGroups, subject: str
) -> None:
    judged = iam_verdict(known_cache(), found)
    assert judged.verdict is V.UNKNOWN
    (said,) = [each for each in judged.findings if each.code is F.USERS_UNREADABLE]
    assert said.subject.endswith(f" {subject}")
    assert F.USER_MISSING not in [each.code for each in judged.findings]


def test_a_user_told_of_in_part_matters_not_where_another_can_log_in() -> None:
    found = directory([group("bob", "alice")], user())
    assert codes(replace(found, unread_users=frozenset({"bob"}))) == ()


def test_an_unlisted_user_of_aws_own_matters_not_where_another_can_log_in() -> None:
    assert codes(directory([group("default.iam-user", "alice")], user())) == ()


# -- users who are not in the group --------------------------------------------------------------


def outsiders(found: UsersAndGroups) -> list[str]:
    told = iam_verdict(known_cache(), found).findings
    return [each.subject for each in told if each.code is F.USER_NOT_IN_GROUP]


def test_where_nobody_can_log_in_at_most_five_who_could_be_added_are_named() -> None:
    people = [user(f"u{n}") for n in range(8)]
    nobody = directory([group()], *people)
    assert outsiders(nobody) == ["u0", "u1", "u2", "u3", "u4"]
    assert len(outsiders(nobody)) == MOST_NAMED
    assert {each.severity for each in iam_verdict(known_cache(), nobody).findings[1:]} == {
        Severity.INFO
    }
    assert outsiders(directory([group("alice")], user(), *people)) == []


@pytest.mark.parametrize(
    "unfit",
    [
        pytest.param({"authentication": "password"}, id="password"),
        pytest.param({"authentication": NO_PASSWORD}, id="no-password"),
        pytest.param({"status": "modifying"}, id="not-active"),
        pytest.param({"user_name": "Alice"}, id="name"),
        pytest.param({"access_string": "on off ~*"}, id="off"),
        pytest.param({"engine": "valkey"}, id="engine"),
        pytest.param({"user_id": "default.alice", "user_name": "default.alice"}, id="aws-own"),
        pytest.param({"user_id": "taken", "user_name": "taken"}, id="name-taken-in-the-group"),
    ],
)
def test_only_who_could_log_in_at_once_is_named(unfit: dict[str, Any]) -> None:
    member = user("job", user_name="taken", engine="redis", authentication="password")
    the_group = group("job", engine="redis")
    fit = user(engine="redis")
    assert outsiders(directory([the_group], member, fit)) == ["alice"]
    assert outsiders(directory([the_group], member, replace(fit, **unfit))) == []


def test_nobody_can_be_added_to_a_group_of_aws_own() -> None:
    found = directory([group(group_id="default.people")], user())
    judged = iam_verdict(known_cache(user_group_id="default.people"), found)
    assert [each.code for each in judged.findings] == [F.NO_IAM_USER]


def test_who_is_being_added_is_told_of_and_does_not_work_yet() -> None:
    found = directory([group(pending_add=("alice",), status="modifying")], user())
    judged = iam_verdict(known_cache(), found)
    assert [(each.code, each.subject) for each in judged.findings] == [
        (F.NO_IAM_USER, "app"),
        (F.USER_NOT_IN_GROUP, "alice"),
    ]
    assert "is being added" in judged.findings[1].message


def test_who_is_being_added_is_judged_before_it_is_in() -> None:
    off = user("bob", access_string="off")
    found = directory([group("alice", pending_add=("bob",), status="modifying")], user(), off)
    judged = iam_verdict(known_cache(), found)
    assert (judged.verdict, judged.users) == (V.READY, ("alice",))
    assert [(each.code, each.subject) for each in judged.findings] == [(F.USER_DISABLED, "bob")]


def test_who_is_being_taken_out_is_somebody_to_add_again() -> None:
    found = directory([group("alice", pending_remove=("alice",), status="modifying")], user())
    judged = iam_verdict(known_cache(), found)
    assert (judged.verdict, judged.users) == (V.NOT_READY, ())
    assert outsiders(found) == ["alice"]
    assert "is being taken out" in judged.findings[1].message


def test_those_being_added_count_among_the_five() -> None:
    people = [user(f"u{n}") for n in range(9)]
    found = directory([group(pending_add=("u7", "u8"), status="modifying")], *people)
    assert outsiders(found) == ["u0", "u1", "u2", "u7", "u8"]
    names = tuple(each.user_id for each in people)
    coming = directory([group("alice", pending_add=names, status="modifying")], user(), *people)
    assert outsiders(coming) == ["u0", "u1", "u2", "u3", "u4"]


# -- all of them ---------------------------------------------------------------------------------


def test_every_code_has_its_row_in_the_table() -> None:
    assert set(FINDINGS) == set(F)


def test_findings_come_with_what_matters_most_first() -> None:
    found = directory(
        [group("zed", "default", "job", "ann", engine="redis")],
        BUILT_IN,
        user("zed", engine="redis", access_string="off"),
        user("job", engine="redis", authentication="password"),
        user("eve", engine="redis"),
    )
    assert codes(found) == (
        F.NO_IAM_USER,
        F.USER_MISSING,
        F.USER_DISABLED,
        F.DEFAULT_USER_UNREPLACED,
        F.USER_NOT_IAM,
        F.USER_NOT_IN_GROUP,
    )
