"""The commands that repair a finding: what they are, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.codes import FindingCode
from discovery.model.values import UNKNOWN, CacheUser, Endpoint, UnknownType, UsersAndGroups
from discovery.plan.iam.finding_table import BY_PROBING
from discovery.plan.iam.verdict import iam_verdict
from tests.support.plan_inputs import directory, group, known_cache, user

F = FindingCode
ACCOUNT = "# account 111122223333"
CHOICE = "# what it may do is your choice: +@read reads, +@write writes"
UNTIL_ACTIVE = "# repeat until it prints active"
PERSON = "--access-string 'on ~app:* -@all +@read' --authentication-mode Type=iam"
OFF = "--access-string 'off ~* -@all'"
NO_PASSWORD = "no-password"


def lines(
    code: FindingCode, found: UsersAndGroups | UnknownType, **of_cache: Any
) -> tuple[str, ...]:
    """The repair of the one finding of that code, without `aws elasticache` and the region."""
    [shown] = [
        each for each in iam_verdict(known_cache(**of_cache), found).findings if each.code is code
    ]
    head, *rest = shown.repair
    assert head == ACCOUNT
    return tuple(_short(line) for line in rest)


def _short(line: str) -> str:
    if line.startswith("#"):
        return line
    assert line.startswith("aws elasticache ")
    assert " --region eu-west-1" in line
    return line.removeprefix("aws elasticache ").replace(" --region eu-west-1", "")


def default(**more: Any) -> CacheUser:
    return user("app-d", user_name="default", engine="redis", authentication=NO_PASSWORD, **more)


CUTS_OFF_CLIENTS = "# cuts off clients that name no user"
CUTS_OFF_USERS = "# cuts off whoever logs in as this user today"
NO_WAY_BACK = "# a later version cannot be lowered again"
BUILT_IN = user("default", engine="redis", authentication=NO_PASSWORD)
NEW_VALKEY_GROUP = (
    CHOICE,
    f"create-user --user-id teleport-orders --user-name teleport-orders --engine valkey {PERSON}",
    "create-user-group --user-group-id orders --engine valkey --user-ids teleport-orders",
    UNTIL_ACTIVE,
    "describe-user-groups --user-group-id orders --query 'UserGroups[0].Status' --output text",
    "modify-serverless-cache --serverless-cache-name orders --user-group-id orders",
)
NEW_REDIS_GROUP = (
    f"create-user --user-id orders-default --user-name default --engine redis {OFF} "
    "--no-password-required",
    CHOICE,
    f"create-user --user-id teleport-orders --user-name teleport-orders --engine redis {PERSON}",
    "create-user-group --user-group-id orders --engine redis "
    "--user-ids orders-default teleport-orders",
    UNTIL_ACTIVE,
    "describe-user-groups --user-group-id orders --query 'UserGroups[0].Status' --output text",
    "modify-serverless-cache --serverless-cache-name orders --user-group-id orders",
)

FIRST_GROUP = (
    CHOICE,
    f"create-user --user-id teleport-orders --user-name teleport-orders --engine redis {PERSON}",
    "create-user-group --user-group-id orders --engine redis --user-ids default teleport-orders",
    UNTIL_ACTIVE,
    "describe-user-groups --user-group-id orders --query 'UserGroups[0].Status' --output text",
    "modify-serverless-cache --serverless-cache-name orders --user-group-id orders",
)

REPAIRS = [
    pytest.param(
        F.ENGINE_TOO_OLD,
        directory([]),
        {"engine": "redis", "engine_version": "6.2"},
        (
            NO_WAY_BACK,
            "modify-serverless-cache --serverless-cache-name orders --major-engine-version 7",
        ),
        id="ENGINE_TOO_OLD-redis",
    ),
    pytest.param(
        F.ENGINE_TOO_OLD,
        directory([]),
        {"engine_version": "7.1", "status": "modifying"},
        (
            NO_WAY_BACK,
            "# repeat until it prints available",
            "describe-serverless-caches --serverless-cache-name orders "
            "--query 'ServerlessCaches[0].Status' --output text",
            "modify-serverless-cache --serverless-cache-name orders --major-engine-version 8",
        ),
        id="ENGINE_TOO_OLD-busy-valkey",
    ),
    pytest.param(
        F.NO_USER_GROUP,
        UNKNOWN,
        {"user_group_id": None},
        FIRST_GROUP,
        id="NO_USER_GROUP-valkey",
    ),
    pytest.param(
        F.NO_USER_GROUP,
        directory([]),
        {"user_group_id": None, "engine": "redis", "engine_version": "7.1"},
        FIRST_GROUP,
        id="NO_USER_GROUP-redis",
    ),
    pytest.param(
        F.NO_USER_GROUP,
        directory([], user("teleport-orders", engine="redis")),
        {"user_group_id": None},
        FIRST_GROUP[2:],
        id="NO_USER_GROUP-and-a-user-who-is-there",
    ),
    pytest.param(
        F.NO_USER_GROUP,
        directory([]),
        {"user_group_id": None, "endpoint": Endpoint("orders.public.serverless.example", 6379)},
        (CUTS_OFF_CLIENTS, *NEW_VALKEY_GROUP),
        id="NO_USER_GROUP-on-a-public-cache",
    ),
    pytest.param(F.GROUP_MISSING, directory([]), {}, NEW_VALKEY_GROUP, id="GROUP_MISSING"),
    pytest.param(
        F.GROUP_NOT_ACTIVE,
        directory([group(status="creating")]),
        {},
        (
            UNTIL_ACTIVE,
            "describe-user-groups --user-group-id app --query 'UserGroups[0].Status' --output text",
        ),
        id="GROUP_NOT_ACTIVE-creating",
    ),
    pytest.param(
        F.GROUP_NOT_ACTIVE,
        directory([group(status="deleting")]),
        {},
        NEW_VALKEY_GROUP,
        id="GROUP_NOT_ACTIVE-deleting",
    ),
    pytest.param(
        F.GROUP_ENGINE_MISMATCH,
        directory([group()]),
        {"engine": "Redis", "engine_version": "7.1"},
        NEW_REDIS_GROUP,
        id="GROUP_ENGINE_MISMATCH",
    ),
    pytest.param(
        F.NO_IAM_USER,
        directory([group()]),
        {},
        (
            CHOICE,
            f"create-user --user-id teleport-app --user-name teleport-app --engine valkey {PERSON}",
            "modify-user-group --user-group-id app --user-ids-to-add teleport-app",
        ),
        id="NO_IAM_USER",
    ),
    pytest.param(
        F.NO_IAM_USER,
        directory([group("ghost", engine="redis", status="modifying")]),
        {},
        (
            CHOICE,
            f"create-user --user-id teleport-app --user-name teleport-app --engine redis {PERSON}",
            UNTIL_ACTIVE,
            "describe-user-groups --user-group-id app --query 'UserGroups[0].Status' --output text",
            "modify-user-group --user-group-id app --user-ids-to-add teleport-app "
            "--user-ids-to-remove ghost",
        ),
        id="NO_IAM_USER-group-in-motion-with-one-AWS-would-refuse",
    ),
    pytest.param(
        F.NO_IAM_USER,
        directory(
            [group("default", "leaving", "valkyrie", engine="redis")],
            user("leaving", engine="redis", status="deleting"),
            user("valkyrie"),
        ),
        {},
        (
            CHOICE,
            f"create-user --user-id teleport-app --user-name teleport-app --engine redis {PERSON}",
            "modify-user-group --user-group-id app --user-ids-to-add teleport-app "
            "--user-ids-to-remove leaving valkyrie",
        ),
        id="NO_IAM_USER-with-members-whom-AWS-does-not-keep",
    ),
    pytest.param(
        F.NO_IAM_USER,
        directory([group("job")], user("job", engine="redis", authentication=NO_PASSWORD)),
        {},
        (
            CUTS_OFF_USERS,
            CHOICE,
            f"create-user --user-id teleport-app --user-name teleport-app --engine valkey {PERSON}",
            "modify-user-group --user-group-id app --user-ids-to-add teleport-app "
            "--user-ids-to-remove job",
        ),
        id="NO_IAM_USER-beside-one-without-a-password-in-a-valkey-group",
    ),
    pytest.param(
        F.NO_IAM_USER,
        directory([group(group_id="default.people")]),
        {"user_group_id": "default.people"},
        NEW_VALKEY_GROUP,
        id="NO_IAM_USER-in-a-group-that-nobody-may-change",
    ),
    pytest.param(
        F.USER_MISSING,
        directory([group("ghost", "alice")], user()),
        {},
        ("modify-user-group --user-group-id app --user-ids-to-remove ghost",),
        id="USER_MISSING",
    ),
    pytest.param(
        F.USER_NOT_ACTIVE,
        directory([group("alice")], user(status="deleting")),
        {},
        ("modify-user-group --user-group-id app --user-ids-to-remove alice",),
        id="USER_NOT_ACTIVE-deleting",
    ),
    pytest.param(
        F.USER_NOT_ACTIVE,
        directory([group("alice")], user(status="pondering")),
        {},
        (
            UNTIL_ACTIVE,
            "describe-users --user-id alice --query 'Users[0].Status' --output text",
        ),
        id="USER_NOT_ACTIVE-unheard-of",
    ),
    pytest.param(
        F.PASSWORDLESS_USER,
        directory(
            [group("alice", engine="redis")], user(engine="redis", authentication=NO_PASSWORD)
        ),
        {},
        (
            CUTS_OFF_USERS,
            "modify-user --user-id alice --authentication-mode Type=iam",
        ),
        id="PASSWORDLESS_USER",
    ),
    pytest.param(
        F.USER_NOT_IAM,
        directory([group("alice")], user(authentication="password", access_string="off ~*")),
        {},
        (
            CHOICE,
            "modify-user --user-id alice --authentication-mode Type=iam "
            "--access-string 'on ~app:* -@all +@read'",
        ),
        id="USER_NOT_IAM",
    ),
    pytest.param(
        F.USER_NOT_IAM,
        directory([group("job")], user("job", user_name="app", authentication="password")),
        {},
        (
            CUTS_OFF_USERS,
            CHOICE,
            f"create-user --user-id job-iam --user-name job-iam --engine valkey {PERSON}",
            "modify-user-group --user-group-id app --user-ids-to-add job-iam "
            "--user-ids-to-remove job",
        ),
        id="USER_NOT_IAM-with-a-name-that-stays",
    ),
    pytest.param(
        F.USER_ID_NAME_MISMATCH,
        directory([group("alice")], user(user_name="Alice"), user("alice-iam")),
        {},
        (
            CHOICE,
            f"create-user --user-id alice-iam-2 --user-name alice-iam-2 --engine valkey {PERSON}",
            "modify-user-group --user-group-id app --user-ids-to-add alice-iam-2 "
            "--user-ids-to-remove alice",
        ),
        id="USER_ID_NAME_MISMATCH",
    ),
    pytest.param(
        F.USER_DISABLED,
        directory([group("alice")], user(access_string="off +@all", status="modifying")),
        {},
        (
            "# it may do then what the rest of its access string allows",
            UNTIL_ACTIVE,
            "describe-users --user-id alice --query 'Users[0].Status' --output text",
            "modify-user --user-id alice --append-access-string on",
        ),
        id="USER_DISABLED",
    ),
    pytest.param(
        F.USER_DISABLED,
        directory([group("alice")], user(access_string="off ~* -@all")),
        {},
        (CHOICE, "modify-user --user-id alice --access-string 'on ~app:* -@all +@read'"),
        id="USER_DISABLED-who-could-do-nothing",
    ),
    pytest.param(
        F.USER_DISABLED,
        directory([group("default.alice")], user("default.alice", access_string="off")),
        {},
        NEW_VALKEY_GROUP,
        id="USER_DISABLED-whom-nobody-may-change",
    ),
    pytest.param(
        F.USER_DISABLED,
        directory([group("alice", group_id="default.people")], user(access_string="off")),
        {"user_group_id": "default.people"},
        NEW_VALKEY_GROUP,
        id="USER_DISABLED-in-a-group-that-nobody-may-change",
    ),
    pytest.param(
        F.ENGINE_MISMATCH,
        directory([group("alice", engine="redis")], user()),
        {},
        (
            CHOICE,
            f"create-user --user-id alice-iam --user-name alice-iam --engine redis {PERSON}",
            "modify-user-group --user-group-id app --user-ids-to-add alice-iam "
            "--user-ids-to-remove alice",
        ),
        id="ENGINE_MISMATCH",
    ),
    pytest.param(
        F.DEFAULT_USER_OPEN,
        directory([group("app-d", engine="redis")], default()),
        {},
        (CUTS_OFF_CLIENTS, f"modify-user --user-id app-d {OFF}"),
        id="DEFAULT_USER_OPEN",
    ),
    pytest.param(
        F.DEFAULT_USER_OPEN,
        directory([group("app-d")], default()),
        {},
        (CUTS_OFF_CLIENTS, "modify-user-group --user-group-id app --user-ids-to-remove app-d"),
        id="DEFAULT_USER_OPEN-in-a-valkey-group",
    ),
    pytest.param(
        F.DEFAULT_USER_UNREPLACED,
        directory([group("default", engine="redis")], BUILT_IN, user("app-default")),
        {},
        (
            CUTS_OFF_CLIENTS,
            f"create-user --user-id app-default-2 --user-name default --engine redis {OFF} "
            "--no-password-required",
            "modify-user-group --user-group-id app --user-ids-to-add app-default-2 "
            "--user-ids-to-remove default",
        ),
        id="DEFAULT_USER_UNREPLACED",
    ),
    pytest.param(
        F.USER_NOT_IN_GROUP,
        directory([group()], user()),
        {},
        (
            "# whoever may connect as this user elsewhere can log in here too",
            "modify-user-group --user-group-id app --user-ids-to-add alice",
        ),
        id="USER_NOT_IN_GROUP",
    ),
    pytest.param(
        F.USER_NOT_IN_GROUP,
        directory([group(pending_add=("alice",), status="modifying")], user()),
        {},
        (
            UNTIL_ACTIVE,
            "describe-user-groups --user-group-id app --query 'UserGroups[0].Status' --output text",
        ),
        id="USER_NOT_IN_GROUP-yet",
    ),
    pytest.param(
        F.USERS_UNREADABLE,
        UNKNOWN,
        {},
        (
            "# with the role of the agent both must answer",
            "describe-user-groups --query 'length(UserGroups)' --output text",
            "describe-users --query 'length(Users)' --output text",
        ),
        id="USERS_UNREADABLE",
    ),
    pytest.param(
        F.USERS_UNREADABLE,
        directory([]),
        {"user_group_id": "default.people"},
        ("# cuts off whoever logs in by the group attached today", *NEW_VALKEY_GROUP),
        id="USERS_UNREADABLE-of-aws-own",
    ),
]


@pytest.mark.parametrize(("code", "found", "of_cache", "expected"), REPAIRS)
def test_the_repair_of_a_finding(
    code: FindingCode,
    found: UsersAndGroups | UnknownType,
    of_cache: dict[str, Any],
    expected: tuple[str, ...],
) -> None:
    assert lines(code, found, **of_cache) == expected


def test_every_code_has_a_repair_here() -> None:
    assert {row.values[0] for row in REPAIRS} == set(F) - BY_PROBING


def test_an_engine_that_never_has_users_cannot_be_repaired() -> None:
    [shown] = iam_verdict(known_cache(engine="memcached"), directory([])).findings
    assert (shown.code, shown.repair) == (F.ENGINE_TOO_OLD, ())
