"""The queues for change events, as CloudFormation resources.

Source: Amazon SQS developer guide on visibility timeout and dead-letter queues; aws/README: Change
events.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from discovery.config.service import SHARD, Events, queue_for
from discovery.plan.shard import Shard
from discovery.policies.aws import queue_arn
from discovery.policies.document import VERSION, Json
from discovery.policies.usage import AwsUsage, NotApplicable

AT_QUEUE: Final = "AtQueue"
"""Name of the condition that holds where the queues are."""

_MIN_VISIBILITY_TIMEOUT: Final = timedelta(minutes=5)
"""Shortest visibility timeout: a message stays hidden while a sweep is ahead of its scan."""
_RETENTION: Final = timedelta(hours=4)
"""How long messages are kept: an older one says nothing that a sweep has not seen."""
_DEAD_LETTER_RETENTION: Final = timedelta(days=14)
"""The longest that SQS keeps anything."""
_COUNT_IS_MISSING: Final = (
    f"Each process has its own queue, because of {SHARD} in service.events.queue_url: say with "
    "--shards how many there are"
)
_NUMBER_IS_MISSING: Final = (
    f"There is one queue for all: write {SHARD} into service.events.queue_url, where the number of "
    "a process is to stand"
)

_MAX_NAME_LENGTH: Final = 80
_MAX_RECEIVES: Final = 20
"""Deliveries before a message is a dead letter; the service gives up sooner and logs it."""


def queues_of(usage: AwsUsage, shards: int | None) -> Mapping[str, str]:
    """ARN of each queue by the number of its process, as text; empty for the only one.

    `shards`: how many processes have a queue each; None: one queue. Raises: NotApplicable.
    """
    url = events_of(usage).queue_url
    if url.endswith(".fifo"):
        raise NotApplicable(
            "The queue's name ends in .fifo: order is of no use here, and costs speed"
        )
    if (SHARD in url) != (shards is not None):
        raise NotApplicable(_COUNT_IS_MISSING if shards is None else _NUMBER_IS_MISSING)
    parts = [None] if shards is None else [Shard(index, shards) for index in range(shards)]
    queues = {
        "" if part is None else str(part.index): queue_arn(
            queue_for(url, part), usage.hub.partition
        )
        for part in parts
    }
    if any(arn.split(":")[3] == "*" for arn in queues.values()):
        raise NotApplicable("The queue's URL names no region of AWS, so no rule can lead to it")
    return queues


def events_of(usage: AwsUsage) -> Events:
    """The configured events. Raises: NotApplicable."""
    events = usage.config.service.events
    if events is None:
        raise NotApplicable(
            "No queue is configured to pass events on to: set service.events.queue_url"
        )
    return events


def queue_resources(usage: AwsUsage, queues: Mapping[str, str], rules: Mapping[str, str]) -> Json:
    """The queues, their dead-letter queue, and a policy for each.

    `rules`: name of the rule that may send to each queue, by its number.
    """
    resources: Json = {"DeadLetters": _dead_letters(usage)}
    for number, arn in queues.items():
        resources[f"Queue{number}"] = _queue(usage, arn)
        resources[f"QueuePolicy{number}"] = _policy(f"Queue{number}", arn, rules[number])
    return resources


def _queue(usage: AwsUsage, arn: str) -> Json:
    dead_letters = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    return {
        "Type": "AWS::SQS::Queue",
        "Condition": AT_QUEUE,
        "Properties": {
            "QueueName": arn.rpartition(":")[2],
            "SqsManagedSseEnabled": True,
            "ReceiveMessageWaitTimeSeconds": 20,
            "VisibilityTimeout": int(visibility_timeout(usage).total_seconds()),
            "MessageRetentionPeriod": int(_RETENTION.total_seconds()),
            "RedrivePolicy": {
                "deadLetterTargetArn": dead_letters,
                "maxReceiveCount": _MAX_RECEIVES,
            },
        },
    }


def visibility_timeout(usage: AwsUsage) -> timedelta:
    """How long a received message stays hidden.

    Twice the debounce and the scan of its scope, because another scan may be ahead.
    """
    return max(
        2 * (events_of(usage).debounce + usage.config.aws.scope_timeout), _MIN_VISIBILITY_TIMEOUT
    )


def _dead_letters(usage: AwsUsage) -> Json:
    name = events_of(usage).queue_url.rpartition("/")[2]
    dead = name.replace(SHARD, "dead") if SHARD in name else f"{name[: _MAX_NAME_LENGTH - 5]}-dead"
    return {
        "Type": "AWS::SQS::Queue",
        "Condition": AT_QUEUE,
        "Properties": {
            "QueueName": dead[:_MAX_NAME_LENGTH],
            "SqsManagedSseEnabled": True,
            "MessageRetentionPeriod": int(_DEAD_LETTER_RETENTION.total_seconds()),
        },
    }


def _policy(queue: str, arn: str, rule: str) -> Json:
    statement = {
        "Sid": "cachemuster",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}},
    }
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Condition": AT_QUEUE,
        "Properties": {
            "Queues": [{"Ref": queue}],
            "PolicyDocument": {"Version": VERSION, "Statement": [statement]},
        },
    }
