"""IAM statements that the identities on AWS's side need, and nothing else.

Sources: aws/README: Permissions for actions and their resources, control_plane/README: Permissions
for what a Database Service needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from discovery.config.aws import Organization
from discovery.config.matching import MatcherSection
from discovery.config.service import SHARD, queue_region
from discovery.config.snapshot import SnapshotPlace, parse_snapshot
from discovery.policies.document import Statement
from discovery.policies.usage import AwsUsage
from matchers.selectors import Pattern, PatternKind

ANY_RESOURCE: Final = ("*",)
"""Resource of actions that take none."""


def read_statements(usage: AwsUsage, account_id: str) -> tuple[Statement, ...]:
    """Statements to read an account that is scanned."""
    return tuple(_read_statements(usage, account_id))


def _read_statements(usage: AwsUsage, account_id: str) -> Iterator[Statement]:
    regions = () if usage.regions == ANY_RESOURCE else usage.regions
    yield Statement(
        sid="ListCaches",
        actions=("elasticache:DescribeServerlessCaches",),
        resources=resources(usage, account_id, "serverlesscache"),
        without="the scope is unread, and nothing in it is registered or removed",
    )
    if usage.reads_tags:
        yield Statement(
            sid="ReadTags",
            actions=("elasticache:ListTagsForResource",),
            resources=resources(usage, account_id, "serverlesscache"),
            without="tags of new caches are unknown, and those caches are held",
        )
        yield Statement(
            sid="ReadTagsInBulk",
            actions=("tag:GetResources",),
            resources=ANY_RESOURCE,
            regions=regions,
            without="tags are asked for one cache at a time, which takes longer",
        )
    if usage.reads_users:
        yield Statement(
            sid="ReadUsers",
            actions=("elasticache:DescribeUsers",),
            resources=resources(usage, account_id, "user"),
            without="whether a person could log in is unknown",
        )
        yield Statement(
            sid="ReadUserGroups",
            actions=("elasticache:DescribeUserGroups",),
            resources=resources(usage, account_id, "usergroup"),
            without="whether a person could log in is unknown",
        )
    yield Statement(
        sid="ReadSubnets",
        actions=("ec2:DescribeSubnets",),
        resources=ANY_RESOURCE,
        regions=regions,
        without="the label vpc-id is unknown",
    )
    if usage.probes and usage.logs_in_itself:
        yield Statement(
            sid="LogIn",
            actions=("elasticache:Connect",),
            resources=(
                *resources(usage, account_id, "serverlesscache"),
                *resources(usage, account_id, "user"),
            ),
            without="logins to caches without a connect role prove nothing",
        )
    if usage.lists_regions:
        yield Statement(
            sid="ListRegions",
            actions=("ec2:DescribeRegions",),
            resources=ANY_RESOURCE,
            without="which regions are enabled is unknown, and those of globs are not scanned",
        )


def hub_statements(usage: AwsUsage) -> tuple[Statement, ...]:
    """Statements that the agent's own identity needs."""
    return tuple(_hub_statements(usage))


def _hub_statements(usage: AwsUsage) -> Iterator[Statement]:
    partition = usage.hub.partition
    if usage.members:
        yield Statement(
            sid="AssumeDiscoveryRoles",
            actions=("sts:AssumeRole",),
            resources=tuple(sorted({each.arn(partition) for each in usage.members})),
            without="the account is unread",
        )
    if usage.probes and usage.connect_roles:
        yield Statement(
            sid="AssumeConnectRoles",
            actions=("sts:AssumeRole",),
            resources=usage.connect_roles,
            without="logins cannot be tried as Teleport makes them",
        )
    if usage.organizations:
        yield Statement(
            sid="ReadOrganization",
            actions=_organization_actions(usage.organizations),
            resources=ANY_RESOURCE,
            without="the accounts of the organization are not known",
        )
    events = usage.config.service.events
    if events is not None:
        yield Statement(
            sid="ReceiveEvents",
            actions=(
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            ),
            resources=(queue_arn(events.queue_url, partition),),
            without="changes are seen by the next sweep only",
        )
    if usage.config.state.snapshot is not None:
        yield from _snapshot_statements(parse_snapshot(usage.config.state.snapshot), partition)
    if usage.scans_own_account:
        yield from _read_statements(usage, usage.hub.account_id)


