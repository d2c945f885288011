"""What the world tells of its changes, and how it reaches a queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from discovery.aws.events import Change, Ignored, Subject, read_message
from discovery.sandbox.aws.event_delivery import Delivery, Envelope, EventKind
from discovery.sandbox.aws.queues import Queue
from discovery.sandbox.generated_world import Size, Spread, generate
from tests.support.simulated_aws import HUB, MEMBER, REGION, Cloud

NATIVE, CALLS = frozenset({EventKind.NATIVE}), frozenset({EventKind.CALL})


def subscribed(cloud: Cloud, **how: Any) -> Queue:
    queue = cloud.region.add_queue("changes")
    cloud.world.events.deliver_to(queue, Delivery(**how))
    return queue


def told(cloud: Cloud, queue: Queue) -> list[str]:
    """What was told since it was last asked: events of the service by name, calls by operation,
    with what they are about."""
    return [_line(json.loads(body)) for body in taken(cloud, queue)]


def taken(cloud: Cloud, queue: Queue) -> tuple[str, ...]:
    cloud.world.events.publish_due()
    bodies = queue.bodies
    queue.purge()
    return bodies


def _line(event: Mapping[str, Any]) -> str:
    detail = event["detail"]
    if event["detail-type"] != "AWS API Call via CloudTrail":
        return f"{event['detail-type']}: {detail['SourceIdentifier']}"
    named = next(iter(detail["requestParameters"].values()))
    first = named[0] if isinstance(named, list) else named
    error = f" {detail['errorCode']}" if "errorCode" in detail else ""
    return f"{detail['eventName']}: {first.rpartition(':')[2]}{error}"


def test_the_life_of_a_cache_by_calls(slow_cloud: Cloud) -> None:
    cloud, client = slow_cloud, slow_cloud.client("elasticache")
    queue = subscribed(cloud)
    client.create_serverless_cache(ServerlessCacheName="Orders", Engine="valkey")
    assert told(cloud, queue) == ["CreateServerlessCache: Orders"], "as it was typed"
    cloud.world.clock.advance(timedelta(minutes=1))
    assert told(cloud, queue) == ["Cache Created: orders"]
    client.modify_serverless_cache(ServerlessCacheName="orders", Description="x")
    cloud.world.clock.advance(timedelta(minutes=1))
    assert told(cloud, queue) == ["ModifyServerlessCache: orders", "Cache Updated: orders"]
    client.delete_serverless_cache(ServerlessCacheName="orders")
    assert told(cloud, queue) == ["DeleteServerlessCache: orders"]
    cloud.world.clock.advance(timedelta(minutes=1))
    assert told(cloud, queue) == ["Cache Deleted: orders"]


def test_tags_users_and_groups_by_calls(cloud: Cloud) -> None:
    cache = cloud.region.add_cache("orders")
    client, tagging = cloud.client("elasticache"), cloud.client("resourcegroupstaggingapi")
    queue = subscribed(cloud)
    client.add_tags_to_resource(ResourceName=cache.arn, Tags=[{"Key": "Env", "Value": "Prod"}])
    tagging.tag_resources(ResourceARNList=[cache.arn], Tags={"Env": "Dev"})
    client.remove_tags_from_resource(ResourceName=cache.arn, TagKeys=["Env"])
    updated = "Cache Updated: orders"
    assert told(cloud, queue) == [
        *(updated, "AddTagsToResource: orders"),
        *(updated, "TagResources: orders"),
        *(updated, "RemoveTagsFromResource: orders"),
    ]
    client.create_user(
        UserId="app",
        UserName="app",
        Engine="valkey",
        AccessString="on ~* +@all",
        AuthenticationMode={"Type": "iam"},
    )
    client.create_user_group(UserGroupId="people", Engine="valkey", UserIds=["app"])
    client.modify_user(UserId="app", AccessString="off ~* +@all")
    client.delete_user_group(UserGroupId="people")
    client.delete_user(UserId="app")
    assert told(cloud, queue) == [
        "CreateUser: app",
        "CreateUserGroup: people",
        "ModifyUser: app",
        "DeleteUserGroup: people",
        "DeleteUser: app",
    ]
    tagging.tag_resources(ResourceARNList=[cloud.region.users.values()[0].arn], Tags={"a": "b"})
    [event] = map(json.loads, taken(cloud, queue))
    assert event["detail"]["eventName"] == "TagResources", "users have no events of their own"


def test_what_a_call_says_is_as_cloudtrail_spells_it(cloud: Cloud) -> None:
    queue = subscribed(cloud, kinds=CALLS)
    client = cloud.client("elasticache")
    client.create_user(
        UserId="app",
        UserName="app",
        Engine="valkey",
        AccessString="on ~* +@all",
        AuthenticationMode={"Type": "password", "Passwords": ["a-secret-of-sixteen"]},
        Tags=[{"Key": "Env", "Value": "Prod"}],
    )
    [body] = taken(cloud, queue)
    assert "a-secret-of-sixteen" not in body
    event = json.loads(body)
    assert (event["account"], event["region"], event["source"]) == (HUB, REGION, "aws.elasticache")
    detail = event["detail"]
    assert detail["recipientAccountId"] == HUB
    assert detail["requestParameters"] == {
        "userId": "app",
        "userName": "app",
        "engine": "valkey",
        "accessString": "on ~* +@all",
        "authenticationMode": {
            "type": "password",
            "passwords": "HIDDEN_DUE_TO_SECURITY_REASONS",
        },
        "tags": [{"key": "Env", "value": "Prod"}],
    }
    assert detail["responseElements"]["aRN"].endswith(":user:app")
    assert (detail["readOnly"], "errorCode" in detail) == (False, False)


def test_failed_and_denied_calls_are_recorded_as_failed(cloud: Cloud) -> None:
    queue = subscribed(cloud)
    client = cloud.client("elasticache")
    with pytest.raises(ClientError):
        client.delete_serverless_cache(ServerlessCacheName="nobody")
    cloud.hub.allow(cloud.key.principal_arn, {"Version": "2012-10-17", "Statement": []})
    with pytest.raises(ClientError):
        client.delete_serverless_cache(ServerlessCacheName="nobody")
    bodies = taken(cloud, queue)
    assert [_line(json.loads(body)) for body in bodies] == [
        "DeleteServerlessCache: nobody ServerlessCacheNotFoundFault",
        "DeleteServerlessCache: nobody AccessDenied",
    ]
    assert {read_message(body) for body in bodies} == {Ignored.FAILED_CALL}


def test_strangers_tell_nothing_and_readers_only_on_demand(cloud: Cloud) -> None:
    queue = subscribed(cloud)
    cloud.client("elasticache").describe_serverless_caches()
    cloud.world.keys.revoke(cloud.key.access_key_id)
    with pytest.raises(ClientError):
        cloud.client("elasticache").delete_serverless_cache(ServerlessCacheName="x")
    assert told(cloud, queue) == []
    cloud.world.events.stop_delivering_to(queue)
    cloud.world.events.deliver_to(queue, Delivery(reads=True))
    cloud.world.keys.add(cloud.key)
    cloud.client("elasticache").describe_users()
    [body] = taken(cloud, queue)
    assert read_message(body) is Ignored.READ_ONLY


def test_a_call_in_a_member_account_is_recorded_with_that_account(cloud: Cloud) -> None:
    queue = subscribed(cloud)
    client = cloud.client("elasticache", cloud.assume(), region="us-east-1")
    client.create_serverless_cache(ServerlessCacheName="orders", Engine="valkey")
    changes = [read_message(body) for body in taken(cloud, queue)]
    assert len(changes) == 2
    for change in changes:
        assert isinstance(change, Change)
        assert (change.scope.account_id, change.scope.region) == (MEMBER, "us-east-1")
        assert {arn.rpartition(":")[2] for arn in change.arns} == {"orders"}


def test_what_a_test_changes_is_published_in_both_ways(cloud: Cloud) -> None:
    queue, region = subscribed(cloud), cloud.region
    cache = region.add_cache("orders", tags={"env": "prod"})
    assert told(cloud, queue) == ["CreateServerlessCache: orders", "Cache Created: orders"]
    region.change_cache("orders", user_group_id="people")
    assert told(cloud, queue) == ["ModifyServerlessCache: orders", "Cache Updated: orders"]
    region.set_tags(cache.arn, {})
    assert told(cloud, queue) == ["AddTagsToResource: orders", "Cache Updated: orders"]
    region.remove_cache("orders")
    assert told(cloud, queue) == ["DeleteServerlessCache: orders", "Cache Deleted: orders"]
    region.add_user("app")
    region.add_user("app", status="modifying")
    region.add_user_group("people", users=("app",))
    region.groups.drop("people")
    region.users.drop("app")
    assert told(cloud, queue) == [
        "CreateUser: app",
        "ModifyUser: app",
        "CreateUserGroup: people",
        "DeleteUserGroup: people",
        "DeleteUser: app",
    ]


def test_a_cache_that_fails_says_so_once(cloud: Cloud) -> None:
    queue, region = subscribed(cloud, kinds=NATIVE), cloud.region
    region.add_cache("orders", status="creating")
    assert told(cloud, queue) == []
    region.change_cache("orders", status="create-failed")
    assert told(cloud, queue) == ["Cache Creation Failed: orders"]
    region.change_cache("orders", description="x")
    assert told(cloud, queue) == []


def test_a_long_poll_is_answered_when_a_cache_becomes_available(slow_cloud: Cloud) -> None:
    cloud = slow_cloud
    queue = subscribed(cloud, kinds=NATIVE)
    cloud.client("elasticache").create_serverless_cache(
        ServerlessCacheName="orders", Engine="valkey"
    )
    cloud.world.clock.advance(timedelta(seconds=59.8))
    url = f"{cloud.url}/{HUB}/{queue.name}"
    answer = cloud.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=9)
    assert _line(json.loads(answer["Messages"][0]["Body"])) == "Cache Created: orders"


# -- the way to the queue ------------------------------------------------------------------------


def test_every_published_event_is_understood(cloud: Cloud) -> None:
    queue = subscribed(cloud, envelope=Envelope.SNS)
    cache = cloud.region.add_cache("orders")
    cloud.region.set_tags(cache.arn, {"a": "b"})
    cloud.region.add_user("app")
    cloud.region.add_user_group("people")
    bodies = taken(cloud, queue)
    assert {json.loads(body)["Type"] for body in bodies} == {"Notification"}
    found = [read_message(body) for body in bodies]
    assert [each.what for each in found if isinstance(each, Change)] == [
        *(Subject.CACHE, Subject.CACHE, Subject.TAGS, Subject.CACHE),
        *(Subject.USER, Subject.USER_GROUP),
    ]
    assert len({each.event_id for each in found if isinstance(each, Change)}) == len(found)


def test_events_are_late_lost_and_doubled_by_the_seed(cloud: Cloud) -> None:
    def numbers(queue: Queue) -> list[int]:
        events = map(json.loads, taken(cloud, queue))
        return [int(event["detail"]["SourceIdentifier"].rpartition("-")[2]) for event in events]

    options = {
        "late": Delivery(kinds=NATIVE, delay=timedelta(minutes=5)),
        "lost": Delivery(kinds=NATIVE, drop=0.5, seed=1),
        "doubled": Delivery(kinds=NATIVE, duplicate=0.5, seed=1),
        "overtaken": Delivery(kinds=NATIVE, jitter=timedelta(minutes=1), seed=1),
        "shuffled": Delivery(kinds=NATIVE, shuffled=True, seed=1),
    }
    queues = {name: cloud.region.add_queue(name) for name in options}
    for name, delivery in options.items():
        cloud.world.events.deliver_to(queues[name], delivery)
    for number in range(40):
        cloud.region.add_cache(f"cache-{number}")
    assert queues["late"].counts == (0, 0, 40)
    cloud.world.clock.advance(timedelta(minutes=6))
    assert queues["late"].counts == (40, 0, 0)
    assert numbers(queues["late"]) == list(range(40))
    lost = numbers(queues["lost"])
    assert 10 < len(lost) < 30
    assert lost == sorted(lost)
    doubled = numbers(queues["doubled"])
    assert (50 < len(doubled) < 70, set(doubled)) == (True, set(range(40)))
    for name in ("overtaken", "shuffled"):
        found = numbers(queues[name])
        assert found != sorted(found), name
        assert sorted(found) == list(range(40))


def test_a_shuffled_queue_gives_all_at_once(cloud: Cloud) -> None:
    queue = subscribed(cloud, shuffled=True)
    cloud.region.add_cache("orders")
    assert queue.counts == (2, 0, 0)


def test_a_world_without_a_subscriber_makes_no_event(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(
        "discovery.sandbox.aws.event_delivery.service_event", lambda *_: made.append("native")
    )
    monkeypatch.setattr(
        "discovery.sandbox.aws.event_delivery.cloudtrail_event", lambda *_: made.append("call")
    )
    cloud.region.add_cache("orders")
    cloud.client("elasticache").delete_serverless_cache(ServerlessCacheName="orders")
    assert (made, cloud.world.events.is_expecting) == ([], False)


def test_what_a_generated_cloud_always_had_is_no_news() -> None:
    demo = generate(Size(accounts=1, regions=1, caches=30, spread=Spread.EVEN))
    [account] = demo.world.accounts.values()
    queue = account.region(demo.home).add_queue("changes")
    demo.world.events.deliver_to(queue)
    assert len(account.region(demo.home).caches) == 30
    assert queue.bodies == ()
    account.region(demo.home).add_cache("new")
    assert len(queue.bodies) == 2


def test_events_carry_the_worlds_time(cloud: Cloud) -> None:
    queue = subscribed(cloud)
    cloud.world.clock.advance(timedelta(days=400))
    cloud.region.add_cache("orders")
    now = cloud.world.clock()
    for body in taken(cloud, queue):
        assert abs(datetime.fromisoformat(json.loads(body)["time"]) - now) < timedelta(minutes=1)
