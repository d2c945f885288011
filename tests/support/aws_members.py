"""What it means when AWS's answer leaves out a member that is read here (R1).

`discovery/aws/README.md` shows the table. Tests hold it against the code: what a scan reads is
what stands here, and leaving out each of these members in turn removes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Absent(StrEnum):
    """What the absence of a member is."""

    NONE = "none"
    """AWS's own way of saying that there is none."""
    UNKNOWN = "unknown"
    """Not read: what was read last stands in, and nothing is removed for it."""
    MALFORMED = "no answer"
    """AWS always gives it: what was asked for counts as unread."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of one answer."""

    action: str
    """The IAM action that gives the answer."""
    path: str
    """Where it stands: names of the SDK's model, `[]` for each entry of a list."""
    absent: Absent
    effect: str
    """What follows when it is left out."""

    @property
    def name(self) -> str:
        """Its own name, without where it stands."""
        return self.path.removesuffix("[]").rpartition(".")[2]


_NONE, _UNKNOWN, _MALFORMED = Absent.NONE, Absent.UNKNOWN, Absent.MALFORMED
_LAST_PAGE = "this was the last page"
_EMPTY = "an empty list; the SDK shows one so"
_LISTED = "no scope that the list would name is known to be out of the configuration"
_SCOPE = "the scope is `MALFORMED`"
_REMEMBERED = (
    "the last value known, of state or else of the registration, is used (`FACT_REMEMBERED`); "
    "where nothing is, the scope is `MALFORMED`"
)
_STATE = (
    "the last value in state is used (`FACT_REMEMBERED`); where nothing is, the scope is "
    "`MALFORMED`"
)
_VERDICT = "nobody can tell who can log in: the verdict is `unknown`, the label stays"
_DIRECTORY = "users and groups of the scope are unknown, labels stay"
_TAGS = "the tags are unknown (`TAGS_UNKNOWN`), the last ones are used"
_SINGLY = "the cache is asked for its tags itself"
_SUBNETS = "subnets are unknown (`SUBNETS_UNKNOWN`), the last VPC is used"
_NAME = "the last name in state is used; where none is, labels with `{account_name}` stay"
_ACCOUNT = "the account is not proven, and not entered"


def _cache() -> Iterator[Member]:
    action, entry = "elasticache:DescribeServerlessCaches", "ServerlessCaches[]"
    yield Member(action, "ServerlessCaches", _NONE, _EMPTY)
    yield Member(action, "NextToken", _NONE, _LAST_PAGE)
    for name in ("ARN", "ServerlessCacheName"):
        yield Member(action, f"{entry}.{name}", _MALFORMED, _SCOPE)
    yield Member(action, f"{entry}.Status", _UNKNOWN, _STATE)
    yield Member(action, f"{entry}.Engine", _UNKNOWN, _REMEMBERED)
    version = f"{_REMEMBERED}. Of one that is being made or removed, or of another engine: none"
    yield Member(action, f"{entry}.FullEngineVersion", _UNKNOWN, version)
    created = f"{_STATE}. Of one that is being made or removed, or of another engine: none"
    yield Member(action, f"{entry}.CreateTime", _UNKNOWN, created)
    endpoint = f"{_REMEMBERED}. In other states than `available` and `modifying`: none yet"
    for name in ("Endpoint", "Endpoint.Address", "Endpoint.Port"):
        yield Member(action, f"{entry}.{name}", _UNKNOWN, endpoint)
    yield Member(
        action, f"{entry}.SubnetIds", _UNKNOWN, f"of a public cache none; of any other {_SUBNETS}"
    )
    group = "no user group is attached: nobody can log in with IAM"
    yield Member(action, f"{entry}.UserGroupId", _NONE, group)
    major = "nothing: the full version says it"
    yield Member(action, f"{entry}.MajorEngineVersion", _NONE, major)


