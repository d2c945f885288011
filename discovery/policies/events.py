"""EventBridge rules that pass changes on to the agent's queue.

Source: aws/README: Change events. A rule reaches a queue of its own region only, so the rules of
other accounts and regions pass events on to the event bus beside the queue. It has five targets at
most, so many queues need several rules (Amazon EventBridge quotas).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from discovery.policies.cloudformation import template
from discovery.policies.document import VERSION, Json
from discovery.policies.queues import AT_QUEUE, queue_resources, queues_of
from discovery.policies.usage import ANY_ACCOUNT, AwsUsage

_NATIVE: Final = (
    "Cache Created",
    "Cache Creation Failed",
    "Cache Updated",
    "Cache Update Failed",
    "Cache Deleted",
)
_ON_CACHES: Final = ("CreateServerlessCache", "DeleteServerlessCache", "ModifyServerlessCache")
_ON_TAGS: Final = ("AddTagsToResource", "RemoveTagsFromResource")
_ON_USERS: Final = (
    "CreateUser",
    "CreateUserGroup",
    "DeleteUser",
    "DeleteUserGroup",
    "ModifyUser",
    "ModifyUserGroup",
)

_MAX_TARGETS: Final = 5
"""Targets of one rule."""

_ORGANIZATION_ID: Final = {
    "Type": "String",
    "AllowedPattern": "o-[a-z0-9]{10,32}",
    "Description": "Whose accounts may pass events on to the event bus beside the queue",
}


def event_pattern(usage: AwsUsage) -> Json:
    """Event pattern of the changes that a sweep looks at.

    These are the service's own events, and the API calls that did not fail.
    """
    calls = [*_ON_CACHES]
    calls += _ON_TAGS if usage.reads_tags else ()
    calls += _ON_USERS if usage.reads_users else ()
    return {
        "source": ["aws.elasticache"],
        "$or": [
            {"detail-type": [{"equals-ignore-case": name} for name in _NATIVE]},
            {
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    "eventSource": ["elasticache.amazonaws.com"],
                    "eventName": sorted(calls),
                    "errorCode": [{"exists": False}],
                },
            },
        ],
    }


def event_template(usage: AwsUsage, shards: int | None) -> Json:
    """Template of the queues and rules, for every region of every scanned account.

    `shards`: how many processes have a queue each; None: one queue. Raises: NotApplicable.
    """
    queues = queues_of(usage, shards)
    region, account_id = next(iter(queues.values())).split(":")[3:5]
    bus = f"arn:{usage.hub.partition}:events:{region}:{account_id}:event-bus/default"
    rules = _rules_of(queues)
    return template(
        "Changes of ElastiCache on their way to cachemuster. Deploy to every scanned region of "
        "every scanned account, and to the region of the queue, which is made there.",
        parameters={"OrganizationId": _ORGANIZATION_ID} if usage.organizations else {},
        Conditions=_conditions(account_id, region),
        resources={
            "Forwarding": _forwarding(usage, bus),
            "ForwardingRole": _forwarding_role(bus),
            **_deliveries(usage, queues, rules),
            **queue_resources(usage, queues, rules),
            "BusPolicy": _bus_policy(usage, bus),
        },
    )


def _conditions(account_id: str, region: str) -> Json:
    return {
        AT_QUEUE: {
            "Fn::And": [
                {"Fn::Equals": [{"Ref": "AWS::AccountId"}, account_id]},
                {"Fn::Equals": [{"Ref": "AWS::Region"}, region]},
            ]
        },
        "Elsewhere": {"Fn::Not": [{"Condition": AT_QUEUE}]},
    }


def _rules_of(queues: Iterable[str]) -> Mapping[str, str]:
    """Name of the rule that leads to each queue, by the queue's number.

    More queues keep the names of the rules that exist.
    """
    turns = ((number, place // _MAX_TARGETS) for place, number in enumerate(queues))
    return {number: f"Delivery{turn + 1 if turn else ''}" for number, turn in turns}


def _deliveries(usage: AwsUsage, queues: Mapping[str, str], rules: Mapping[str, str]) -> Json:
    """Rules that lead to the queues: each process gets every event, and ignores those of others."""
    targets: dict[str, list[Json]] = {}
    for number, arn in queues.items():
        targets.setdefault(rules[number], []).append({"Id": f"queue{number}", "Arn": arn})
    return {
        name: {**_rule(usage, *of_rule), "Condition": AT_QUEUE} for name, of_rule in targets.items()
    }


def _rule(usage: AwsUsage, *targets: Json) -> Json:
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": "Changes of ElastiCache, for cachemuster",
            "EventPattern": event_pattern(usage),
            "State": "ENABLED",
            "Targets": list(targets),
        },
    }


def _forwarding(usage: AwsUsage, bus: str) -> Json:
    role = {"Fn::GetAtt": ["ForwardingRole", "Arn"]}
    target = {"Id": "bus", "Arn": bus, "RoleArn": role}
    return {**_rule(usage, target), "Condition": "Elsewhere"}


def _forwarding_role(bus: str) -> Json:
    allow = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {
        "Type": "AWS::IAM::Role",
        "Condition": "Elsewhere",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": VERSION, "Statement": [trust]},
            "Policies": [
                {
                    "PolicyName": "forward",
                    "PolicyDocument": {"Version": VERSION, "Statement": [allow]},
                }
            ],
        },
    }


def _bus_policy(usage: AwsUsage, bus: str) -> Json:
    """Policy of the event bus: who may pass events on.

    Of an organization the accounts are not known here, so its id admits them.
    """
    accounts = sorted({each.account_id for each in usage.members} | {usage.hub.account_id})
    is_open = ANY_ACCOUNT in accounts
    statement: Json = {
        "Sid": "cachemuster",
        "Effect": "Allow",
        "Principal": "*" if is_open else {"AWS": accounts},
        "Action": "events:PutEvents",
        "Resource": bus,
    }
    if is_open:
        statement["Condition"] = {
            "StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}},
        }
    return {
        "Type": "AWS::Events::EventBusPolicy",
        "Condition": AT_QUEUE,
        "Properties": {"StatementId": "cachemuster", "Statement": statement},
    }