def _snapshot_statements(place: SnapshotPlace, partition: str) -> Iterator[Statement]:
    """Statements to keep state in S3; where each shard has its own, `*` stands for their numbers.

    That an object is not there S3 says only to who may list the bucket, and no condition on a
    prefix holds for that (aws/README: Objects).
    """
    bucket = f"arn:{partition}:s3:::{place.bucket}"
    state, lease = (f"{bucket}/{key.replace(SHARD, '*')}" for key in (place.key, place.lease_key))
    yield Statement(
        sid="KeepSnapshot",
        actions=("s3:GetObject", "s3:PutObject"),
        resources=(state, lease),
        without="state cannot be fetched or put back, and no sweep runs",
    )
    yield Statement(
        sid="DeleteLease",
        actions=("s3:DeleteObject",),
        resources=(lease,),
        without="each sweep waits until the lease of the one before has run out",
    )
    yield Statement(
        sid="FindSnapshot",
        actions=("s3:ListBucket",),
        resources=(bucket,),
        without="S3 does not tell a snapshot that is not there yet from a denial; no sweep runs",
    )


def _organization_actions(organizations: Iterable[Organization]) -> tuple[str, ...]:
    """Actions that `discovery.aws.organizations` calls for these entries."""
    actions: set[str] = set()
    for each in organizations:
        if each.include_ous is None and not each.exclude_ous:
            actions.add("ListAccounts")
            continue
        actions |= {"ListAccountsForParent", "ListOrganizationalUnitsForParent"}
        if each.include_ous is None:
            actions.add("ListRoots")
    return tuple(f"organizations:{action}" for action in sorted(actions))


def queue_arn(queue_url: str, partition: str) -> str:
    """ARN of a queue; for a custom endpoint with `*` as its region.

    Where each shard has its own, a `*` stands for their numbers.
    """
    account_id, name = queue_url.replace(SHARD, "*").split("/")[3:5]
    return f"arn:{partition}:sqs:{queue_region(queue_url) or '*'}:{account_id}:{name}"


def connect_statements(
    usage: AwsUsage, account_id: str, matchers: Iterable[MatcherSection]
) -> tuple[Statement, ...]:
    """Statements that a Database Service needs to connect to the caches of these matchers."""
    caches = tuple(
        f"{arn}:{name}"
        for arn in _places(usage, account_id, "serverlesscache")
        for name in _names(matchers)
    )
    users = resources(usage, account_id, "user")
    return (
        Statement(
            sid="Connect",
            actions=("elasticache:Connect",),
            resources=(*caches, *users),
            without="nobody can connect",
        ),
        Statement(
            sid="CheckCaches",
            actions=("elasticache:DescribeServerlessCaches",),
            resources=caches,
            without="the Database Service cannot check the address of a cache",
        ),
        Statement(
            sid="CheckUsers",
            actions=("elasticache:DescribeUsers",),
            resources=users,
            without="the Database Service cannot tell users with IAM from others",
        ),
    )


def repair_statements(usage: AwsUsage, account_id: str) -> tuple[Statement, ...]:
    """Statements that whoever runs the script of `cachemuster repairs` needs in an account."""
    caches = resources(usage, account_id, "serverlesscache")
    users = resources(usage, account_id, "user")
    groups = resources(usage, account_id, "usergroup")
    return (
        Statement(
            sid="ReadState",
            actions=(
                "elasticache:DescribeServerlessCaches",
                "elasticache:DescribeUserGroups",
                "elasticache:DescribeUsers",
            ),
            resources=(*caches, *groups, *users),
            without="the script cannot see what is done already",
        ),
        Statement(
            sid="RepairUsers",
            actions=("elasticache:CreateUser", "elasticache:ModifyUser"),
            resources=users,
            without="no user is created or changed",
        ),
        Statement(
            sid="RepairUserGroups",
            actions=("elasticache:CreateUserGroup", "elasticache:ModifyUserGroup"),
            resources=(*groups, *users),
            without="no user group is created or changed",
        ),
        Statement(
            sid="RepairCaches",
            actions=("elasticache:ModifyServerlessCache",),
            resources=(*caches, *groups),
            without="no user group is attached, and no version raised",
        ),
    )


def _names(matchers: Iterable[MatcherSection]) -> tuple[str, ...]:
    """Globs over the names of matching caches; names in ARNs are in lower case."""
    patterns = [Pattern(text) for each in matchers for text in each.names]
    if not patterns or any(each.kind is PatternKind.EXPRESSION for each in patterns):
        return ANY_RESOURCE
    names = {each.text.lower() for each in patterns}
    return ANY_RESOURCE if "*" in names else tuple(sorted(names))


def resources(usage: AwsUsage, account_id: str, kind: str) -> tuple[str, ...]:
    """ARN patterns of all things of a kind, in every region that is used."""
    return tuple(f"{place}:*" for place in _places(usage, account_id, kind))


def _places(usage: AwsUsage, account_id: str, kind: str) -> tuple[str, ...]:
    partition = usage.hub.partition
    return tuple(
        f"arn:{partition}:elasticache:{region}:{account_id}:{kind}" for region in usage.regions
    )
