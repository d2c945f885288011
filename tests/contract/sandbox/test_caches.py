"""Serverless caches: pages, names, lifecycles, what may be modified."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from discovery.sandbox.aws.faults import Effect, Fault
from tests.support.simulated_aws import HUB, REGION, Cloud, message, refusal

A_MINUTE = timedelta(minutes=1)


def names(client: Any, **asked: Any) -> list[str]:
    pages = client.get_paginator("describe_serverless_caches").paginate(**asked)
    return [cache["ServerlessCacheName"] for page in pages for cache in page["ServerlessCaches"]]


def status(client: Any, name: str) -> str:
    answer = client.describe_serverless_caches(ServerlessCacheName=name)
    return str(answer["ServerlessCaches"][0]["Status"])


def create(client: Any, name: str = "orders", **asked: Any) -> Any:
    asked = {"Engine": "valkey"} | asked
    return client.create_serverless_cache(ServerlessCacheName=name, **asked)["ServerlessCache"]


class TestDescribe:
    def test_no_cache(self, cloud: Cloud) -> None:
        answer = cloud.client("elasticache").describe_serverless_caches()
        assert answer["ServerlessCaches"] == []
        assert "NextToken" not in answer
        assert answer["ResponseMetadata"]["RequestId"]

    def test_every_member_of_a_cache(self, cloud: Cloud) -> None:
        placed = cloud.region.add_cache("Orders", engine="redis", group="g", description="d")
        [cache] = cloud.client("elasticache").describe_serverless_caches()["ServerlessCaches"]
        assert cache.pop("CreateTime") == placed.created_at.replace(
            microsecond=placed.created_at.microsecond // 1000 * 1000
        )
        host = cache["Endpoint"]["Address"]
        assert re.fullmatch(r"orders-[a-z0-9]{6}\.serverless\.euc1\.cache\.amazonaws\.com", host)
        assert cache == {
            "ServerlessCacheName": "orders",
            "Description": "d",
            "Status": "available",
            "Engine": "redis",
            "MajorEngineVersion": "7",
            "FullEngineVersion": "7.1",
            "SecurityGroupIds": list(placed.security_group_ids),
            "Endpoint": {"Address": host, "Port": 6379},
            "ReaderEndpoint": {"Address": host, "Port": 6380},
            "ARN": f"arn:aws:elasticache:{REGION}:{HUB}:serverlesscache:orders",
            "UserGroupId": "g",
            "SubnetIds": list(cloud.region.default_subnet_ids),
        }

    def test_members_can_be_replaced_and_left_out(self, cloud: Cloud) -> None:
        cloud.region.add_cache("odd", wire={"Engine": "VALKEY", "Status": None, "SubnetIds": []})
        [cache] = cloud.client("elasticache").describe_serverless_caches()["ServerlessCaches"]
        assert (cache["Engine"], "Status" in cache, cache["SubnetIds"]) == ("VALKEY", False, [])

    def test_other_engines_partitions_and_public_hosts(self, cloud: Cloud) -> None:
        cloud.region.add_cache("m", engine="memcached")
        cloud.region.add_cache("p", public=True)
        caches = cloud.client("elasticache").describe_serverless_caches()["ServerlessCaches"]
        assert caches[0]["Endpoint"]["Port"] == 11211
        assert ".public.serverless.euc1.cache.amazonaws.com" in caches[1]["Endpoint"]["Address"]
        assert caches[1]["SubnetIds"] == []

        china = cloud.world.account("444455556666", partition="aws-cn")
        china.region("cn-northwest-1").add_cache("c")
        client = cloud.client("elasticache", china.add_key(), "cn-northwest-1")
        [cache] = client.describe_serverless_caches()["ServerlessCaches"]
        assert cache["ARN"].startswith("arn:aws-cn:elasticache:cn-northwest-1:444455556666:")
        assert cache["Endpoint"]["Address"].endswith(".cnw1.cache.amazonaws.com.cn")

    @pytest.mark.slow
    def test_accounts_and_regions_do_not_see_each_other(self, cloud: Cloud) -> None:
        cloud.region.add_cache("here")
        cloud.member.region(REGION).add_cache("there")
        cloud.hub.region("us-east-1").add_cache("elsewhere")
        assert names(cloud.client("elasticache")) == ["here"]
        assert names(cloud.client("elasticache", cloud.assume())) == ["there"]
        assert names(cloud.client("elasticache", region="us-east-1")) == ["elsewhere"]

    @pytest.mark.parametrize(("size", "pages"), [(None, 3), (20, 6), (100, 2)])
    def test_pages(self, cloud: Cloud, size: int | None, pages: int) -> None:
        expected = [f"c{number:03}" for number in range(120)]
        for name in expected:
            cloud.region.add_cache(name)
        client = cloud.client("elasticache")
        config = {"PageSize": size} if size else {}
        assert names(client, PaginationConfig=config) == expected
        assert len(cloud.aws.calls) == pages

    @pytest.mark.parametrize("size", [0, 19, 101, 1000])
    def test_page_sizes_outside_the_range(self, cloud: Cloud, size: int) -> None:
        with pytest.raises(ClientError) as caught:
            cloud.client("elasticache").describe_serverless_caches(MaxResults=size)
        assert refusal(caught.value) == ("InvalidParameterValue", 400)
        assert message(caught.value) == (
            "Invalid value for max records. Must be between 20 and 100"
        )

    def test_tokens_that_are_not_ours(self, cloud: Cloud) -> None:
        for number in range(30):
            cloud.region.add_cache(f"c{number}")
            cloud.member.region(REGION).add_cache(f"c{number}")
        mine = cloud.client("elasticache")
        theirs = cloud.client("elasticache", cloud.assume())
        token = mine.describe_serverless_caches(MaxResults=20)["NextToken"]
        assert len(mine.describe_serverless_caches(NextToken=token)["ServerlessCaches"]) == 10
        for client, bad in ((mine, "garbage"), (mine, token[:-4]), (theirs, token)):
            with pytest.raises(ClientError) as caught:
                client.describe_serverless_caches(NextToken=bad)
            assert refusal(caught.value) == ("InvalidParameterValue", 400)

    def test_a_cache_that_vanishes_between_pages_shifts_nothing(self, cloud: Cloud) -> None:
        for number in range(40):
            cloud.region.add_cache(f"c{number:02}")
        client = cloud.client("elasticache")
        token = client.describe_serverless_caches(MaxResults=20)["NextToken"]
        cloud.region.remove_cache("c05")
        rest = client.describe_serverless_caches(NextToken=token)["ServerlessCaches"]
        assert [cache["ServerlessCacheName"] for cache in rest] == [
            f"c{number:02}" for number in range(20, 40)
        ]

    def test_a_named_cache(self, cloud: Cloud) -> None:
        cloud.region.add_cache("orders")
        cloud.region.add_cache("others")
        client = cloud.client("elasticache")
        assert names(client, ServerlessCacheName="ORDERS") == ["orders"]
        with pytest.raises(ClientError) as caught:
            client.describe_serverless_caches(ServerlessCacheName="order")
        assert refusal(caught.value) == ("ServerlessCacheNotFoundFault", 404)


class TestCreate:
    def test_a_cache_is_creating_then_available(self, slow_cloud: Cloud) -> None:
        client = slow_cloud.client("elasticache")
        made = create(client, "Orders", Description="all orders", MajorEngineVersion="8")
        assert made["ServerlessCacheName"] == "orders"
        assert (made["Status"], made["FullEngineVersion"]) == ("creating", "8.1")
        assert made["SubnetIds"] == list(slow_cloud.region.default_subnet_ids)
        slow_cloud.world.clock.advance(A_MINUTE - timedelta(seconds=5))
        assert status(client, "orders") == "creating"
        slow_cloud.world.clock.advance(timedelta(seconds=5))
        assert status(client, "orders") == "available"

    def test_what_is_stored_is_answered(self, cloud: Cloud) -> None:
        client = cloud.client("elasticache")
        limits = {
            "DataStorage": {"Maximum": 10, "Unit": "GB"},
            "ECPUPerSecond": {"Maximum": 5000, "Minimum": 1000},
        }
        subnets = list(cloud.region.default_subnet_ids[:2])
        create(
            client,
            CacheUsageLimits=limits,
            SubnetIds=subnets,
            SecurityGroupIds=["sg-1"],
            SnapshotRetentionLimit=2,
            DailySnapshotTime="03:00",
            KmsKeyId="k",
        )
        [cache] = client.describe_serverless_caches()["ServerlessCaches"]
        assert cache["CacheUsageLimits"] == limits
        assert (cache["SubnetIds"], cache["SecurityGroupIds"]) == (subnets, ["sg-1"])
        assert (cache["SnapshotRetentionLimit"], cache["DailySnapshotTime"]) == (2, "03:00")

    @pytest.mark.parametrize(
        "name",
        ["1orders", "-orders", "orders-", "or--ders", "or_ders", "órders", "o" * 41, "a.b", ""],
    )
    def test_bad_names(self, cloud: Cloud, name: str) -> None:
        with pytest.raises(ClientError) as caught:
            create(cloud.client("elasticache"), name)
        assert refusal(caught.value) == ("InvalidParameterValue", 400)

    def test_a_name_is_taken_whatever_its_case(self, slow_cloud: Cloud) -> None:
        client = slow_cloud.client("elasticache")
        create(client, "orders")
        with pytest.raises(ClientError) as caught:
            create(client, "ORDERS")
        assert refusal(caught.value) == ("ServerlessCacheAlreadyExistsFault", 400)

    @pytest.mark.parametrize(
        ("asked", "code"),
        [
            pytest.param({"Engine": "mysql"}, "InvalidParameterValue", id="engine"),
            pytest.param({"MajorEngineVersion": "6"}, "InvalidParameterValue", id="version"),
            pytest.param({"SubnetIds": ["subnet-x"]}, "InvalidParameterValue", id="subnet"),
            pytest.param({"UserGroupId": "nobody"}, "UserGroupNotFound", id="group"),
            pytest.param(
                {"Engine": "memcached", "UserGroupId": "g"},
                "InvalidParameterCombination",
                id="memcached with a group",
            ),
            pytest.param(
                {"Engine": "memcached", "SnapshotRetentionLimit": 1},
                "InvalidParameterCombination",
                id="memcached with snapshots",
            ),
            pytest.param(
                {"Tags": [{"Key": "aws:x", "Value": ""}]}, "InvalidParameterValue", id="aws: tag"
            ),
            pytest.param(
                {"Tags": [{"Key": f"k{number}", "Value": ""} for number in range(51)]},
                "TagQuotaPerResourceExceeded",
                id="51 tags",
            ),
        ],
    )
    def test_refusals(self, cloud: Cloud, asked: dict[str, Any], code: str) -> None:
        cloud.region.add_user_group("g")
        with pytest.raises(ClientError) as caught:
            create(cloud.client("elasticache"), **asked)
        assert caught.value.response["Error"]["Code"] == code
        assert names(cloud.client("elasticache")) == []

    def test_subnets_of_two_vpcs(self, cloud: Cloud) -> None:
        cloud.region.add_subnet("subnet-1", vpc="vpc-1")
        cloud.region.add_subnet("subnet-2", vpc="vpc-2")
        with pytest.raises(ClientError, match="same VPC"):
            create(cloud.client("elasticache"), SubnetIds=["subnet-1", "subnet-2"])

    def test_the_quota_binds_the_api_and_not_the_test(self, cloud: Cloud) -> None:
        for number in range(40):
            cloud.region.add_cache(f"c{number}")
        with pytest.raises(ClientError) as caught:
            create(cloud.client("elasticache"))
        assert refusal(caught.value) == ("ServerlessCacheQuotaForCustomerExceededFault", 400)
        cloud.region.add_cache("c40")

    @pytest.mark.parametrize("missing", ["ServerlessCacheName", "Engine"])
    def test_required_members(self, cloud: Cloud, missing: str) -> None:
        asked = {"ServerlessCacheName": "orders", "Engine": "valkey"}
        del asked[missing]
        client = cloud.client("elasticache", parameter_validation=False)
        with pytest.raises(ClientError, match=missing) as caught:
            client.create_serverless_cache(**asked)
        assert refusal(caught.value) == ("MissingParameter", 400)


class TestModify:
    def test_a_group_is_attached_and_removed(self, slow_cloud: Cloud) -> None:
        slow_cloud.region.add_user_group("g")
        slow_cloud.region.add_cache("orders")
        client = slow_cloud.client("elasticache")
        modified = client.modify_serverless_cache(ServerlessCacheName="Orders", UserGroupId="G")
        assert modified["ServerlessCache"]["Status"] == "modifying"
        assert modified["ServerlessCache"]["UserGroupId"] == "g"
        with pytest.raises(ClientError) as caught:
            client.modify_serverless_cache(ServerlessCacheName="orders", Description="x")
        assert refusal(caught.value) == ("InvalidServerlessCacheStateFault", 400)
        slow_cloud.world.clock.advance(A_MINUTE)
        assert status(client, "orders") == "available"
        client.modify_serverless_cache(ServerlessCacheName="orders", RemoveUserGroup=True)
        [cache] = client.describe_serverless_caches()["ServerlessCaches"]
        assert "UserGroupId" not in cache

    @pytest.mark.parametrize(
        ("cache", "group", "fits"),
        [
            ("redis", "redis", True),
            ("redis", "valkey", False),
            ("valkey", "redis", True),
            ("valkey", "valkey", True),
            ("memcached", "redis", False),
            ("memcached", "valkey", False),
        ],
    )
    def test_which_group_fits_which_cache(
        self, cloud: Cloud, cache: str, group: str, fits: bool
    ) -> None:
        cloud.region.add_user_group("g", engine=group)
        cloud.region.add_cache("c", engine=cache)
        client = cloud.client("elasticache")
        if fits:
            client.modify_serverless_cache(ServerlessCacheName="c", UserGroupId="g")
            create(client, "d", Engine=cache, UserGroupId="g")
            return
        attempts: tuple[Callable[[], object], ...] = (
            lambda: client.modify_serverless_cache(ServerlessCacheName="c", UserGroupId="g"),
            lambda: create(client, "d", Engine=cache, UserGroupId="g"),
        )
        for attempt in attempts:
            with pytest.raises(ClientError) as caught:
                attempt()
            assert refusal(caught.value) == ("InvalidParameterCombination", 400)

    @pytest.mark.parametrize("state", ["creating", "modifying", "deleting"])
    def test_a_group_that_is_not_active_cannot_be_attached(self, cloud: Cloud, state: str) -> None:
        cloud.region.add_user_group("g", status=state)
        cloud.region.add_cache("c")
        with pytest.raises(ClientError) as caught:
            cloud.client("elasticache").modify_serverless_cache(
                ServerlessCacheName="c", UserGroupId="g"
            )
        assert refusal(caught.value) == ("InvalidUserGroupState", 400)

    def test_redis_becomes_valkey_in_place_and_never_back(self, cloud: Cloud) -> None:
        before = cloud.region.add_cache("c", engine="redis")
        client = cloud.client("elasticache")
        client.modify_serverless_cache(
            ServerlessCacheName="c", Engine="valkey", MajorEngineVersion="8"
        )
        [cache] = client.describe_serverless_caches()["ServerlessCaches"]
        assert (cache["Engine"], cache["FullEngineVersion"]) == ("valkey", "8.1")
        assert cache["Endpoint"]["Address"] == before.host
        for asked in ({"Engine": "redis"}, {"Engine": "memcached"}, {"MajorEngineVersion": "7"}):
            with pytest.raises(ClientError) as caught:
                client.modify_serverless_cache(ServerlessCacheName="c", **asked)
            assert refusal(caught.value) == ("InvalidParameterCombination", 400)

    @pytest.mark.parametrize(
        "asked",
        [
            pytest.param({}, id="nothing"),
            pytest.param({"RemoveUserGroup": False}, id="nothing really"),
            pytest.param({"Description": "x", "SnapshotRetentionLimit": 1}, id="two fields"),
            pytest.param({"UserGroupId": "g", "RemoveUserGroup": True}, id="both at once"),
        ],
    )
    def test_one_field_at_a_time(self, cloud: Cloud, asked: dict[str, Any]) -> None:
        cloud.region.add_user_group("g")
        cloud.region.add_cache("c")
        with pytest.raises(ClientError) as caught:
            cloud.client("elasticache").modify_serverless_cache(ServerlessCacheName="c", **asked)
        assert refusal(caught.value) == ("InvalidParameterCombination", 400)

    def test_no_such_cache(self, cloud: Cloud) -> None:
        with pytest.raises(ClientError) as caught:
            cloud.client("elasticache").modify_serverless_cache(
                ServerlessCacheName="c", Description="x"
            )
        assert refusal(caught.value) == ("ServerlessCacheNotFoundFault", 404)


class TestDelete:
    def test_a_cache_is_deleting_then_gone(self, slow_cloud: Cloud) -> None:
        slow_cloud.region.add_cache("orders")
        client = slow_cloud.client("elasticache")
        gone = client.delete_serverless_cache(ServerlessCacheName="ORDERS")["ServerlessCache"]
        assert gone["Status"] == "deleting"
        assert status(client, "orders") == "deleting"
        with pytest.raises(ClientError) as caught:
            client.delete_serverless_cache(ServerlessCacheName="orders")
        assert refusal(caught.value) == ("InvalidServerlessCacheStateFault", 400)
        slow_cloud.world.clock.advance(A_MINUTE)
        assert names(client) == []

    def test_a_name_that_returns_is_another_cache(self, cloud: Cloud) -> None:
        client = cloud.client("elasticache")
        first = create(client)
        client.describe_serverless_caches()
        client.delete_serverless_cache(ServerlessCacheName="orders")
        cloud.world.clock.advance(timedelta(seconds=1))
        second = create(client)
        assert second["ARN"] == first["ARN"]
        assert second["CreateTime"] > first["CreateTime"]
        assert second["Endpoint"] != first["Endpoint"]

    def test_a_cache_that_could_not_be_made_can_be_deleted(self, cloud: Cloud) -> None:
        cloud.region.add_cache("c", status="create-failed")
        client = cloud.client("elasticache")
        [cache] = client.describe_serverless_caches()["ServerlessCaches"]
        assert "Endpoint" not in cache
        client.delete_serverless_cache(ServerlessCacheName="c")
        assert names(client) == []

    def test_a_cache_in_the_making_cannot_be_deleted(self, slow_cloud: Cloud) -> None:
        client = slow_cloud.client("elasticache")
        create(client)
        with pytest.raises(ClientError) as caught:
            client.delete_serverless_cache(ServerlessCacheName="orders")
        assert refusal(caught.value) == ("InvalidServerlessCacheStateFault", 400)


def test_an_absent_list_key_when_empty(cloud: Cloud) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.NO_EMPTY_LISTS))
    answer = cloud.client("elasticache").describe_serverless_caches()
    assert "ServerlessCaches" not in answer
