"""Tags through ElastiCache itself."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from discovery.sandbox.aws.timed_store import Delays
from tests.support.simulated_aws import HUB, MEMBER, REGION, Cloud, refusal, running


def arn(resource: str, *, account: str = HUB, region: str = REGION) -> str:
    return f"arn:aws:elasticache:{region}:{account}:{resource}"


CACHE = arn("serverlesscache:orders")


def tags(answer: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in answer["TagList"]}


def test_tags_are_added_replaced_and_removed(cloud: Cloud) -> None:
    cloud.region.add_cache("orders", tags={"env": "dev", "aws:cloudformation:stack-name": "s"})
    client = cloud.client("elasticache")
    added = client.add_tags_to_resource(
        ResourceName=CACHE,
        Tags=[{"Key": "env", "Value": "prod"}, {"Key": "note", "Value": ""}, {"Key": "bare"}],
    )
    everything = {
        "env": "prod",
        "aws:cloudformation:stack-name": "s",
        "note": "",
        "bare": "",
    }
    assert tags(added) == everything == tags(client.list_tags_for_resource(ResourceName=CACHE))
    removed = client.remove_tags_from_resource(ResourceName=CACHE, TagKeys=["note", "no-such"])
    assert "note" not in tags(removed)
    assert len(tags(client.list_tags_for_resource(ResourceName=CACHE))) == 3


def test_users_and_groups_have_tags_too(cloud: Cloud) -> None:
    client = cloud.client("elasticache")
    made = client.create_user(
        UserId="app",
        UserName="app",
        Engine="valkey",
        AccessString="on",
        AuthenticationMode={"Type": "iam"},
        Tags=[{"Key": "a", "Value": "1"}],
    )
    group = client.create_user_group(
        UserGroupId="g", Engine="valkey", Tags=[{"Key": "b", "Value": "2"}]
    )
    assert tags(client.list_tags_for_resource(ResourceName=made["ARN"])) == {"a": "1"}
    assert tags(client.list_tags_for_resource(ResourceName=group["ARN"])) == {"b": "2"}


@pytest.mark.parametrize("state", ["creating", "modifying", "deleting", "create-failed", "odd"])
def test_a_cache_that_is_not_available_tells_no_tags(cloud: Cloud, state: str) -> None:
    cloud.region.add_cache("orders", tags={"env": "prod"}, status=state)
    client = cloud.client("elasticache")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: client.list_tags_for_resource(ResourceName=CACHE),
        lambda: client.add_tags_to_resource(ResourceName=CACHE, Tags=[{"Key": "a"}]),
        lambda: client.remove_tags_from_resource(ResourceName=CACHE, TagKeys=["env"]),
    )
    for attempt in attempts:
        with pytest.raises(ClientError) as caught:
            attempt()
        assert refusal(caught.value) == ("InvalidServerlessCacheStateFault", 400)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(CACHE, ("ServerlessCacheNotFoundFault", 404), id="no such cache"),
        pytest.param(arn("user:app"), ("UserNotFound", 404), id="no such user"),
        pytest.param(arn("usergroup:g"), ("UserGroupNotFound", 404), id="no such group"),
        pytest.param(arn("cluster:c"), ("InvalidARN", 400), id="another kind"),
        pytest.param("orders", ("InvalidARN", 400), id="a name"),
        pytest.param("", ("InvalidARN", 400), id="empty"),
        pytest.param(CACHE + ":x", ("InvalidARN", 400), id="too long"),
        pytest.param(CACHE.replace("aws", "aws-cn"), ("InvalidARN", 400), id="partition"),
        pytest.param(
            arn("serverlesscache:orders", region="eu-west-1"), ("InvalidARN", 400), id="region"
        ),
        pytest.param(
            arn("serverlesscache:orders", account=MEMBER), ("AccessDenied", 403), id="account"
        ),
    ],
)
def test_resources_that_cannot_be_asked(cloud: Cloud, name: str, expected: tuple[str, int]) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.client("elasticache").list_tags_for_resource(ResourceName=name)
    assert refusal(caught.value) == expected


@pytest.mark.parametrize(
    ("new", "code"),
    [
        pytest.param([{"Key": "aws:x", "Value": ""}], "InvalidParameterValue", id="reserved"),
        pytest.param([{"Key": "AWS:x", "Value": ""}], "InvalidParameterValue", id="RESERVED"),
        pytest.param([{"Key": "", "Value": "x"}], "InvalidParameterValue", id="empty key"),
        pytest.param([{"Key": "k" * 129}], "InvalidParameterValue", id="long key"),
        pytest.param([{"Key": "k", "Value": "v" * 257}], "InvalidParameterValue", id="long value"),
        pytest.param([{"Key": "k"}, {"Key": "k"}], "InvalidParameterValue", id="twice"),
        pytest.param(
            [{"Key": f"k{number}"} for number in range(50)],
            "TagQuotaPerResourceExceeded",
            id="51 together",
        ),
    ],
)
def test_tags_that_are_refused(cloud: Cloud, new: list[dict[str, str]], code: str) -> None:
    cloud.region.add_cache("orders", tags={"here": "before"})
    client = cloud.client("elasticache")
    with pytest.raises(ClientError) as caught:
        client.add_tags_to_resource(ResourceName=CACHE, Tags=new)
    assert refusal(caught.value) == (code, 400)
    assert tags(client.list_tags_for_resource(ResourceName=CACHE)) == {"here": "before"}


def test_fifty_tags_of_ones_own_beside_those_of_aws(cloud: Cloud) -> None:
    cloud.region.add_cache("orders", tags={"aws:a": "", "aws:b": ""})
    client = cloud.client("elasticache")
    client.add_tags_to_resource(
        ResourceName=CACHE, Tags=[{"Key": f"k{number}"} for number in range(50)]
    )
    assert len(tags(client.list_tags_for_resource(ResourceName=CACHE))) == 52


HOSTILE = {
    "markup": "x[/bold]y",
    "xml": '<a b="c">&amp;]]></a>',
    "bidi": "\u202egnp.exe",
    "c1": "\u009b2J",
    "lines": "a\nb\r\nc\td",
    "emoji": "🐍" * 64,
    "combining": "e\u0301" * 100,
    "  spaces  ": "  ",
    "k" * 128: "v" * 256,
}


def test_hostile_tags_come_through_unchanged(cloud: Cloud) -> None:
    cloud.region.add_cache("orders")
    client = cloud.client("elasticache")
    client.add_tags_to_resource(
        ResourceName=CACHE, Tags=[{"Key": key, "Value": value} for key, value in HOSTILE.items()]
    )
    assert tags(client.list_tags_for_resource(ResourceName=CACHE)) == HOSTILE


def test_what_xml_cannot_hold_makes_the_answer_unreadable(cloud: Cloud) -> None:
    cloud.region.add_cache("orders", tags={"esc": "\x1b[31m"})
    with pytest.raises(Exception, match="invalid XML received"):
        cloud.client("elasticache").list_tags_for_resource(ResourceName=CACHE)
    found = cloud.client("resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"]
    assert found[0]["Tags"] == [{"Key": "esc", "Value": "\x1b[31m"}]


def test_new_tags_can_keep_a_cache_busy() -> None:
    with running(Delays(retagging=timedelta(seconds=30))) as cloud:
        cloud.region.add_cache("orders")
        client = cloud.client("elasticache")
        client.add_tags_to_resource(ResourceName=CACHE, Tags=[{"Key": "a"}])
        [cache] = client.describe_serverless_caches()["ServerlessCaches"]
        assert cache["Status"] == "modifying"
        cloud.world.clock.advance(timedelta(seconds=30))
        assert tags(client.list_tags_for_resource(ResourceName=CACHE)) == {"a": ""}
