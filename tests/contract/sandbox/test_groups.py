"""User groups of ElastiCache: who may be a member, and changes that take their time."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.simulated_aws import HUB, REGION, Cloud, message, refusal


@pytest.fixture
def client(cloud: Cloud) -> Any:
    region = cloud.region
    region.add_user("iam-valkey")
    region.add_user("iam-redis", engine="redis")
    region.add_user("pass-valkey", name="pass", authentication="password")
    region.add_user("pass-redis", name="pass", engine="redis", authentication="password")
    region.add_user("open-redis", name="open", engine="redis", authentication="no-password")
    region.add_user("off-default", name="default", engine="redis", authentication="password")
    return cloud.client("elasticache")


def test_a_group_of_each_engine(cloud: Cloud, client: Any) -> None:
    made = client.create_user_group(UserGroupId="G1", Engine="VALKEY", UserIds=["IAM-valkey"])
    assert made["Status"] == "creating"
    client.create_user_group(UserGroupId="g2", Engine="redis", UserIds=["default", "iam-redis"])
    client.create_user_group(UserGroupId="g3", Engine="valkey")
    cloud.region.add_cache("c", group="g2")
    first, second, third = client.describe_user_groups()["UserGroups"]
    assert first == {
        "UserGroupId": "g1",
        "Status": "active",
        "Engine": "valkey",
        "UserIds": ["iam-valkey"],
        "MinimumEngineVersion": "7.2",
        "ReplicationGroups": [],
        "ServerlessCaches": [],
        "ARN": f"arn:aws:elasticache:{REGION}:{HUB}:usergroup:g1",
    }
    assert second["ServerlessCaches"] == ["c"]
    assert third["UserIds"] == []
    [user] = client.describe_users(UserId="iam-redis")["Users"]
    assert user["UserGroupIds"] == ["g2"]


MEMBERSHIP = [
    # user, in a redis group, in a valkey group (aws/README: Users and groups)
    ("iam-redis", True, True),
    ("pass-redis", True, True),
    ("open-redis", True, False),
    ("iam-valkey", False, True),
    ("pass-valkey", False, True),
]


@pytest.mark.parametrize("way", ["create", "modify"])
@pytest.mark.parametrize(("user", "in_redis", "in_valkey"), MEMBERSHIP)
def test_who_may_be_in_which_group(
    client: Any, user: str, in_redis: bool, in_valkey: bool, way: str
) -> None:
    for engine, fits in (("redis", in_redis), ("valkey", in_valkey)):
        others = ["off-default"] if engine == "redis" else []

        def attempt(engine: str = engine, others: list[str] = others) -> None:
            if way == "create":
                client.create_user_group(
                    UserGroupId=f"g-{engine}", Engine=engine, UserIds=[*others, user]
                )
            else:
                asked = {"UserIds": others} if others else {}
                client.create_user_group(UserGroupId=f"g-{engine}", Engine=engine, **asked)
                client.modify_user_group(UserGroupId=f"g-{engine}", UserIdsToAdd=[user])

        if fits:
            attempt()
        else:
            with pytest.raises(ClientError) as caught:
                attempt()
            assert refusal(caught.value) == ("InvalidParameterValue", 400)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({"Engine": "redis"}, ("DefaultUserRequired", 400), id="empty redis"),
        pytest.param(
            {"Engine": "redis", "UserIds": ["iam-redis"]},
            ("DefaultUserRequired", 400),
            id="redis without default",
        ),
        pytest.param(
            {"Engine": "redis", "UserIds": ["default", "off-default"]},
            ("DuplicateUserName", 400),
            id="two defaults",
        ),
        pytest.param(
            {"UserIds": ["pass-valkey", "pass-redis"]}, ("DuplicateUserName", 400), id="two names"
        ),
        pytest.param({"UserIds": ["nobody"]}, ("UserNotFound", 404), id="unknown user"),
        pytest.param({"Engine": "memcached"}, ("InvalidParameterValue", 400), id="engine"),
        pytest.param({"UserGroupId": "a.b"}, ("InvalidParameterValue", 400), id="id"),
    ],
)
def test_groups_that_are_refused(
    client: Any, asked: dict[str, Any], expected: tuple[str, int]
) -> None:
    with pytest.raises(ClientError) as caught:
        client.create_user_group(**({"UserGroupId": "g", "Engine": "valkey"} | asked))
    assert refusal(caught.value) == expected
    if expected[0] == "DefaultUserRequired":
        assert message(caught.value) == (
            "User group needs to contain a user with the user name default."
        )
    assert client.describe_user_groups()["UserGroups"] == []


def test_pending_changes(slow_cloud: Cloud) -> None:
    region = slow_cloud.region
    for user in ("a", "b", "c"):
        region.add_user(user)
    region.add_user_group("g", users=("a", "b"))
    client = slow_cloud.client("elasticache")
    client.modify_user_group(UserGroupId="G", UserIdsToAdd=["c"], UserIdsToRemove=["a"])
    [group] = client.describe_user_groups(UserGroupId="g")["UserGroups"]
    assert (group["Status"], group["UserIds"]) == ("modifying", ["a", "b"])
    assert group["PendingChanges"] == {"UserIdsToAdd": ["c"], "UserIdsToRemove": ["a"]}
    with pytest.raises(ClientError) as caught:
        client.modify_user_group(UserGroupId="g", UserIdsToAdd=["c"])
    assert refusal(caught.value) == ("InvalidUserGroupState", 400)
    slow_cloud.world.clock.advance(timedelta(minutes=1))
    [group] = client.describe_user_groups(UserGroupId="g")["UserGroups"]
    assert (group["Status"], group["UserIds"]) == ("active", ["b", "c"])
    assert "PendingChanges" not in group


def test_the_default_user_is_swapped_in_one_go(client: Any) -> None:
    client.create_user_group(UserGroupId="g", Engine="redis", UserIds=["default"])
    with pytest.raises(ClientError, match="DefaultUserRequired"):
        client.modify_user_group(UserGroupId="g", UserIdsToRemove=["default"])
    with pytest.raises(ClientError, match="DuplicateUserName"):
        client.modify_user_group(UserGroupId="g", UserIdsToAdd=["off-default"])
    client.modify_user_group(
        UserGroupId="g", UserIdsToRemove=["default"], UserIdsToAdd=["off-default"]
    )
    [group] = client.describe_user_groups()["UserGroups"]
    assert group["UserIds"] == ["off-default"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, ("InvalidParameterCombination", 400), id="nothing"),
        pytest.param(
            {"UserIdsToAdd": ["iam-valkey"]}, ("InvalidParameterCombination", 400), id="is in"
        ),
        pytest.param({"UserIdsToRemove": ["iam-redis"]}, ("UserNotFound", 404), id="is not in"),
        pytest.param({"UserIdsToAdd": ["nobody"]}, ("UserNotFound", 404), id="unknown"),
        pytest.param(
            {"UserIdsToAdd": ["iam-redis"], "UserIdsToRemove": ["iam-redis"]},
            ("InvalidParameterCombination", 400),
            id="in and out",
        ),
        pytest.param({"Engine": "redis"}, ("InvalidParameterCombination", 400), id="engine back"),
    ],
)
def test_changes_that_are_refused(
    client: Any, asked: dict[str, Any], expected: tuple[str, int]
) -> None:
    client.create_user_group(UserGroupId="g", Engine="valkey", UserIds=["iam-valkey"])
    with pytest.raises(ClientError) as caught:
        client.modify_user_group(UserGroupId="g", **asked)
    assert refusal(caught.value) == expected


def test_a_group_becomes_valkey_when_nobody_minds(cloud: Cloud, client: Any) -> None:
    client.create_user_group(UserGroupId="g", Engine="redis", UserIds=["default"])
    with pytest.raises(ClientError, match="without a password"):
        client.modify_user_group(UserGroupId="g", Engine="valkey")
    cloud.region.add_user_group("h", engine="redis", users=("off-default",))
    cloud.region.add_cache("c", engine="redis", group="h")
    with pytest.raises(ClientError, match="cache c has engine redis"):
        client.modify_user_group(UserGroupId="h", Engine="valkey")
    cloud.region.remove_cache("c")
    client.modify_user_group(UserGroupId="h", Engine="valkey")
    [group] = client.describe_user_groups(UserGroupId="h")["UserGroups"]
    assert group["Engine"] == "valkey"


def test_deletion(slow_cloud: Cloud) -> None:
    slow_cloud.region.add_user_group("g")
    slow_cloud.region.add_cache("c", group="g")
    client = slow_cloud.client("elasticache")
    with pytest.raises(ClientError) as caught:
        client.delete_user_group(UserGroupId="g")
    assert refusal(caught.value) == ("InvalidUserGroupState", 400)
    slow_cloud.region.remove_cache("c")
    assert client.delete_user_group(UserGroupId="g")["Status"] == "deleting"
    slow_cloud.world.clock.advance(timedelta(minutes=1))
    with pytest.raises(ClientError) as caught:
        client.describe_user_groups(UserGroupId="g")
    assert refusal(caught.value) == ("UserGroupNotFound", 404)


def test_quotas(cloud: Cloud, client: Any) -> None:
    for number in range(200):
        cloud.region.add_user_group(f"g{number}")
    with pytest.raises(ClientError) as caught:
        client.create_user_group(UserGroupId="g", Engine="valkey")
    assert refusal(caught.value) == ("UserGroupQuotaExceeded", 400)
    crowd = [f"u{number}" for number in range(101)]
    for user in crowd:
        cloud.region.add_user(user)
    with pytest.raises(ClientError) as caught:
        client.modify_user_group(UserGroupId="g0", UserIdsToAdd=crowd)
    assert refusal(caught.value) == ("InvalidParameterValue", 400)
    pages = list(
        client.get_paginator("describe_user_groups").paginate(PaginationConfig={"PageSize": 50})
    )
    assert [len(page["UserGroups"]) for page in pages] == [50, 50, 50, 50]