def _directory() -> Iterator[Member]:
    action, entry = "elasticache:DescribeUserGroups", "UserGroups[]"
    yield Member(action, "UserGroups", _NONE, _EMPTY)
    yield Member(action, "Marker", _NONE, _LAST_PAGE)
    yield Member(action, f"{entry}.UserGroupId", _MALFORMED, _DIRECTORY)
    for name in ("Status", "Engine", "UserIds"):
        yield Member(action, f"{entry}.{name}", _UNKNOWN, _VERDICT)
    for name in ("", ".UserIdsToAdd", ".UserIdsToRemove"):
        yield Member(action, f"{entry}.PendingChanges{name}", _NONE, "nothing is about to change")
    yield Member(action, f"{entry}.ARN", _NONE, "the group's place is not checked")
    action, entry = "elasticache:DescribeUsers", "Users[]"
    yield Member(action, "Users", _NONE, _EMPTY)
    yield Member(action, "Marker", _NONE, _LAST_PAGE)
    yield Member(action, f"{entry}.UserId", _MALFORMED, _DIRECTORY)
    for name in (
        "UserName",
        "Status",
        "Engine",
        "AccessString",
        "Authentication",
        "Authentication.Type",
    ):
        yield Member(action, f"{entry}.{name}", _UNKNOWN, _VERDICT)
    yield Member(action, f"{entry}.ARN", _NONE, "the user's place is not checked")


def _tags() -> Iterator[Member]:
    action = "elasticache:ListTagsForResource"
    yield Member(action, "TagList", _NONE, _EMPTY)
    yield Member(action, "TagList[].Key", _UNKNOWN, _TAGS)
    yield Member(action, "TagList[].Value", _NONE, "an empty value")
    action, entry = "tag:GetResources", "ResourceTagMappingList[]"
    silence = "silence of this API says nothing: each cache is asked for its tags itself"
    yield Member(action, "ResourceTagMappingList", _UNKNOWN, silence)
    yield Member(action, "PaginationToken", _NONE, _LAST_PAGE)
    for name in ("ResourceARN", "Tags", "Tags[].Key"):
        yield Member(action, f"{entry}.{name}", _UNKNOWN, _SINGLY)
    yield Member(action, f"{entry}.Tags[].Value", _NONE, "an empty value")


def _places() -> Iterator[Member]:
    action = "ec2:DescribeSubnets"
    yield Member(action, "Subnets", _NONE, "the region has none of these subnets")
    yield Member(action, "NextToken", _NONE, _LAST_PAGE)
    for name in ("SubnetId", "VpcId"):
        yield Member(action, f"Subnets[].{name}", _UNKNOWN, _SUBNETS)
    action = "ec2:DescribeRegions"
    unread = f"the list is unread (`REGIONS_UNREADABLE`): {_LISTED}"
    yield Member(action, "Regions", _MALFORMED, unread)
    yield Member(action, "Regions[].RegionName", _MALFORMED, unread)
    yield Member(action, "Regions[].OptInStatus", _NONE, "enabled, as all that are listed")


def _accounts() -> Iterator[Member]:
    for action in ("ListAccounts", "ListAccountsForParent"):
        yield from _organization(action, "Accounts", ("Id",))
    for action, listed in (
        ("ListRoots", "Roots"),
        ("ListOrganizationalUnitsForParent", "OrganizationalUnits"),
    ):
        yield from _organization(action, listed, ("Id",))
    action = "sts:AssumeRole"
    for path in ("AssumedRoleUser", "AssumedRoleUser.Arn"):
        yield Member(action, path, _MALFORMED, _ACCOUNT)
    for name in ("", ".AccessKeyId", ".SecretAccessKey", ".SessionToken", ".Expiration"):
        yield Member(action, f"Credentials{name}", _MALFORMED, _ACCOUNT)
    for name in ("Account", "Arn"):
        yield Member("sts:GetCallerIdentity", name, _MALFORMED, "the agent does not begin")


def _organization(name: str, listed: str, members: tuple[str, ...]) -> Iterator[Member]:
    action, unread = f"organizations:{name}", f"the list ends there: {_LISTED}"
    yield Member(action, listed, _MALFORMED, unread)
    yield Member(action, "NextToken", _NONE, _LAST_PAGE)
    for member in members:
        yield Member(action, f"{listed}[].{member}", _MALFORMED, unread)
    if listed == "Accounts":
        yield Member(action, "Accounts[].State", _NONE, "`Status`, its older name, is read instead")
        yield Member(action, "Accounts[].Status", _NONE, f"without `State` too: {unread}")
        yield Member(action, "Accounts[].Name", _UNKNOWN, _NAME)


MEMBERS: Final = (*_cache(), *_directory(), *_tags(), *_places(), *_accounts())


def table() -> str:
    """The members as a Markdown table."""
    rows = (f"| `{m.action}` | `{m.path}` | {m.absent} | {m.effect} |" for m in MEMBERS)
    return "\n".join(("| action | member | absent means | then |", "|---|---|---|---|", *rows))
