"""Who is let in: signatures, dates, sessions, regions, in each protocol's spelling."""

import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from discovery.sandbox.aws.keys import Key
from tests.support.simulated_aws import HUB, MEMBER, REGION, Cloud, message, refusal

ASKS: dict[str, Callable[[Any], Any]] = {
    "elasticache": lambda client: client.describe_serverless_caches(),
    "resourcegroupstaggingapi": lambda client: client.get_resources(),
    "ec2": lambda client: client.describe_regions(),
}
SERVICES = list(ASKS)


def refused(cloud: Cloud, service: str, key: Key | None = None, region: str = REGION) -> Any:
    with pytest.raises(ClientError) as caught:
        ASKS[service](cloud.client(service, key, region))
    return caught.value


@pytest.mark.parametrize("service", SERVICES)
def test_a_right_signature_is_let_in(cloud: Cloud, service: str) -> None:
    ASKS[service](cloud.client(service))
    ASKS[service](cloud.client(service, cloud.assume()))
    assert [call.account_id for call in cloud.aws.calls.of(service=service)] == [HUB, MEMBER]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("elasticache", ("SignatureDoesNotMatch", 403)),
        ("resourcegroupstaggingapi", ("InvalidSignatureException", 400)),
        ("ec2", ("AuthFailure", 401)),
    ],
)
def test_a_wrong_secret(cloud: Cloud, service: str, expected: tuple[str, int]) -> None:
    assert refusal(refused(cloud, service, replace(cloud.key, secret="wrong"))) == expected
    assert cloud.aws.calls.of(service=service)[0].account_id is None


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("elasticache", ("InvalidClientTokenId", 403)),
        ("resourcegroupstaggingapi", ("UnrecognizedClientException", 400)),
        ("ec2", ("AuthFailure", 401)),
    ],
)
def test_unknown_keys_wrong_tokens_and_regions_that_are_off(
    cloud: Cloud, service: str, expected: tuple[str, int]
) -> None:
    stranger = replace(cloud.key, access_key_id="AKIAAAAAAAAAAAAAAAAA")
    session = cloud.assume()
    for key in (stranger, replace(session, token="x"), replace(session, token=None)):
        assert refusal(refused(cloud, service, key)) == expected
    assert refusal(refused(cloud, service, replace(cloud.key, token="x"))) == expected
    assert refusal(refused(cloud, service, region="me-central-1")) == expected
    cloud.hub.enable("me-central-1")
    ASKS[service](cloud.client(service, region="me-central-1"))
    cloud.hub.disable("me-central-1")
    assert refusal(refused(cloud, service, region="me-central-1")) == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("elasticache", ("ExpiredToken", 403)),
        ("resourcegroupstaggingapi", ("ExpiredTokenException", 400)),
        ("ec2", ("RequestExpired", 400)),
    ],
)
def test_an_expired_session(cloud: Cloud, service: str, expected: tuple[str, int]) -> None:
    session = cloud.assume()
    ASKS[service](cloud.client(service, session))
    assert cloud.world.expire_sessions() == 1
    assert refusal(refused(cloud, service, session)) == expected
    ASKS[service](cloud.client(service))


@pytest.mark.parametrize("skew", [-301, 301], ids=["client ahead", "client behind"])
@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("elasticache", ("SignatureDoesNotMatch", 403)),
        ("resourcegroupstaggingapi", ("InvalidSignatureException", 400)),
        ("ec2", ("RequestExpired", 400)),
    ],
)
def test_a_date_more_than_five_minutes_off(
    cloud: Cloud, service: str, expected: tuple[str, int], skew: int
) -> None:
    cloud.world.auth_clock.advance(timedelta(seconds=skew * 295 // 301))
    ASKS[service](cloud.client(service))
    cloud.world.auth_clock.advance(timedelta(seconds=skew - skew * 295 // 301) * 2)
    error = refused(cloud, service)
    assert refusal(error) == expected
    words = "Signature expired:" if skew > 0 else "Signature not yet current:"
    assert message(error).startswith(words)


def test_the_world_may_be_at_another_time_than_the_clients(cloud: Cloud) -> None:
    session = cloud.assume()
    cloud.world.clock.advance(timedelta(days=400))
    ASKS["elasticache"](cloud.client("elasticache", session))


def test_a_changed_body_or_header_breaks_the_signature(cloud: Cloud) -> None:
    client = cloud.client("elasticache")

    def change_body(request: Any, **_: Any) -> None:
        request.body = request.body.replace("MaxResults=20", "MaxResults=21")

    client.meta.events.register("before-send.elasticache.DescribeServerlessCaches", change_body)
    client.describe_serverless_caches(MaxResults=30)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client.describe_serverless_caches(MaxResults=20)


def test_a_signature_must_cover_host_date_and_token(cloud: Cloud) -> None:
    client = cloud.client("elasticache", cloud.assume())

    def forget_the_token(request: Any, **_: Any) -> None:
        value = request.headers["Authorization"].decode()
        request.headers["Authorization"] = value.replace(";x-amz-security-token", "")

    client.meta.events.register(
        "before-send.elasticache.DescribeServerlessCaches", forget_the_token
    )
    with pytest.raises(ClientError, match="'x-amz-security-token' must be a 'SignedHeader'"):
        client.describe_serverless_caches()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer abc"}, id="another scheme"),
        pytest.param({"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/c"}, id="half a header"),
        pytest.param({"Authorization": "\xff" * 100}, id="noise"),
    ],
)
def test_requests_that_are_not_signed(cloud: Cloud, headers: dict[str, str]) -> None:
    request = urllib.request.Request(cloud.url, data=b"Action=x", headers=headers)
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as answer:
        assert answer.code == 403
        assert b"<Code>MissingAuthenticationToken</Code>" in answer.read()
    [call] = cloud.aws.calls
    assert (call.access_key_id, call.error) == ("", "MissingAuthenticationToken")


def test_a_service_that_is_not_simulated(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="the sandbox has no service 'iam'"):
        cloud.client("iam").list_users()
