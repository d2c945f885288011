"""Faults on demand: which calls they meet, how often, and what a client sees of them."""

import http.client
import socket
import time
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    PaginationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from discovery.sandbox.aws.faults import Effect, Fault
from tests.support.simulated_aws import HUB, MEMBER, REGION, ROLE, Cloud, message, refusal

LISTING: dict[str, Any] = {"service": "elasticache", "operation": "DescribeServerlessCaches"}


def ask(cloud: Cloud, **where: Any) -> Any:
    return cloud.client("elasticache", **where).describe_serverless_caches()


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Effect.THROTTLED, ("Throttling", 400)),
        (Effect.DENIED, ("AccessDenied", 403)),
        (Effect.EXPIRED, ("ExpiredToken", 403)),
        (Effect.REGION_OFF, ("InvalidClientTokenId", 403)),
        (Effect.INTERNAL, ("InternalFailure", 500)),
    ],
)
def test_refusals_in_the_query_protocol(
    cloud: Cloud, effect: Effect, expected: tuple[str, int]
) -> None:
    cloud.aws.faults.add(Fault(effect=effect, **LISTING))
    with pytest.raises(ClientError) as caught:
        ask(cloud)
    assert refusal(caught.value) == expected
    assert cloud.aws.calls.of("DescribeServerlessCaches")[0].error == expected[0]
    cloud.client("elasticache").describe_users()


def test_any_error(cloud: Cloud) -> None:
    cloud.aws.faults.add(
        Fault(effect=Effect.ERROR, code="OptInRequired", status=403, message="<no & \u202e>")
    )
    for service, operation in (
        ("elasticache", "describe_serverless_caches"),
        ("ec2", "describe_regions"),
        ("resourcegroupstaggingapi", "get_resources"),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(cloud.client(service), operation)()
        assert refusal(caught.value) == ("OptInRequired", 403)
        assert message(caught.value) == "<no & \u202e>"


@pytest.mark.parametrize(
    "where",
    [
        pytest.param({"account": MEMBER}, id="another account"),
        pytest.param({"region": "us-east-1"}, id="another region"),
        pytest.param({"service": "ec2"}, id="another service"),
        pytest.param({"service": "elasticache", "operation": "DescribeUsers"}, id="operation"),
    ],
)
def test_a_fault_stays_where_it_is_put(cloud: Cloud, where: dict[str, Any]) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.DENIED, **where))
    ask(cloud)


def test_a_fault_about_an_account_meets_its_role_and_not_the_caller(cloud: Cloud) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.DENIED, account=MEMBER, service="sts"))
    cloud.client("sts").get_caller_identity()
    with pytest.raises(ClientError) as caught:
        cloud.assume()
    assert refusal(caught.value) == ("AccessDenied", 403)
    cloud.aws.faults.clear()
    cloud.aws.faults.add(Fault(effect=Effect.DENIED, account=HUB, service="sts"))
    cloud.assume()


def test_for_some_calls_after_some_calls(cloud: Cloud) -> None:
    number = cloud.aws.faults.add(Fault(effect=Effect.DENIED, times=2, skip=1))
    client = cloud.client("elasticache")
    outcomes = []
    for _ in range(5):
        try:
            client.describe_serverless_caches()
            outcomes.append("ok")
        except ClientError:
            outcomes.append("denied")
    assert outcomes == ["ok", "denied", "denied", "ok", "ok"]
    assert not cloud.aws.faults.remove(number)


def test_a_retry_heals_a_fault_that_happens_once(cloud: Cloud) -> None:
    for effect in (Effect.RESET, Effect.CUT_OFF, Effect.HTML, Effect.THROTTLED):
        cloud.aws.calls.clear()
        cloud.aws.faults.add(Fault(effect=effect, times=1))
        retries = {"mode": "standard", "total_max_attempts": 2}
        answer = cloud.client("elasticache", retries=retries).describe_serverless_caches()
        assert answer["ResponseMetadata"]["RetryAttempts"] == 1, effect
        assert len(cloud.aws.calls) == 2, effect


def test_latency(cloud: Cloud) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.LATENCY, delay_s=0.3, times=1))
    started = time.monotonic()
    ask(cloud)
    assert time.monotonic() - started >= 0.3
    cloud.aws.faults.add(Fault(effect=Effect.LATENCY, delay_s=30))
    with pytest.raises(ReadTimeoutError):
        ask(cloud, read_timeout=0.2)


