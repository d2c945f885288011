"""Whether somebody could log in with IAM (design §5; order of reference aws-elasticache §4)."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.codes import FindingCode, IamVerdict, Severity
from discovery.enrollment.compatibility import engines_fit, is_on, judge
from discovery.model import UNKNOWN, Directory, UnknownType
from tests.unit.enrollment.make import READY, cache, directory, group, user
from tests.unit.enrollment.past import NOW

F, V = FindingCode, IamVerdict


def codes(found: Directory | UnknownType, **of_cache: Any) -> tuple[FindingCode, ...]:
    return tuple(each.code for each in judge(cache(**of_cache), found).findings)


def test_a_member_who_passes_every_check_makes_the_cache_ready() -> None:
    judged = judge(cache(), READY)
    assert (judged.verdict, judged.users, judged.findings) == (V.READY, ("alice",), ())
    assert judged.as_of == NOW


# Every row fails its own check and, where that can be, a later one as well.
LADDER: list[tuple[FindingCode, dict[str, Any], Directory]] = [
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
    code: FindingCode, of_cache: dict[str, Any], found: Directory
) -> None:
    judged = judge(cache(**of_cache), found)
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
    judged = judge(cache(), found)
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
    assert judge(cache(), found).verdict is V.READY


@pytest.mark.parametrize(
    ("members", "verdict"),
    [
        pytest.param({"pending_add": ("alice",)}, V.NOT_READY, id="not-a-member-yet"),
        pytest.param({"user_ids": ("alice",), "pending_remove": ("alice",)}, V.NOT_READY, id="out"),
        pytest.param({"user_ids": ("alice",), "status": "modifying"}, V.READY, id="group-modifies"),
        pytest.param({"user_ids": ("alice",), "status": "deleting"}, V.NOT_READY, id="group-goes"),
        pytest.param({"user_ids": ("alice",), "status": ""}, V.NOT_READY, id="no-known-state"),
        pytest.param({"user_ids": ()}, V.NOT_READY, id="nobody"),
    ],
)
def test_groups_in_motion_are_judged_by_what_works_now(
    members: dict[str, Any], verdict: IamVerdict
) -> None:
    assert judge(cache(), directory([group(**members)], user())).verdict is verdict


def test_a_modifying_user_works() -> None:
    found = directory([group("alice")], user(status="modifying"))
    assert judge(cache(), found).verdict is V.READY


def test_one_good_member_is_enough_and_the_others_are_told() -> None:
    found = directory(
        [group("zoe", "alice", "bob", "alice")], user("zoe"), user(), user("bob", status="deleting")
    )
    judged = judge(cache(), found)
    assert (judged.verdict, judged.users) == (V.READY, ("alice", "zoe"))
    assert [(each.code, each.subject) for each in judged.findings] == [(F.USER_NOT_ACTIVE, "bob")]


@pytest.mark.parametrize(
    ("of_user", "open_door"),
    [
        pytest.param({"user_name": "default"}, (F.DEFAULT_USER_OPEN,), id="default"),
        pytest.param({}, (F.PASSWORDLESS_USER,), id="another"),
        pytest.param({"access_string": "off"}, (), id="off"),
    ],
)
def test_a_member_who_needs_no_password_is_warned_of_and_changes_no_verdict(
    of_user: dict[str, Any], open_door: tuple[FindingCode, ...]
) -> None:
    guest = user("guest", **{"authentication": "no-password", **of_user})
    found = directory([group("alice", "guest")], user(), guest)
    judged = judge(cache(), found)
    assert judged.verdict is V.READY
    assert codes(found) == (F.USER_NOT_IAM, *open_door)
    assert Severity.BLOCKER not in [each.severity for each in judged.findings]


def test_unreadable_users_make_the_verdict_unknown() -> None:
    judged = judge(cache(), UNKNOWN)
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
    assert judge(cache(**of_cache), UNKNOWN).verdict is V.NOT_READY
    assert codes(UNKNOWN, **of_cache) == (code,)
