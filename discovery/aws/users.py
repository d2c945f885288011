"""All users and user groups of a scope, read together: two calls instead of one per user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from discovery.aws.caches import check_place
from discovery.aws.faults import nonsense
from discovery.aws.session import Session, together
from discovery.model import CacheUser, Directory, UserGroup

GROUPS = "elasticache:DescribeUserGroups"
USERS = "elasticache:DescribeUsers"
_PAGE = 100


async def read_directory(session: Session, now: datetime) -> Directory:
    """Every user and user group of the scope.

    Raises: AwsFault; half a directory is none.
    """
    token = ("Marker", "Marker")
    groups, users = await together(
        session.entries(GROUPS, "UserGroups", token, MaxRecords=_PAGE),
        session.entries(USERS, "Users", token, MaxRecords=_PAGE),
    )
    return Directory(
        groups={group.group_id: group for group in (_group(entry, session) for entry in groups)},
        users={user.user_id: user for user in (_user(entry, session) for entry in users)},
        read_at=now,
    )


def _group(entry: Mapping[str, Any], session: Session) -> UserGroup:
    pending = entry.get("PendingChanges") or {}
    return UserGroup(
        group_id=_id(entry, "UserGroupId", GROUPS, session),
        status=_text(entry, "Status").lower(),
        engine=_text(entry, "Engine").lower(),
        user_ids=_ids(entry.get("UserIds")),
        pending_add=_ids(pending.get("UserIdsToAdd")),
        pending_remove=_ids(pending.get("UserIdsToRemove")),
        arn=_text(entry, "ARN"),
        minimum_engine_version=_text(entry, "MinimumEngineVersion"),
    )


def _user(entry: Mapping[str, Any], session: Session) -> CacheUser:
    authentication = entry.get("Authentication") or {}
    return CacheUser(
        user_id=_id(entry, "UserId", USERS, session),
        user_name=_text(entry, "UserName"),
        status=_text(entry, "Status").lower(),
        engine=_text(entry, "Engine").lower(),
        access_string=_text(entry, "AccessString"),
        authentication=_text(authentication, "Type").lower(),
        group_ids=_ids(entry.get("UserGroupIds")),
        arn=_text(entry, "ARN"),
        minimum_engine_version=_text(entry, "MinimumEngineVersion"),
    )


def _id(entry: Mapping[str, Any], name: str, action: str, session: Session) -> str:
    """The id, in lower case as AWS keeps it: it takes ids in any, and who names one may spell it
    otherwise. Those of the service's own users hold a dot."""
    if arn := _text(entry, "ARN"):
        check_place(arn, action, session)
    if not (value := _text(entry, name)):
        raise nonsense(f"an entry without {name}", action, str(session.scope))
    return value.lower()


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _ids(values: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(value.lower() for value in values or () if isinstance(value, str) and value)
