"""The Resource Groups Tagging API: what it sees, late, and what it never sees."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from discovery.sandbox.aws.faults import Effect, Fault
from tests.support.simulated_aws import HUB, REGION, Cloud, message, refusal

TAGGING = "resourcegroupstaggingapi"
CACHES = ["elasticache:serverlesscache"]
Seen = dict[str, dict[str, str]]


def arn(name: str) -> str:
    return f"arn:aws:elasticache:{REGION}:{HUB}:serverlesscache:{name}"


def seen(client: Any, **asked: Any) -> Seen:
    found: Seen = {}
    for page in client.get_paginator("get_resources").paginate(**asked):
        for row in page["ResourceTagMappingList"]:
            found[row["ResourceARN"].rpartition(":")[2]] = {
                tag["Key"]: tag["Value"] for tag in row["Tags"]
            }
    return found


def test_never_tagged_caches_are_not_seen_and_formerly_tagged_ones_are(cloud: Cloud) -> None:
    cloud.region.add_cache("tagged", tags={"env": "prod"})
    cloud.region.add_cache("never")
    cloud.region.add_cache("once", tags={"env": "prod"})
    elasticache = cloud.client("elasticache")
    elasticache.remove_tags_from_resource(ResourceName=arn("once"), TagKeys=["env"])
    elasticache.remove_tags_from_resource(ResourceName=arn("never"), TagKeys=["env"])
    assert seen(cloud.client(TAGGING)) == {"once": {}, "tagged": {"env": "prod"}}


def test_the_end_is_an_empty_token(cloud: Cloud) -> None:
    answer = cloud.client(TAGGING).get_resources()
    assert (answer["PaginationToken"], answer["ResourceTagMappingList"]) == ("", [])


def test_new_changed_and_deleted_caches_are_seen_late(slow_cloud: Cloud) -> None:
    elasticache, tagging = slow_cloud.client("elasticache"), slow_cloud.client(TAGGING)
    step = slow_cloud.world.clock.advance
    elasticache.create_serverless_cache(
        ServerlessCacheName="c", Engine="valkey", Tags=[{"Key": "env", "Value": "dev"}]
    )
    step(timedelta(minutes=9))
    assert seen(tagging) == {}
    step(timedelta(minutes=1))
    assert seen(tagging) == {"c": {"env": "dev"}}

    elasticache.add_tags_to_resource(ResourceName=arn("c"), Tags=[{"Key": "env", "Value": "prod"}])
    step(timedelta(minutes=9))
    assert seen(tagging) == {"c": {"env": "dev"}}
    step(timedelta(minutes=1))
    assert seen(tagging) == {"c": {"env": "prod"}}

    elasticache.delete_serverless_cache(ServerlessCacheName="c")
    step(timedelta(hours=2))
    assert elasticache.describe_serverless_caches()["ServerlessCaches"] == []
    assert seen(tagging) == {"c": {"env": "prod"}}
    step(timedelta(minutes=1))
    assert seen(tagging) == {}


def test_the_tags_of_the_dead_are_shown_for_the_new_one(slow_cloud: Cloud) -> None:
    elasticache, tagging = slow_cloud.client("elasticache"), slow_cloud.client(TAGGING)
    slow_cloud.region.add_cache("c", tags={"env": "prod"})
    elasticache.delete_serverless_cache(ServerlessCacheName="c")
    slow_cloud.world.clock.advance(timedelta(minutes=1))
    elasticache.create_serverless_cache(ServerlessCacheName="c", Engine="valkey")
    slow_cloud.world.clock.advance(timedelta(minutes=30))
    assert elasticache.list_tags_for_resource(ResourceName=arn("c"))["TagList"] == []
    assert seen(tagging) == {"c": {"env": "prod"}}
    slow_cloud.world.clock.advance(timedelta(hours=2))
    assert seen(tagging) == {}

    elasticache.delete_serverless_cache(ServerlessCacheName="c")
    slow_cloud.world.clock.advance(timedelta(minutes=1))
    elasticache.create_serverless_cache(
        ServerlessCacheName="c", Engine="valkey", Tags=[{"Key": "env", "Value": "dev"}]
    )
    slow_cloud.world.clock.advance(timedelta(minutes=10))
    assert seen(tagging) == {"c": {"env": "dev"}}
    slow_cloud.world.clock.advance(timedelta(days=1))
    assert seen(tagging) == {"c": {"env": "dev"}}


def test_placed_caches_may_be_unknown_to_it(cloud: Cloud) -> None:
    cloud.region.add_cache("c", tags={"env": "prod"}, indexed=False)
    assert seen(cloud.client(TAGGING)) == {}


def test_kinds(cloud: Cloud) -> None:
    cloud.region.add_cache("cache", tags={"a": ""})
    cloud.region.add_user("user", tags={"a": ""})
    cloud.region.add_user_group("group", tags={"a": ""})
    client = cloud.client(TAGGING)
    expected = {
        "elasticache:serverlesscache": {"cache"},
        "elasticache:user": {"user"},
        "elasticache:usergroup": {"group"},
        "elasticache": {"cache", "user", "group"},
        "ec2:instance": set(),
    }
    for kind, names in expected.items():
        assert seen(client, ResourceTypeFilters=[kind]).keys() == names


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([{"Key": "env", "Values": ["prod", "dev"]}], {"a", "b"}),
        ([{"Key": "env"}], {"a", "b", "c"}),
        ([{"Key": "env", "Values": ["prod"]}, {"Key": "team"}], {"a"}),
        ([{"Key": "ENV"}], set()),
        ([{"Key": "env", "Values": ["pro"]}], set()),
    ],
)
def test_tag_filters(cloud: Cloud, filters: list[dict[str, Any]], expected: set[str]) -> None:
    cloud.region.add_cache("a", tags={"env": "prod", "team": "x"})
    cloud.region.add_cache("b", tags={"env": "dev"})
    cloud.region.add_cache("c", tags={"env": "stage"})
    assert seen(cloud.client(TAGGING), TagFilters=filters).keys() == expected


def test_named_resources(cloud: Cloud) -> None:
    cloud.region.add_cache("a", tags={"env": "prod"})
    client = cloud.client(TAGGING)
    answer = client.get_resources(ResourceARNList=[arn("a"), arn("nobody")])
    assert [row["ResourceARN"] for row in answer["ResourceTagMappingList"]] == [arn("a")]
    with pytest.raises(ClientError) as caught:
        client.get_resources(ResourceARNList=[arn("a")], ResourceTypeFilters=CACHES)
    assert refusal(caught.value) == ("InvalidParameterException", 400)


def test_pages(cloud: Cloud) -> None:
    for number in range(120):
        cloud.region.add_cache(f"c{number:03}", tags={"n": str(number), "env": "prod"})
    client = cloud.client(TAGGING)
    for asked, calls in (({}, 3), ({"ResourcesPerPage": 100}, 2), ({"TagsPerPage": 100}, 3)):
        cloud.aws.calls.clear()
        assert len(seen(client, **asked)) == 120
        assert len(cloud.aws.calls) == calls


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"ResourcesPerPage": 0}, id="no resources"),
        pytest.param({"ResourcesPerPage": 101}, id="too many resources"),
        pytest.param({"TagsPerPage": 150}, id="odd tags"),
        pytest.param({"TagsPerPage": 100, "ResourcesPerPage": 10}, id="both"),
        pytest.param({"PaginationToken": "garbage"}, id="token"),
        pytest.param({"TagFilters": [{"Key": "k"}] * 51}, id="too many filters"),
        pytest.param({"TagFilters": [{"Key": "k", "Values": ["v"] * 21}]}, id="too many values"),
        pytest.param({"TagFilters": [{"Key": "k" * 129}]}, id="long key"),
        pytest.param({"ResourceARNList": []}, id="no arns"),
    ],
)
def test_what_is_refused(cloud: Cloud, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.client(TAGGING, parameter_validation=False).get_resources(**asked)
    assert refusal(caught.value) == ("InvalidParameterException", 400)


def test_a_token_lives_fifteen_minutes(cloud: Cloud) -> None:
    for number in range(60):
        cloud.region.add_cache(f"c{number:03}", tags={"n": str(number)})
    client = cloud.client(TAGGING)
    token = client.get_resources()["PaginationToken"]
    cloud.world.clock.advance(timedelta(minutes=14))
    client.get_resources(PaginationToken=token)
    cloud.world.clock.advance(timedelta(minutes=2))
    with pytest.raises(ClientError) as caught:
        client.get_resources(PaginationToken=token)
    assert refusal(caught.value) == ("PaginationTokenExpiredException", 400)


def test_an_empty_page_may_have_a_token(cloud: Cloud) -> None:
    cloud.region.add_cache("c", tags={"env": "prod"})
    cloud.aws.faults.add(Fault(effect=Effect.EMPTY_FIRST_PAGE))
    client = cloud.client(TAGGING)
    first = client.get_resources()
    assert (first["ResourceTagMappingList"], bool(first["PaginationToken"])) == ([], True)
    assert seen(client) == {"c": {"env": "prod"}}


def test_tags_are_written_through_it(cloud: Cloud) -> None:
    cloud.region.add_cache("a", tags={"old": "1"})
    cloud.region.add_cache("busy", status="modifying")
    client = cloud.client(TAGGING)
    answer = client.tag_resources(
        ResourceARNList=[arn("a"), arn("busy"), arn("nobody")], Tags={"env": "prod"}
    )
    assert answer["FailedResourcesMap"].keys() == {arn("busy"), arn("nobody")}
    assert answer["FailedResourcesMap"][arn("busy")]["ErrorCode"] == "InvalidParameterException"
    assert seen(client) == {"a": {"old": "1", "env": "prod"}}
    assert (
        client.untag_resources(ResourceARNList=[arn("a")], TagKeys=["old", "env"])[
            "FailedResourcesMap"
        ]
        == {}
    )
    assert seen(client) == {"a": {}}
    tags = cloud.client("elasticache").list_tags_for_resource(ResourceName=arn("a"))["TagList"]
    assert tags == []


def test_throttling_is_spelled_as_the_model_has_it(cloud: Cloud) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.THROTTLED))
    with pytest.raises(ClientError) as caught:
        cloud.client(TAGGING).get_resources()
    assert refusal(caught.value) == ("ThrottledException", 400)
    assert message(caught.value) == "Rate exceeded"
