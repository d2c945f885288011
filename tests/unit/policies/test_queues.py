"""The queues of change events: one for each process, each fed by a rule, none lost to a limit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.policies.aws import hub_statements
from discovery.policies.kinds import KINDS, PolicyRequest
from discovery.policies.usage import NotApplicable
from discovery.service.rescans import MAX_DELIVERIES
from tests.unit.policies.test_documents import QUEUE, aws, usage

SHARDED = f"{QUEUE}-{{shard}}"
MOST_TARGETS = 5
"""Of one rule (Amazon EventBridge quotas)."""


def template(url: str, shards: int | None = None, **sections: Any) -> dict[str, Any]:
    found = usage(aws=aws(**sections), service={"events": {"queue_url": url}})
    stack = KINDS["event-rule"].stack
    assert stack is not None
    return stack(PolicyRequest(found, shards=shards))


def of_type(made: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: each["Properties"]
        for name, each in made["Resources"].items()
        if each["Type"] == f"AWS::{kind}" and each["Condition"] == "AtQueue"
    }


def test_the_queue_is_the_one_of_the_configuration() -> None:
    queues = of_type(template(QUEUE), "SQS::Queue")
    assert queues["Queue"]["QueueName"] == "cachemuster"
    assert queues["DeadLetters"]["QueueName"] == "cachemuster-dead"
    assert all(each["SqsManagedSseEnabled"] is True for each in queues.values())


@given(shards=st.integers(1, 40))
def test_every_process_has_a_queue_that_one_rule_leads_to(shards: int) -> None:
    made = template(SHARDED, shards)
    queues = of_type(made, "SQS::Queue")
    names = {each["QueueName"] for each in queues.values()}
    assert names == {f"cachemuster-{index}" for index in range(shards)} | {"cachemuster-dead"}
    rule_of: dict[str, Any] = {}
    for rule, properties in of_type(made, "Events::Rule").items():
        assert len(properties["Targets"]) <= MOST_TARGETS
        ids = [target["Id"] for target in properties["Targets"]]
        assert len(ids) == len(set(ids))
        rule_of |= {target["Arn"]: rule for target in properties["Targets"]}
    assert {arn.rpartition(":")[2] for arn in rule_of} == names - {"cachemuster-dead"}
    for policy in of_type(made, "SQS::QueuePolicy").values():
        (statement,) = policy["PolicyDocument"]["Statement"]
        source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert source == {"Fn::GetAtt": [rule_of[statement["Resource"]], "Arn"]}
        (queue,) = policy["Queues"]
        assert statement["Resource"].endswith(f":{queues[queue['Ref']]['QueueName']}")


@given(shards=st.integers(1, 20))
def test_one_process_more_leaves_what_is_there_as_it_is(shards: int) -> None:
    """A queue that moved to another name in the stack could not be made: it is there already."""
    before, after = template(SHARDED, shards), template(SHARDED, shards + 1)
    for kind in ("SQS::Queue", "SQS::QueuePolicy"):
        assert of_type(before, kind).items() <= of_type(after, kind).items()
    assert of_type(before, "Events::Rule").keys() <= of_type(after, "Events::Rule").keys()


def test_the_hub_may_read_every_queue() -> None:
    found = usage(aws=aws(), service={"events": {"queue_url": SHARDED}})
    (statement,) = [each for each in hub_statements(found) if each.sid == "ReceiveEvents"]
    (resource,) = statement.resources
    assert resource.endswith(":cachemuster-*")


@pytest.mark.parametrize(
    ("sections", "seconds"),
    [
        pytest.param({}, 300, id="a-few-minutes-at-least"),
        pytest.param({"scope_timeout": "10m"}, 1210, id="twice-the-wait-and-the-scan"),
    ],
)
def test_a_message_in_hand_stays_hidden(sections: dict[str, Any], seconds: int) -> None:
    queue = of_type(template(QUEUE, **sections), "SQS::Queue")["Queue"]
    assert queue["VisibilityTimeout"] == seconds


def test_the_service_gives_up_before_the_queue_does() -> None:
    """And says so; what the queue takes away goes without a word."""
    queue = of_type(template(QUEUE), "SQS::Queue")["Queue"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] > MAX_DELIVERIES
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


@pytest.mark.parametrize(
    ("url", "shards", "reason"),
    [
        pytest.param(SHARDED, None, "--shards", id="how-many"),
        pytest.param(QUEUE, 3, "{shard}", id="one-queue-for-three"),
        pytest.param(f"{QUEUE}.fifo", None, "fifo", id="in-order"),
        pytest.param(
            "https://queue.example.com/111122223333/q", None, "no region", id="not-of-aws"
        ),
    ],
)
def test_what_cannot_be_made_is_told(url: str, shards: int | None, reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        template(url, shards)


def test_names_of_the_longest_queues_stay_within_what_sqs_takes() -> None:
    place = QUEUE.rpartition("/")[0]
    for url, shards in ((f"{place}/{'q' * 80}", None), (f"{place}/{'q' * 79}{{shard}}", 1)):
        for each in of_type(template(url, shards), "SQS::Queue").values():
            assert len(each["QueueName"]) <= 80
