"""The IAM action and the resource of each operation, and whether the caller may do it.

Source: aws/README: Permissions.
"""

from collections.abc import Mapping
from typing import Any

from discovery.sandbox.aws.errors import CommonError, CommonErrorKind
from discovery.sandbox.aws.iam import is_allowed
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.queue_attributes import parse_queue_url
from discovery.sandbox.aws.request_state import RequestState
from discovery.sandbox.aws.world import Account

_PREFIXES = {"resourcegroupstaggingapi": "tag"}
"""IAM's names of services, where they are not the SDK's."""

_OF_NO_REGION = frozenset({"organizations", "sts"})
"""Services that a policy which denies regions leaves alone, as AWS's own example does."""

_CONNECT = "elasticache:Connect"

_NEEDS_NOTHING = frozenset({"sts:GetCallerIdentity"})

_KINDS = (
    ("ServerlessCache", "serverlesscache", "ServerlessCacheName"),
    ("UserGroup", "usergroup", "UserGroupId"),
    ("User", "user", "UserId"),
)
"""Resource of an ElastiCache operation: part of the operation's name, resource type, member with
the resource's name. The first that fits."""


def check_permission(account: Account, key: Key, request: RequestState) -> None:
    """Check that the caller may do this; one without any policy may do everything.

    Raises CommonError(DENIED), in AWS's words.
    """
    service = request.service.name
    action = f"{_PREFIXES.get(service, service)}:{request.operation}"
    if service == "sqs":
        action = action.removesuffix("Batch")  # IAM knows one action for one and for ten
    denied = f"User: {key.principal_arn} is not authorized to perform: {action}"
    if request.region in account.denied_regions and service not in _OF_NO_REGION:
        raise CommonError(
            CommonErrorKind.DENIED, f"{denied} with an explicit deny in a service control policy"
        )
    statements = account.policies.get(key.role_arn or key.principal_arn)
    if statements is None or action in _NEEDS_NOTHING:
        return
    resource = _resource(account, request)
    if not is_allowed(statements, action=action, resource=resource, region=request.region):
        raise CommonError(
            CommonErrorKind.DENIED,
            f"{denied} on resource: {resource} because no identity-based policy allows the "
            f"{action} action",
        )


def may_connect(account: Account, key: Key, region: str, *arns: str) -> bool:
    """Return whether the caller may log in to a cache as a user; `arns` are of both."""
    if region in account.denied_regions:
        return False
    statements = account.policies.get(key.role_arn or key.principal_arn)
    return statements is None or all(
        is_allowed(statements, action=_CONNECT, resource=arn, region=region) for arn in arns
    )


def _resource(account: Account, request: RequestState) -> str:
    service, region, members = request.service.name, request.region, request.members
    if service == "sts":
        return str(members.get("RoleArn", "*"))
    if service == "sqs":
        return _queue(account, region, members)
    if service == "s3":
        return _object(account, members)
    if service != "elasticache":
        return "*"
    if "ResourceName" in members:
        return str(members["ResourceName"])
    for part, kind, member in _KINDS:
        if part in request.operation:
            name = str(members.get(member) or "*").lower()
            return f"arn:{account.partition.name}:{service}:{region}:{account.id}:{kind}:{name}"
    return "*"


def _object(account: Account, members: Mapping[str, Any]) -> str:
    bucket, key = members.get("Bucket", "*"), members.get("Key")
    return f"arn:{account.partition.name}:s3:::{bucket}{f'/{key}' if key else ''}"


def _queue(account: Account, region: str, members: Mapping[str, Any]) -> str:
    _, owner, name = parse_queue_url(str(members.get("QueueUrl", "")))
    named = name or members.get("QueueName", "*")
    return f"arn:{account.partition.name}:sqs:{region}:{owner or account.id}:{named}"
