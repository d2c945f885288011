"""What doctor says of the queue of change events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from discovery.aws.cloud import Cloud
from discovery.config.load import parse_config
from discovery.doctor.queue import check_queue
from discovery.plan.shard import Shard
from discovery.policies.aws import hub_statements
from discovery.policies.document import policy_document
from discovery.policies.usage import AwsUsage, Hub
from discovery.reports.checks import Area, Check, CheckStatus
from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.aws.queues import Queue
from tests.contract.aws.conftest import HOME, HUB, Site

ACTIONS = [
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
]
SENDERS = {
    "Effect": "Allow",
    "Principal": {"Service": ["events.amazonaws.com"]},
    "Action": "sqs:SendMessage",
    "Resource": "*",
}
GOOD = {"VisibilityTimeout": "300", "Policy": json.dumps({"Statement": SENDERS})}


def make(site: Site, name: str = "changes", **attributes: str) -> Queue:
    return site.place().add_queue(name, {**GOOD, **attributes})


def usage_of(site: Site, cloud: Cloud, name: str, **events: Any) -> AwsUsage:
    url = f"{site.url}/{HUB}/{name}"
    document = {"version": 1, "group": "g", "service": {"events": {"queue_url": url, **events}}}
    config = parse_config(json.dumps(document), file="c.yaml", base=Path("/etc"))
    return AwsUsage.of(config, Hub.of(cloud.identity.arn), HOME)


async def examined(
    site: Site, *, name: str = "changes", shard: Shard | None = None, **events: Any
) -> tuple[Check, ...]:
    async with site.cloud() as cloud:
        checks = await check_queue(cloud, usage_of(site, cloud, name, **events), shard)
    assert {each.area for each in checks} == {Area.QUEUE}
    return checks


def bad(checks: tuple[Check, ...]) -> list[Check]:
    return [each for each in checks if each.outcome is not CheckStatus.OK]


async def test_a_queue_that_is_well_is_left_as_it_was(site: Site) -> None:
    queue = make(site)
    queue.send("first")
    queue.send("second")
    checks = await examined(site)
    assert bad(checks) == []
    assert sorted(each.action for each in checks if each.action) == ACTIONS
    assert [each.message for each in checks if not each.action] == ["2 messages to receive"]
    assert queue.counts == (2, 0, 0)


async def test_without_events_there_is_nothing_to_say(site: Site) -> None:
    config = parse_config("version: 1\ngroup: g\n", file="c.yaml", base=Path("/etc"))
    async with site.cloud() as cloud:
        usage = AwsUsage.of(config, Hub.of(cloud.identity.arn), HOME)
        assert await check_queue(cloud, usage, None) == ()
    assert not site.asked("GetQueueAttributes")


async def test_a_queue_that_is_not_there(site: Site) -> None:
    [check] = await examined(site)
    assert check.outcome is CheckStatus.FAIL
    assert "service.events.queue_url" in check.message


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_permission_that_is_missing_is_printed(site: Site, action: str) -> None:
    make(site)
    async with site.cloud() as cloud:
        policy = policy_document(hub_statements(usage_of(site, cloud, "changes")))
    [receives] = [each for each in policy["Statement"] if each["Sid"] == "ReceiveEvents"]
    assert sorted(receives["Action"]) == ACTIONS
    agent = site.hub.iam_arn("user/agent")
    site.hub.allow(agent, policy)
    assert bad(await examined(site)) == [], "with the printed policy nothing is missing"
    receives["Action"].remove(action)
    site.hub.allow(agent, policy)
    [check] = bad(await examined(site))
    assert (check.action, check.outcome) == (action, CheckStatus.FAIL)
    assert f"allow {action}" in check.message
    assert "seen by the next sweep only" in check.message
    assert check.statement is not None
    assert action in check.statement["Action"]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        pytest.param({"VisibilityTimeout": "299"}, "VisibilityTimeout to 300", id="too-short"),
        pytest.param({"Policy": ""}, "neither EventBridge nor SNS", id="no-policy"),
        pytest.param({"Policy": "[" * 5000}, "neither EventBridge nor SNS", id="hostile-policy"),
        pytest.param({"Policy": "[]"}, "neither EventBridge nor SNS", id="no-statements"),
        pytest.param(
            {"Policy": json.dumps({"Statement": [{**SENDERS, "Effect": "Deny"}]})},
            "neither EventBridge nor SNS",
            id="denied",
        ),
        pytest.param(
            {"Policy": json.dumps({"Statement": [{**SENDERS, "Action": "sqs:ReceiveMessage"}]})},
            "neither EventBridge nor SNS",
            id="another-action",
        ),
        pytest.param(
            {"Policy": json.dumps({"Statement": ["x", {**SENDERS, "Principal": {"AWS": HUB}}]})},
            "neither EventBridge nor SNS",
            id="another-sender",
        ),
        pytest.param({"KmsMasterKeyId": "alias/aws/sqs"}, "SSE-SQS", id="aws-key"),
    ],
)
async def test_a_queue_that_would_lose_changes(
    site: Site, attributes: dict[str, str], words: str
) -> None:
    make(site, **attributes)
    [check] = bad(await examined(site))
    assert check.outcome is CheckStatus.WARN
    assert words in check.message


@pytest.mark.parametrize(
    "statement",
    [
        {**SENDERS, "Action": "SQS:*"},
        {**SENDERS, "Action": ["sqs:GetQueueUrl", "sqs:SendMessage"]},
        {**SENDERS, "Principal": "*"},
        {**SENDERS, "Principal": {"AWS": "*"}},
        {**SENDERS, "Principal": {"Service": "sns.amazonaws.com"}},
    ],
)
async def test_who_lets_events_in(site: Site, statement: dict[str, Any]) -> None:
    make(site, Policy=json.dumps({"Statement": [{"Effect": "Allow"}, statement]}))
    assert bad(await examined(site)) == []


async def test_a_longer_debounce_needs_messages_hidden_for_longer(site: Site) -> None:
    make(site)
    [check] = bad(await examined(site, debounce="10m"))
    assert "VisibilityTimeout to 1320" in check.message


async def test_each_process_has_its_queue(site: Site) -> None:
    make(site, "changes-1")
    [check] = await examined(site, name="changes-{shard}")
    assert (check.outcome, "--shard I/N" in check.message) == (CheckStatus.WARN, True)
    assert bad(await examined(site, name="changes-{shard}", shard=Shard(1, 2))) == []
    [check] = await examined(site, shard=Shard(1, 2))
    assert check.outcome is CheckStatus.FAIL
    assert "cannot share one queue" in check.message


async def test_trouble_at_aws_is_no_verdict(site: Site) -> None:
    make(site)
    site.fault(Effect.INTERNAL, service="sqs", operation="ReceiveMessage")
    [check] = bad(await examined(site))
    assert (check.action, check.outcome) == ("sqs:ReceiveMessage", CheckStatus.WARN)
