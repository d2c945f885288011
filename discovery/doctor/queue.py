"""Check the queue of change events: it exists, may be read, and loses no change.

Nothing in it is deleted or hidden. A message that is there is received once more, and left visible.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from discovery.aws.cloud import Cloud
from discovery.aws.errors import AwsError
from discovery.aws.queue import ATTRIBUTES, DELETE, POSTPONE, RECEIVE, Message, Queue, open_queue
from discovery.config.service import SHARD, queue_for
from discovery.doctor.permissions import INCONCLUSIVE, with_timeout
from discovery.model.codes import ScopeReason
from discovery.plan.shard import Shard
from discovery.policies.kinds import statement_allowing
from discovery.policies.queues import visibility_timeout
from discovery.policies.usage import AwsUsage
from discovery.reports.checks import Area, Check, CheckStatus
from discovery.reports.summary import counted

_UNKNOWN_MESSAGE: Final = Message("", "cachemuster-doctor", "", 1)
"""A receipt that SQS never issued: deleting or hiding it has no effect but needs permission."""
_SENDERS: Final = ("events.amazonaws.com", "sns.amazonaws.com")
_SEND_ACTIONS: Final = ("*", "sqs:*", "sqs:sendmessage")
_AWS_MANAGED_KEY: Final = "alias/aws/sqs"
_TEMPLATE: Final = "`cachemuster policies event-rule --format cloudformation` prints a queue"


async def check_queue(cloud: Cloud, usage: AwsUsage, shard: Shard | None) -> tuple[Check, ...]:
    """Check the queue of one process; no checks when no events are configured.

    Raises: nothing that AWS can cause.
    """
    events = usage.config.service.events
    if events is None:
        return ()
    if shard is None and SHARD in events.queue_url:
        text = "each process has its own queue: examine one with --shard I/N"
        return (_check(events.queue_url, CheckStatus.WARN, text),)
    try:
        url = queue_for(events.queue_url, shard)
        queue, limit = open_queue(cloud, url), cloud.settings.scope_timeout
    except ValueError as error:
        return (_check(events.queue_url, CheckStatus.FAIL, str(error)),)
    found = await with_timeout(queue.attributes(), limit)
    if isinstance(found, AwsError) and found.reason is ScopeReason.UNREACHABLE:
        return (_failed(url, ATTRIBUTES, found, usage),)
    setup = () if isinstance(found, AwsError) else _check_setup(url, found, usage)
    return (*await _permissions(queue, url, found, usage, limit), *setup)


async def _permissions(
    queue: Queue,
    url: str,
    attributes: Mapping[str, str] | AwsError,
    usage: AwsUsage,
    limit: timedelta,
) -> tuple[Check, ...]:
    """Check each permission on the queue by using it without effect."""
    answers = await asyncio.gather(
        with_timeout(queue.peek(), limit),
        with_timeout(queue.delete((_UNKNOWN_MESSAGE,)), limit),
        with_timeout(queue.postpone((_UNKNOWN_MESSAGE,), timedelta(0)), limit),
    )
    tried = dict(zip((ATTRIBUTES, RECEIVE, DELETE, POSTPONE), (attributes, *answers), strict=True))
    return tuple(
        _failed(url, action, answer, usage)
        if isinstance(answer, AwsError)
        else _check(url, CheckStatus.OK, "allowed", action)
        for action, answer in tried.items()
    )


def _check_setup(url: str, attributes: Mapping[str, str], usage: AwsUsage) -> Iterator[Check]:
    waiting = _number(attributes, "ApproximateNumberOfMessages") or 0
    yield _check(url, CheckStatus.OK, f"{counted(waiting, 'message')} to receive")
    for problem in _setup_problems(attributes, usage):
        yield _check(url, CheckStatus.WARN, problem)


def _setup_problems(attributes: Mapping[str, str], usage: AwsUsage) -> Iterator[str]:
    hidden, needed = (
        _number(attributes, "VisibilityTimeout"),
        int(visibility_timeout(usage).total_seconds()),
    )
    if hidden is not None and hidden < needed:
        yield (
            f"messages come again after {hidden} s, and a change may be in hand for {needed} s: "
            f"set the queue's VisibilityTimeout to {needed}"
        )
    if not _admits_events(attributes.get("Policy", "")):
        yield (
            "its policy lets neither EventBridge nor SNS send to it, so no change may arrive: "
            f"{_TEMPLATE} with its policy"
        )
    if attributes.get("KmsMasterKeyId", "").endswith(_AWS_MANAGED_KEY):
        yield (
            "it is encrypted with AWS's own key, which EventBridge cannot use: encrypt it by "
            "SSE-SQS, or with a key of yours that events.amazonaws.com may use"
        )


def _number(attributes: Mapping[str, str], name: str) -> int | None:
    text = attributes.get(name, "")
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _admits_events(policy: str) -> bool:
    """True when a statement lets EventBridge, SNS or everybody send."""
    try:
        statements = json.loads(policy)["Statement"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    listed = statements if isinstance(statements, list) else [statements]
    return any(_statement_admits(each) for each in listed if isinstance(each, dict))


def _statement_admits(statement: Mapping[str, Any]) -> bool:
    actions = {text.lower() for text in _texts(statement.get("Action"))}
    named = statement.get("Principal")
    parts = named.values() if isinstance(named, dict) else [named]
    principals = {text for part in parts for text in _texts(part)}
    return (
        statement.get("Effect") == "Allow"
        and not actions.isdisjoint(_SEND_ACTIONS)
        and not principals.isdisjoint(("*", *_SENDERS))
    )


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [text for text in listed if isinstance(text, str)]


def _failed(url: str, action: str, error: AwsError, usage: AwsUsage) -> Check:
    is_denial = error.reason is ScopeReason.DENIED
    lacking = statement_allowing(action, usage, None) if is_denial else None
    return Check(
        area=Area.QUEUE,
        subject=url,
        outcome=CheckStatus.WARN if error.reason in INCONCLUSIVE else CheckStatus.FAIL,
        message=f"{error.message}. Without it: {lacking.without}" if lacking else error.message,
        action=action,
        statement=lacking.document() if lacking else None,
    )


def _check(url: str, outcome: CheckStatus, message: str, action: str | None = None) -> Check:
    return Check(area=Area.QUEUE, subject=url, outcome=outcome, message=message, action=action)
