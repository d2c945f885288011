"""Whether somebody could log in with IAM (aws/README: Users and groups)."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.codes import FindingCode, IamVerdict, Severity
from discovery.model.values import UNKNOWN, CacheUser, Endpoint, UnknownType, UsersAndGroups
from discovery.plan.iam.members import engines_fit, is_on
from discovery.plan.iam.verdict import iam_verdict
from tests.support.plan_inputs import READY, directory, group, known_cache, user
from tests.support.plan_state import NOW

F, V = FindingCode, IamVerdict
NO_PASSWORD = "no-password"
PUBLIC = Endpoint("orders-abc123.public.serverless.euw1.cache.amazonaws.com", 6379)


def codes(found: UsersAndGroups | UnknownType, **of_cache: Any) -> tuple[FindingCode, ...]:
    return tuple(each.code for each in iam_verdict(known_cache(**of_cache), found).findings)


def test_a_member_who_passes_every_check_makes_the_cache_ready() -> None:
    judged = iam_verdict(known_cache(), READY)
    assert (judged.verdict, judged.users, judged.findings) == (V.READY, ("alice",), ())
    assert judged.as_of == NOW


# Every row fails its own check and, where that can be, a later one as well.
LADDER: list[tuple[FindingCode, dict[str, Any], UsersAndGroups]] = [
    (F.ENGINE_TOO_OLD, {"engine_version": "7.1", "user_group_id": None}, directory([])),
    (F.NO_USER_GROUP, {"user_group_id": None}, directory([])),
    (F.GROUP_MISSING, {}, directory([])),
    (
        F.GROUP_NOT_ACTIVE,
        {"engine": "redis"},
        directory([group(status="creating", engine="valkey")]),
    ),
    (F.GROUP_ENGINE_MISMATCH, {"engine": "redis"}, directory([group()])),
]


@pytest.mark.parametrize(("code", "of_cache", "found"), LADDER, ids=[c.value for c, _, _ in LADDER])
def test_the_first_thing_wrong_with_cache_or_group_is_the_only_one_told(
    code: FindingCode, of_cache: dict[str, Any], found: UsersAndGroups
) -> None:
    judged = iam_verdict(known_cache(**of_cache), found)
    assert (judged.verdict, judged.users) == (V.NOT_READY, ())
    assert [(each.code, each.severity) for each in judged.findings] == [(code, Severity.BLOCKER)]


USER_LADDER: list[tuple[FindingCode, dict[str, Any] | None]] = [
    (F.USER_MISSING, None),
    (F.USER_NOT_IAM, {"authentication": "password", "user_name": "x", "access_string": "off"}),
    (F.USER_ID_NAME_MISMATCH, {"user_name": "Alice", "access_string": "off"}),
    (F.USER_DISABLED, {"access_string": "off ~* +@all"}),
]


@pytest.mark.parametrize(("code", "of_user"), USER_LADDER, ids=[c.value for c, _ in USER_LADDER])
def test_the_first_thing_wrong_with_a_member_is_the_only_one_told(
    code: FindingCode, of_user: dict[str, Any] | None
) -> None:
    users = () if of_user is None else (user(**of_user),)
    found = directory([group("alice")], *users)
    judged = iam_verdict(known_cache(), found)
    assert judged.verdict is V.NOT_READY
    assert codes(found) == (F.NO_IAM_USER, code)


def test_a_valkey_member_of_a_redis_group_does_not_fit() -> None:
    found = directory([group("alice", engine="redis")], user(engine="valkey"))
    assert codes(found) == (F.NO_IAM_USER, F.ENGINE_MISMATCH)


def test_a_member_on_its_way_out_of_aws_is_not_active() -> None:
    found = directory([group("alice")], user(status="deleting"))
    assert codes(found) == (F.NO_IAM_USER, F.USER_NOT_ACTIVE)


def test_the_status_of_a_member_is_asked_before_its_authentication() -> None:
    found = directory([group("alice")], user(status="deleting", authentication="password"))
    assert codes(found) == (F.NO_IAM_USER, F.USER_NOT_ACTIVE)


@pytest.mark.parametrize(
    ("engine", "version", "major", "old"),
    [
        ("redis", "7.0", "", False),
        ("redis", "6.2.6", "", True),
        ("redis", "7.1", "6", False),
        ("Redis", "5.0.6", "", True),
        ("valkey", "7.2", "", False),
        ("valkey", "7.1", "", True),
        ("VALKEY", "8.1", "", False),
        ("valkey", "10.0", "", False),
        ("valkey", "valkey-7.2.6", "", False),
        ("redis", "redis 6.2", "", True),
        ("redis", "", "7", False),
        ("redis", "", "6", True),
        ("valkey", "", "7", False),
        ("valkey", "", "", False),
        ("redis", "unheard of", "", False),
    ],
)
def test_iam_needs_redis_7_0_or_valkey_7_2_and_an_unread_version_is_not_old(
    engine: str, version: str, major: str, old: bool
) -> None:
    found = directory([group("alice", engine=engine)], user(engine=engine))
    facts = {"engine": engine, "engine_version": version, "major_engine_version": major}
    assert codes(found, **facts) == ((F.ENGINE_TOO_OLD,) if old else ())


@pytest.mark.parametrize(
    ("access", "on"),
    [
        ("on ~* +@all", True),
        ("off ~* +@all", False),
        ("~* +@all", False),
        ("", False),
        ("on off", False),
        ("off on", True),
        ("~* on", True),
        ("ON ~*", True),
        ("on-call ~*", False),
        ("~on +off", False),
        ("\ton\n", True),
    ],
)
def test_the_last_of_on_and_off_wins_and_neither_is_off(access: str, on: bool) -> None:
    assert is_on(access) is on


@pytest.mark.parametrize(
    ("host", "guest", "fits"),
    [
        ("redis", "redis", True),
        ("redis", "valkey", False),
        ("valkey", "redis", True),
        ("valkey", "valkey", True),
        ("Valkey", "VALKEY", True),
        ("Redis", "Valkey", False),
    ],
)
def test_redis_fits_everywhere_and_valkey_only_valkey(host: str, guest: str, fits: bool) -> None:
    assert engines_fit(host, guest) is fits


def test_a_valkey_cache_takes_a_redis_group() -> None:
    found = directory([group("alice", engine="redis")], user(engine="redis"))
    assert iam_verdict(known_cache(), found).verdict is V.READY


@pytest.mark.parametrize(
    ("members", "verdict"),
    [
        pytest.param({"pending_add": ("alice",)}, V.NOT_READY, id="not-a-member-yet"),
        pytest.param({"user_ids": ("alice",), "pending_remove": ("alice",)}, V.NOT_READY, id="out"),
        pytest.param(
            {"user_ids": ("alice",), "pending_add": ("alice",)}, V.NOT_READY, id="listed-too-early"
        ),
        pytest.param({"user_ids": ("alice",), "status": "modifying"}, V.READY, id="group-modifies"),
        pytest.param({"user_ids": ("alice",), "status": "deleting"}, V.NOT_READY, id="group-goes"),
        pytest.param({"user_ids": ("alice",), "status": "creating"}, V.NOT_READY, id="group-comes"),
        pytest.param({"user_ids": ("alice",), "status": ""}, V.READY, id="no-state-told"),
        pytest.param({"user_ids": ("alice",), "status": "improving"}, V.READY, id="a-new-state"),
        pytest.param({"user_ids": ()}, V.NOT_READY, id="nobody"),
    ],
)
def test_groups_in_motion_are_judged_by_what_works_now(
    members: dict[str, Any], verdict: IamVerdict
) -> None:
    assert iam_verdict(known_cache(), directory([group(**members)], user())).verdict is verdict


def test_a_modifying_user_works() -> None:
    found = directory([group("alice")], user(status="modifying"))
    assert iam_verdict(known_cache(), found).verdict is V.READY


@pytest.mark.parametrize("status", ["", "improving"])
def test_a_status_that_nobody_knows_leaves_the_verdict_open(status: str) -> None:
    """A word that AWS adds one day must not turn every cache not-ready (R1)."""
    odd = user(status=status)
    judged = iam_verdict(known_cache(), directory([group("alice")], odd))
    assert (judged.verdict, judged.users) == (V.UNKNOWN, ())
    assert [each.code for each in judged.findings] == [F.USER_NOT_ACTIVE, F.USERS_UNREADABLE]
    other = directory([group("alice", "zoe")], odd, user("zoe"))
    assert iam_verdict(known_cache(), other).verdict is V.READY
    off = directory([group("alice")], user(status=status, access_string="off"))
    assert iam_verdict(known_cache(), off).verdict is V.NOT_READY, "it could not log in either way"


def test_one_good_member_is_enough_and_the_others_are_told() -> None:
    found = directory(
        [group("zoe", "alice", "bob", "alice")], user("zoe"), user(), user("bob", status="deleting")
    )
    judged = iam_verdict(known_cache(), found)
    assert (judged.verdict, judged.users) == (V.READY, ("alice", "zoe"))
    assert [(each.code, each.subject) for each in judged.findings] == [(F.USER_NOT_ACTIVE, "bob")]


def test_a_member_who_needs_no_password_is_warned_of_and_changes_no_verdict() -> None:
    found = directory([group("alice", "guest")], user(), user("guest", authentication=NO_PASSWORD))
    judged = iam_verdict(known_cache(), found)
    assert judged.verdict is V.READY
    assert [(each.code, each.severity) for each in judged.findings] == [
        (F.PASSWORDLESS_USER, Severity.WARNING)
    ]


@pytest.mark.parametrize("authentication", ["password", NO_PASSWORD, "", "smoke signals"])
def test_a_member_who_is_no_iam_user_is_in_order_where_another_can_log_in(
    authentication: str,
) -> None:
    other = user("job", authentication=authentication, access_string="off")
    assert codes(directory([group("alice", "job")], user(), other)) == ()
    assert codes(directory([group("job")], other)) == (F.NO_IAM_USER, F.USER_NOT_IAM)


def test_on_a_public_cache_every_user_must_be_iam() -> None:
    found = directory([group("alice", "job")], user(), user("job", authentication="password"))
    judged = iam_verdict(known_cache(endpoint=PUBLIC), found)
    assert judged.verdict is V.READY
    [shown] = judged.findings
    assert (shown.code, shown.severity, shown.subject) == (F.USER_NOT_IAM, Severity.WARNING, "job")
    assert "every user of a public cache must be IAM" in shown.message


@pytest.mark.parametrize("access", ["on ~* +@all", "off ~* -@all"])
def test_on_a_public_cache_the_default_user_must_not_be_either(access: str) -> None:
    default = user(
        "d", user_name="default", engine="redis", authentication="password", access_string=access
    )
    found = directory([group("alice", "d")], user(), default)
    judged = iam_verdict(known_cache(endpoint=PUBLIC), found)
    assert (judged.verdict, judged.users) == (V.READY, ("alice",))
    assert [(each.code, each.subject) for each in judged.findings] == [(F.USER_NOT_IAM, "d")]
    assert codes(found) == ()


@pytest.mark.parametrize(
    ("users", "by_hand"),
    [
        pytest.param([user("job", authentication="password")], True, id="one"),
        pytest.param(
            [user("job", authentication="password"), user("b", authentication="password")],
            True,
            id="two",
        ),
        pytest.param(
            [
                user("job", authentication="password"),
                user("d", user_name="default", authentication=NO_PASSWORD, access_string="off"),
            ],
            True,
            id="beside-the-default-user",
        ),
        pytest.param(
            [user("job", authentication="password"), user(status="deleting")], False, id="not-all"
        ),
        pytest.param([user("job", authentication="password", access_string="")], False, id="off"),
        pytest.param([], False, id="nobody"),
    ],
)
def test_a_group_of_passwords_lets_a_person_in_by_hand_but_not_iam(
    users: list[CacheUser], by_hand: bool
) -> None:
    found = directory([group(*(each.user_id for each in users))], *users)
    judged = iam_verdict(known_cache(), found)
    assert judged.verdict is V.NOT_READY
    assert judged.findings[0].code is F.NO_IAM_USER
    assert ("AUTH manually" in judged.findings[0].message) is by_hand


def test_unreadable_users_make_the_verdict_unknown() -> None:
    judged = iam_verdict(known_cache(), UNKNOWN)
    assert (judged.verdict, judged.as_of, judged.users) == (V.UNKNOWN, None, ())
    assert [each.code for each in judged.findings] == [F.USERS_UNREADABLE]


@pytest.mark.parametrize(
    ("of_cache", "code"),
    [
        pytest.param({"user_group_id": None}, F.NO_USER_GROUP, id="no-group"),
        pytest.param({"engine_version": "7.1"}, F.ENGINE_TOO_OLD, id="old-engine"),
    ],
)
def test_what_the_cache_itself_says_needs_no_users(
    of_cache: dict[str, Any], code: FindingCode
) -> None:
    assert iam_verdict(known_cache(**of_cache), UNKNOWN).verdict is V.NOT_READY
    assert codes(UNKNOWN, **of_cache) == (code,)
