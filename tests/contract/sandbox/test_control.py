"""The control endpoints, as another process uses them."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from tests.support.simulated_aws import HUB, MEMBER, REGION, Cloud

JSON = {"Content-Type": "application/json"}


def send(
    cloud: Cloud,
    method: str,
    path: str,
    content: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{cloud.url}/_sandbox/{path}",
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers=JSON if headers is None else headers,
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_faults_come_and_go(cloud: Cloud) -> None:
    client = cloud.client("elasticache")
    status, added = send(cloud, "POST", "faults", {"effect": "denied", "region": REGION})
    assert status == 200
    with pytest.raises(ClientError, match="AccessDenied"):
        client.describe_serverless_caches()
    _, listed = send(cloud, "GET", "faults")
    assert listed["faults"][0]["id"] == added["id"]
    assert listed["faults"][0]["effect"] == "denied"
    assert send(cloud, "DELETE", f"faults/{added['id']}") == (200, {"removed": True})
    assert send(cloud, "DELETE", f"faults/{added['id']}") == (200, {"removed": False})
    client.describe_serverless_caches()
    send(cloud, "POST", "faults", {"effect": "denied"})
    assert send(cloud, "DELETE", "faults") == (200, {})
    client.describe_serverless_caches()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"effect": "nonsense"}, "nonsense"),
        ({"effect": "error"}, "needs a code"),
        ({"efect": "denied"}, "unknown: efect; known: account, as_account"),
        ({}, "effect"),
        ([], "not a JSON object"),
        ({"effect": "latency", "delay_s": "soon"}, "'<=' not supported"),
    ],
)
def test_bad_faults(cloud: Cloud, content: Any, words: str) -> None:
    status, answer = send(cloud, "POST", "faults", content)
    assert status == 400
    assert words in answer["error"]
    assert list(cloud.aws.faults) == []


def test_the_clock(slow_cloud: Cloud) -> None:
    client = slow_cloud.client("elasticache")
    client.create_serverless_cache(ServerlessCacheName="c", Engine="valkey")
    assert send(slow_cloud, "POST", "clock", {"advance_s": 60})[0] == 200
    [cache] = client.describe_serverless_caches()["ServerlessCaches"]
    assert cache["Status"] == "available"
    send(slow_cloud, "POST", "clock", {"skew_s": 600})
    with pytest.raises(ClientError, match="Signature expired"):
        client.describe_serverless_caches()
    send(slow_cloud, "POST", "clock", {"skew_s": -600})
    client.describe_serverless_caches()


@pytest.mark.parametrize(
    "content", [{}, {"advance": 1}, {"advance_s": "x"}, {"advance_s": 1e300}, {"advance_s": None}]
)
def test_bad_clocks(cloud: Cloud, content: Any) -> None:
    assert send(cloud, "POST", "clock", content)[0] == 400


def test_sessions_expire(cloud: Cloud) -> None:
    session = cloud.assume()
    assert send(cloud, "POST", "sessions/expire", {}) == (200, {"expired": 1})
    with pytest.raises(ClientError, match="ExpiredToken"):
        cloud.client("elasticache", session).describe_users()


def test_a_token_for_a_pod_and_a_role_that_lets_it_in(cloud: Cloud) -> None:
    status, given = send(cloud, "POST", "web-identity", {"role": "ops/pod"})
    assert status == 200
    assert given["role_arn"] == f"arn:aws:iam::{HUB}:role/ops/pod"
    answer = cloud.client("sts", signature_version=UNSIGNED).assume_role_with_web_identity(
        RoleArn=given["role_arn"], RoleSessionName="me", WebIdentityToken=given["token"]
    )
    assert answer["SubjectFromWebIdentityToken"] == given["subject"]
    assert send(cloud, "POST", "web-identity", {"account": "999999999999"})[0] == 400


def test_state_and_calls(cloud: Cloud) -> None:
    cloud.region.add_cache("orders")
    cloud.client("elasticache").describe_users()
    _, state = send(cloud, "GET", "state")
    assert state["accounts"][HUB]["regions"][REGION] == {
        "caches": {"orders": "available"},
        "users": ["default"],
        "user_groups": [],
        "queues": {},
    }
    _, calls = send(cloud, "GET", "calls")
    [call] = calls["calls"]
    assert (call["operation"], call["access_key_id"]) == (
        "DescribeUsers",
        cloud.key.access_key_id,
    )
    assert cloud.key.secret not in json.dumps([state, calls])
    assert send(cloud, "DELETE", "calls") == (200, {})
    assert len(cloud.aws.calls) == 0


def test_a_web_page_cannot_reach_it(cloud: Cloud) -> None:
    form = {"Content-Type": "text/plain"}
    status, answer = send(cloud, "POST", "faults", {"effect": "denied"}, headers=form)
    assert (status, answer) == (415, {"error": "send Content-Type: application/json"})
    assert list(cloud.aws.faults) == []


def test_unknown_endpoints(cloud: Cloud) -> None:
    status, answer = send(cloud, "GET", "nonsense")
    assert status == 404
    assert "POST /_sandbox/faults" in answer["error"]


def test_the_tally_counts_what_was_asked_until_it_is_cleared(cloud: Cloud) -> None:
    for _ in range(3):
        cloud.client("elasticache").describe_users()
    cloud.client("sts").get_caller_identity()
    assert send(cloud, "GET", "tally")[1] == {
        "tally": {"elasticache:DescribeUsers": 3, "sts:GetCallerIdentity": 1}
    }
    send(cloud, "DELETE", "calls")
    assert send(cloud, "GET", "tally")[1] == {"tally": {}}


def test_regions_change_while_it_runs(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    order = {"account": HUB, "enable": ["eu-south-1"], "disable": ["us-east-1"]}
    status, answer = send(cloud, "POST", "regions", order)
    assert status == 200
    listed = {each["RegionName"] for each in ec2.describe_regions()["Regions"]}
    assert listed == set(answer["enabled_regions"])
    assert "eu-south-1" in listed
    assert "us-east-1" not in listed


def test_a_control_policy_denies_a_region(cloud: Cloud) -> None:
    order = {"account": HUB, "deny": [REGION]}
    assert send(cloud, "POST", "regions", order)[1]["denied_regions"] == [REGION]
    with pytest.raises(ClientError, match="explicit deny in a service control policy"):
        cloud.client("elasticache").describe_serverless_caches()
    cloud.client("sts").get_caller_identity()
    send(cloud, "POST", "regions", {"account": HUB, "deny": []})
    cloud.client("elasticache").describe_serverless_caches()


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"account": "999999999999"},
        {"account": HUB, "enable": "eu-south-1"},
        {"account": HUB, "deny": ["nowhere"]},
        {"account": HUB, "deny": [{}]},
        {"account": HUB, "forget": []},
    ],
)
def test_bad_regions(cloud: Cloud, content: Any) -> None:
    assert send(cloud, "POST", "regions", content)[0] == 400


def test_every_answer_has_the_date_of_the_sandboxs_own_clock(cloud: Cloud) -> None:
    cloud.world.clock.advance(timedelta(days=500))
    headers = cloud.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    ahead = parsedate_to_datetime(headers["date"]) - datetime.now(UTC)
    assert abs(ahead - timedelta(days=500)) < timedelta(minutes=1)
    with pytest.raises(ClientError) as raised:
        cloud.client("sts").assume_role(RoleArn="arn:aws:iam::1:role/none", RoleSessionName="x1")
    assert "date" in raised.value.response["ResponseMetadata"]["HTTPHeaders"]


def test_sessions_of_version_1_are_strangers_where_an_account_can_opt_out(cloud: Cloud) -> None:
    cloud.world.account(MEMBER).enable("eu-south-1")
    good = cloud.assume()
    cloud.world.session_token_version = 1
    old = cloud.assume()
    for session, refused in ((good, False), (old, True)):
        client = cloud.client("elasticache", session, region="eu-south-1")
        if refused:
            with pytest.raises(ClientError, match="InvalidClientTokenId"):
                client.describe_users()
        else:
            client.describe_users()
        cloud.client("elasticache", session).describe_users()
