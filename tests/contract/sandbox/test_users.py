"""Users of ElastiCache: authentication, access strings, states."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.simulated_aws import HUB, REGION, Cloud, message, refusal

PASSWORD = "a-long-enough-password"


def create(client: Any, user_id: str = "app", **asked: Any) -> Any:
    asked = {
        "UserName": user_id.lower(),
        "Engine": "valkey",
        "AccessString": "on ~* +@all",
        "AuthenticationMode": {"Type": "iam"},
    } | asked
    asked = {name: value for name, value in asked.items() if value is not None}
    return client.create_user(UserId=user_id, **asked)


def test_every_region_has_the_built_in_user(cloud: Cloud) -> None:
    [user] = cloud.client("elasticache").describe_users()["Users"]
    assert user == {
        "UserId": "default",
        "UserName": "default",
        "Status": "active",
        "Engine": "redis",
        "MinimumEngineVersion": "6.0",
        "AccessString": "on ~* +@all",
        "UserGroupIds": [],
        "Authentication": {"Type": "no-password"},
        "ARN": f"arn:aws:elasticache:{REGION}:{HUB}:user:default",
    }


def test_an_iam_user(cloud: Cloud) -> None:
    client = cloud.client("elasticache")
    made = create(client, "App-1", AccessString="on ~app::* +@read")
    assert made["UserId"] == made["UserName"] == "app-1"
    assert made["Authentication"] == {"Type": "iam"}
    assert made["AccessString"] == "on ~app::* -@all +@read"
    assert made["Status"] == "active"
    [again] = client.describe_users(UserId="APP-1")["Users"]
    assert again == {name: made[name] for name in again}


@pytest.mark.parametrize(
    ("asked", "authentication"),
    [
        pytest.param(
            {"AuthenticationMode": {"Type": "password", "Passwords": [PASSWORD, PASSWORD + "2"]}},
            {"Type": "password", "PasswordCount": 2},
            id="passwords",
        ),
        pytest.param(
            {"AuthenticationMode": None, "Passwords": [PASSWORD]},
            {"Type": "password", "PasswordCount": 1},
            id="the old way",
        ),
        pytest.param(
            {"AuthenticationMode": {"Type": "no-password-required"}, "Engine": "redis"},
            {"Type": "no-password"},
            id="no password",
        ),
        pytest.param(
            {"AuthenticationMode": None, "NoPasswordRequired": True, "Engine": "redis"},
            {"Type": "no-password"},
            id="no password the old way",
        ),
    ],
)
def test_other_ways_to_log_in(
    cloud: Cloud, asked: dict[str, Any], authentication: dict[str, Any]
) -> None:
    made = create(cloud.client("elasticache"), UserName="Some Name", **asked)
    assert made["Authentication"] == authentication
    assert made["UserName"] == "Some Name"


SAME = "User Id and User name must be same for authentication type: iam"


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        pytest.param({"UserName": "other"}, "InvalidParameterCombination", SAME, id="iam name"),
        pytest.param({"UserName": "App"}, "InvalidParameterCombination", SAME, id="iam case"),
        pytest.param({"UserName": "default"}, "InvalidParameterCombination", SAME, id="iam def"),
        pytest.param({"Engine": "mysql"}, "InvalidParameterValue", "", id="engine"),
        pytest.param({"Engine": "memcached"}, "InvalidParameterValue", "", id="memcached"),
        pytest.param({"UserId": "1app"}, "InvalidParameterValue", "", id="id with a digit first"),
        pytest.param({"UserId": "a.b"}, "InvalidParameterValue", "", id="id with a dot"),
        pytest.param({"AccessString": "on >secret ~*"}, "InvalidParameterValue", "", id="password"),
        pytest.param({"AccessString": "on reset"}, "InvalidParameterValue", "", id="reset"),
        pytest.param({"AccessString": "on nopass"}, "InvalidParameterValue", "", id="nopass"),
        pytest.param({"AccessString": "  "}, "InvalidParameterValue", "", id="blank access"),
        pytest.param(
            {"AuthenticationMode": None},
            "InvalidParameterValue",
            "No password was provided.",
            id="nothing",
        ),
        pytest.param(
            {"AuthenticationMode": {"Passwords": [PASSWORD]}},
            "InvalidParameterValue",
            "Input Authentication type: null is not in the allowed list: "
            "[password,no-password-required,iam]",
            id="no type",
        ),
        pytest.param(
            {"AuthenticationMode": {"Type": "ldap"}}, "InvalidParameterValue", "ldap", id="type"
        ),
        pytest.param(
            {"AuthenticationMode": {"Type": "password", "Passwords": ["short"]}},
            "InvalidParameterValue",
            "Passwords length must be between 16-128 characters.",
            id="short password",
        ),
        pytest.param(
            {"AuthenticationMode": {"Type": "password", "Passwords": [PASSWORD] * 3}},
            "InvalidParameterValue",
            "",
            id="three passwords",
        ),
        pytest.param(
            {"AuthenticationMode": {"Type": "iam", "Passwords": [PASSWORD]}},
            "InvalidParameterCombination",
            "",
            id="iam with a password",
        ),
        pytest.param(
            {"NoPasswordRequired": True}, "InvalidParameterCombination", "", id="two ways"
        ),
        pytest.param(
            {"AuthenticationMode": {"Type": "no-password-required"}},
            "InvalidParameterCombination",
            "",
            id="valkey without password",
        ),
    ],
)
def test_users_that_are_refused(cloud: Cloud, asked: dict[str, Any], code: str, words: str) -> None:
    client = cloud.client("elasticache", parameter_validation=False)
    with pytest.raises(ClientError) as caught:
        create(client, asked.get("UserId", "app"), **{k: asked[k] for k in asked if k != "UserId"})
    assert refusal(caught.value) == (code, 400)
    assert words in message(caught.value)
    assert len(client.describe_users()["Users"]) == 1


def test_an_id_is_taken_whatever_its_case(cloud: Cloud) -> None:
    client = cloud.client("elasticache")
    create(client)
    for user_id in ("app", "APP", "default"):
        with pytest.raises(ClientError) as caught:
            create(client, user_id)
        assert refusal(caught.value) == ("UserAlreadyExists", 400)


def test_a_modified_user(slow_cloud: Cloud) -> None:
    client = slow_cloud.client("elasticache")
    create(
        client, UserName="other", AuthenticationMode={"Type": "password", "Passwords": [PASSWORD]}
    )
    changed = client.modify_user(UserId="APP", AppendAccessString="-get ~more off")
    assert changed["Status"] == "modifying"
    assert changed["AccessString"] == "off ~* ~more +@all -get"
    with pytest.raises(ClientError) as caught:
        client.modify_user(UserId="app", AccessString="on")
    assert refusal(caught.value) == ("InvalidUserState", 400)
    slow_cloud.world.clock.advance(timedelta(minutes=1))
    with pytest.raises(ClientError, match=SAME):
        client.modify_user(UserId="app", AuthenticationMode={"Type": "iam"})
    with pytest.raises(ClientError, match="cannot be used together"):
        client.modify_user(UserId="app", AccessString="on", AppendAccessString="on")
    [user] = client.describe_users(UserId="app")["Users"]
    assert user["Status"] == "active"


def test_a_user_leaves_its_groups_when_it_is_deleted(slow_cloud: Cloud) -> None:
    slow_cloud.region.add_user("app")
    slow_cloud.region.add_user_group("g", users=("app",))
    client = slow_cloud.client("elasticache")
    deleted = client.delete_user(UserId="app")
    assert (deleted["Status"], deleted["UserGroupIds"]) == ("deleting", ["g"])
    [group] = client.describe_user_groups()["UserGroups"]
    assert (group["Status"], group["PendingChanges"]["UserIdsToRemove"]) == ("modifying", ["app"])
    slow_cloud.world.clock.advance(timedelta(minutes=1))
    [group] = client.describe_user_groups()["UserGroups"]
    assert (group["Status"], group["UserIds"]) == ("active", [])
    with pytest.raises(ClientError) as caught:
        client.describe_users(UserId="app")
    assert refusal(caught.value) == ("UserNotFound", 404)


def test_default_users_stay(cloud: Cloud) -> None:
    client = cloud.client("elasticache")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: client.delete_user(UserId="default"),
        lambda: client.modify_user(UserId="default", AccessString="off"),
    )
    for attempt in attempts:
        with pytest.raises(ClientError) as caught:
            attempt()
        assert refusal(caught.value) == ("InvalidParameterValue", 400)
    cloud.region.add_user("mine", name="default", engine="redis", authentication="password")
    cloud.region.add_user_group("g", engine="redis", users=("mine",))
    with pytest.raises(ClientError) as caught:
        client.delete_user(UserId="mine")
    assert refusal(caught.value) == ("DefaultUserAssociatedToUserGroup", 400)


def test_pages_and_filters(cloud: Cloud) -> None:
    for number in range(130):
        cloud.region.add_user(f"u{number:03}")
    client = cloud.client("elasticache")
    pages = list(client.get_paginator("describe_users").paginate())
    assert [len(page["Users"]) for page in pages] == [100, 31]
    with pytest.raises(ClientError, match="between 20 and 100"):
        client.describe_users(MaxRecords=10)
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        client.describe_users(Marker="nonsense")

    def ids(**asked: Any) -> list[str]:
        return [user["UserId"] for user in client.describe_users(**asked)["Users"]]

    assert ids(Engine="redis") == ["default"]
    assert ids(Filters=[{"Name": "UserId", "Values": ["u001", "u002"]}]) == ["u001", "u002"]
    assert ids(Filters=[{"Name": "user-name", "Values": ["u001", "default"]}], Engine="Redis") == [
        "default"
    ]
    with pytest.raises(ClientError, match="Unrecognized filter"):
        ids(Filters=[{"Name": "colour", "Values": ["red"]}])


def test_service_owned_users_with_a_dot_can_be_asked_for(cloud: Cloud) -> None:
    cloud.region.add_user("default.iam-user")
    client = cloud.client("elasticache")
    [user] = client.describe_users(UserId="default.iam-user")["Users"]
    assert user["UserName"] == "default.iam-user"
    with pytest.raises(ClientError) as caught:
        client.delete_user(UserId="default.iam-user")
    assert refusal(caught.value) == ("InvalidParameterValue", 400)