def test_latency_does_not_hold_up_others(cloud: Cloud) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.LATENCY, delay_s=30, account=MEMBER, **LISTING))
    slow = cloud.client("elasticache", cloud.assume(), read_timeout=0.2)
    with pytest.raises(ReadTimeoutError):
        slow.describe_serverless_caches()
    started = time.monotonic()
    ask(cloud)
    assert time.monotonic() - started < 5


def test_broken_connections_and_bodies(cloud: Cloud) -> None:
    cloud.region.add_cache("orders")
    for effect, error in (
        (Effect.RESET, ConnectionClosedError),
        (Effect.CUT_OFF, ConnectionClosedError),
        (Effect.TRUNCATED, ResponseParserError),
    ):
        cloud.aws.faults.add(Fault(effect=effect, times=1))
        with pytest.raises(error):
            ask(cloud)
    assert [call.error for call in cloud.aws.calls] == ["(reset)", "(cut off)", None]


def test_an_error_answer_breaks_like_any_other(cloud: Cloud) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.RESET))
    with pytest.raises(ConnectionClosedError):
        cloud.client("elasticache").describe_serverless_caches(ServerlessCacheName="nobody")


def test_html_and_empty_bodies(cloud: Cloud) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.HTML, times=1))
    with pytest.raises(ClientError) as caught:
        ask(cloud)
    assert refusal(caught.value)[1] == 500
    cloud.aws.faults.add(Fault(effect=Effect.HTML, status=200, times=1))
    with pytest.raises(KeyError):  # HTML that is well-formed XML: botocore lets its own slip out
        ask(cloud)
    cloud.aws.faults.add(Fault(effect=Effect.EMPTY_BODY, times=1))
    with pytest.raises(ResponseParserError):
        ask(cloud)


