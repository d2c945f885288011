"""The EventBridge rule that passes changes on to the agent's queue.

Source: reference aws-elasticache §1.7. A rule reaches a queue of its own region only, so the
rules of other accounts and regions pass events on to the event bus beside the queue.
"""

from __future__ import annotations

from typing import Final

from discovery.policies.aws import queue_arn
from discovery.policies.cloudformation import template
from discovery.policies.document import VERSION, Json
from discovery.policies.usage import ANY_ACCOUNT, NotInUse, Usage

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

_ORGANIZATION_ID: Final = {
    "Type": "String",
    "AllowedPattern": "o-[a-z0-9]{10,32}",
    "Description": "Whose accounts may pass events on to the event bus beside the queue",
}


def event_pattern(usage: Usage) -> Json:
    """The changes that a sweep looks at: what the service says itself, and the calls that were
    made and did not fail."""
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


def event_template(usage: Usage) -> Json:
    """The rule, for every region of every account that is scanned. Raises: NotInUse."""
    events = usage.config.service.events
    if events is None:
        raise NotInUse("No queue is configured to pass events on to: set service.events.queue_url")
    queue = queue_arn(events.queue_url, usage.hub.partition)
    region, account_id = queue.split(":")[3:5]
    if region == "*":
        raise NotInUse("The queue's URL names no region of AWS, so no rule can lead to it")
    bus = f"arn:{usage.hub.partition}:events:{region}:{account_id}:event-bus/default"
    return template(
        "Changes of ElastiCache on their way to cachemuster. Deploy to every scanned region of "
        "every scanned account, and to the region of the queue.",
        parameters={"OrganizationId": _ORGANIZATION_ID} if usage.organizations else {},
        Conditions={
            "AtQueue": {
                "Fn::And": [
                    {"Fn::Equals": [{"Ref": "AWS::AccountId"}, account_id]},
                    {"Fn::Equals": [{"Ref": "AWS::Region"}, region]},
                ]
            },
            "Elsewhere": {"Fn::Not": [{"Condition": "AtQueue"}]},
        },
        resources={
            "Forwarding": _forwarding(usage, bus),
            "Delivery": {**_rule(usage, {"Id": "queue", "Arn": queue}), "Condition": "AtQueue"},
            "ForwardingRole": _forwarding_role(bus),
            "QueuePolicy": _queue_policy(queue, events.queue_url),
            "BusPolicy": _bus_policy(usage, bus),
        },
    )


def _rule(usage: Usage, target: Json) -> Json:
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": "Changes of ElastiCache, for cachemuster",
            "EventPattern": event_pattern(usage),
            "State": "ENABLED",
            "Targets": [target],
        },
    }


def _forwarding(usage: Usage, bus: str) -> Json:
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


def _queue_policy(queue: str, queue_url: str) -> Json:
    statement = {
        "Sid": "cachemuster",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Delivery", "Arn"]}}},
    }
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Condition": "AtQueue",
        "Properties": {
            "Queues": [queue_url],
            "PolicyDocument": {"Version": VERSION, "Statement": [statement]},
        },
    }


def _bus_policy(usage: Usage, bus: str) -> Json:
    """Who may pass events on. Of an organization the accounts are not known here, so its role
    names them."""
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
        "Condition": "AtQueue",
        "Properties": {"StatementId": "cachemuster", "Statement": statement},
    }