def signed_post(cloud: Cloud) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a listing, as boto3 signs them."""
    client = cloud.client("elasticache")
    caught: list[Any] = []
    client.meta.events.register("before-send", lambda request, **_: caught.append(request))
    client.describe_serverless_caches()
    headers = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in caught[0].headers.items()
    }
    return caught[0].body, headers


def test_a_cut_off_body_is_half_of_what_was_promised(cloud: Cloud) -> None:
    body, headers = signed_post(cloud)
    cloud.aws.faults.add(Fault(effect=Effect.CUT_OFF))
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"))
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    connection.close()
    read, missing = len(caught.value.partial), caught.value.expected or 0
    assert read > 50
    assert abs(read - missing) <= 1


def test_a_reset_connection_is_reset(cloud: Cloud) -> None:
    body, headers = signed_post(cloud)
    cloud.aws.faults.add(Fault(effect=Effect.RESET))
    host, port = cloud.url.removeprefix("http://").split(":")
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(["POST / HTTP/1.1", *lines, f"Host: {host}:{port}", "", ""])
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + (body if isinstance(body, bytes) else body.encode()))
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


class TestPages:
    @pytest.fixture(autouse=True)
    def _three_caches(self, cloud: Cloud) -> None:
        for name in "abc":
            cloud.region.add_cache(name, tags={"k": name})

    def pages(self, cloud: Cloud) -> list[list[str]]:
        paginator = cloud.client("elasticache").get_paginator("describe_serverless_caches")
        return [
            [cache["ServerlessCacheName"] for cache in page["ServerlessCaches"]]
            for page in paginator.paginate()
        ]

    def test_short(self, cloud: Cloud) -> None:
        cloud.aws.faults.add(Fault(effect=Effect.SHORT_PAGES, page_size=2, **LISTING))
        assert self.pages(cloud) == [["a", "b"], ["c"]]

    def test_empty_first(self, cloud: Cloud) -> None:
        cloud.aws.faults.add(Fault(effect=Effect.EMPTY_FIRST_PAGE, **LISTING))
        assert self.pages(cloud) == [[], ["a", "b", "c"]]

    def test_repeated_token(self, cloud: Cloud) -> None:
        cloud.aws.faults.add(Fault(effect=Effect.REPEATED_TOKEN, **LISTING))
        with pytest.raises(PaginationError, match="same next token"):
            self.pages(cloud)
        client = cloud.client("elasticache")
        token = client.describe_serverless_caches()["NextToken"]
        for _ in range(3):
            answer = client.describe_serverless_caches(NextToken=token)
            assert (len(answer["ServerlessCaches"]), answer["NextToken"]) == (3, token)

    @pytest.mark.parametrize(
        ("service", "operation", "token"),
        [
            ("elasticache", "describe_users", "Marker"),
            ("elasticache", "describe_user_groups", "Marker"),
            ("resourcegroupstaggingapi", "get_resources", "PaginationToken"),
            ("ec2", "describe_subnets", "NextToken"),
        ],
    )
    def test_repeated_token_elsewhere(
        self, cloud: Cloud, service: str, operation: str, token: str
    ) -> None:
        cloud.aws.faults.add(Fault(effect=Effect.REPEATED_TOKEN))
        call = getattr(cloud.client(service), operation)
        first = call()[token]
        assert first
        assert call(**{token: first})[token] == first

    def test_failure_after_the_first_page(self, cloud: Cloud) -> None:
        cloud.aws.faults.add(
            Fault(effect=Effect.LATER_PAGE_FAILS, code="Throttling", times=1, **LISTING)
        )
        client = cloud.client("elasticache")
        first = client.describe_serverless_caches()
        assert len(first["ServerlessCaches"]) == 1
        with pytest.raises(ClientError, match="Throttling"):
            client.describe_serverless_caches(NextToken=first["NextToken"])
        answer = client.describe_serverless_caches(NextToken=first["NextToken"])
        assert len(answer["ServerlessCaches"]) == 2

    def test_failure_after_the_first_page_of_nothing(self, cloud: Cloud) -> None:
        cloud.aws.faults.add(Fault(effect=Effect.LATER_PAGE_FAILS, **LISTING))
        client = cloud.client("elasticache", cloud.assume())
        first = client.describe_serverless_caches()
        assert first["ServerlessCaches"] == []
        with pytest.raises(ClientError, match="InternalFailure"):
            client.describe_serverless_caches(NextToken=first["NextToken"])


def test_a_role_that_answers_as_another_account(cloud: Cloud) -> None:
    third = "333344445555"
    cloud.world.account(third).region(REGION).add_cache("of-the-third")
    cloud.member.region(REGION).add_cache("of-the-member")
    cloud.aws.faults.add(
        Fault(
            effect=Effect.OTHER_ACCOUNT,
            account=MEMBER,
            service="sts",
            operation="AssumeRole",
            as_account=third,
        )
    )
    client = cloud.client("sts")
    answer = client.assume_role(RoleArn=ROLE, RoleSessionName="test", ExternalId="a-shared-word")
    assert answer["AssumedRoleUser"]["Arn"].startswith(f"arn:aws:sts::{third}:")
    cloud.aws.faults.add(
        Fault(effect=Effect.OTHER_ACCOUNT, account=HUB, service="sts", as_account=third)
    )
    assert client.get_caller_identity()["Arn"] == f"arn:aws:iam::{third}:user/agent"
    key = cloud.assume()
    assert cloud.client("sts", key).get_caller_identity()["Account"] == third
    [cache] = ask(cloud, key=key)["ServerlessCaches"]
    assert cache["ServerlessCacheName"] == "of-the-third"


def test_arns_of_another_account(cloud: Cloud) -> None:
    cloud.region.add_cache("orders", tags={"note": f"arn:x:{HUB}"})
    cloud.aws.faults.add(Fault(effect=Effect.OTHER_ARNS, as_account=MEMBER))
    [cache] = ask(cloud)["ServerlessCaches"]
    assert cache["ARN"] == f"arn:aws:elasticache:{REGION}:{MEMBER}:serverlesscache:orders"
    found = cloud.client("resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"]
    assert f":{MEMBER}:" in found[0]["ResourceARN"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"effect": "no-such"}, "is not a valid Effect"),
        ({"effect": "error"}, "needs a code"),
        ({"effect": "latency"}, "needs delay_s"),
        ({"effect": "other-arns"}, "needs as_account"),
        ({"effect": "other-arns", "as_account": "1234"}, "12 digits"),
        ({"effect": "denied", "times": 0}, "times is at least 1"),
        ({"effect": "denied", "operation": "DescribeUsers"}, "needs its service"),
        ({"effect": "denied", "service": "tagging"}, "no service is called 'tagging'"),
        (
            {"effect": "denied", "service": "elasticache", "operation": "describe_users"},
            "has no operation describe_users",
        ),
    ],
)
def test_a_fault_that_can_never_apply_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Fault(**fields)
