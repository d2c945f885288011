"""Read all users and user groups of a scope: two calls instead of one per user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from discovery.aws.caches import check_place
from discovery.aws.errors import malformed_response
from discovery.aws.session import Session, deduplicate, gather_all
from discovery.model.values import CacheUser, UserGroup, UsersAndGroups

GROUPS = "elasticache:DescribeUserGroups"
USERS = "elasticache:DescribeUsers"
_PAGE = 100


async def read_users_and_groups(session: Session, now: datetime) -> UsersAndGroups:
    """Read every user and user group of the scope.

    Raises: AwsCallFailed; half of them is none.
    """
    token = ("Marker", "Marker")
    groups, users = await gather_all(
        session.entries(GROUPS, "UserGroups", token, MaxRecords=_PAGE),
        session.entries(USERS, "Users", token, MaxRecords=_PAGE),
    )
    listed_groups = deduplicate((_group(entry, session) for entry in groups), GROUPS, session)
    listed_users = deduplicate((_user(entry, session) for entry in users), USERS, session)
    return UsersAndGroups(
        groups={key: group for key, group in listed_groups.items() if group is not None},
        users={key: user for key, user in listed_users.items() if user is not None},
        read_at=now,
        unread_groups=frozenset(key for key, group in listed_groups.items() if group is None),
        unread_users=frozenset(key for key, user in listed_users.items() if user is None),
    )


def _group(entry: Mapping[str, Any], session: Session) -> tuple[str, UserGroup | None]:
    """The id, and the group; None where a member is left out that every group has."""
    group_id = _id(entry, "UserGroupId", GROUPS, session)
    status, engine, members = _text(entry, "Status"), _text(entry, "Engine"), entry.get("UserIds")
    pending = entry.get("PendingChanges") or {}
    if not (status and engine and isinstance(members, list | tuple)):
        return group_id, None
    return group_id, UserGroup(
        group_id=group_id,
        status=status.lower(),
        engine=engine.lower(),
        user_ids=_ids(members),
        pending_add=_ids(pending.get("UserIdsToAdd")),
        pending_remove=_ids(pending.get("UserIdsToRemove")),
        arn=_text(entry, "ARN"),
    )


def _user(entry: Mapping[str, Any], session: Session) -> tuple[str, CacheUser | None]:
    """The id, and the user; None where a member is left out that every user has."""
    user_id = _id(entry, "UserId", USERS, session)
    name, status, engine, access = (
        _text(entry, member) for member in ("UserName", "Status", "Engine", "AccessString")
    )
    authentication = _text(entry.get("Authentication") or {}, "Type")
    if not (name and status and engine and access and authentication):
        return user_id, None
    return user_id, CacheUser(
        user_id=user_id,
        user_name=name,
        status=status.lower(),
        engine=engine.lower(),
        access_string=access,
        authentication=authentication.lower(),
        arn=_text(entry, "ARN"),
    )


def _id(entry: Mapping[str, Any], name: str, action: str, session: Session) -> str:
    """Read the id, in lower case as AWS keeps it.

    It takes ids in any case, and who names one may spell it otherwise. Those of the service's own
    users hold a dot.
    """
    if arn := _text(entry, "ARN"):
        check_place(arn, action, session)
    if not (value := _text(entry, name)):
        raise malformed_response(f"an entry without {name}", action, str(session.scope))
    return value.lower()


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _ids(values: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(value.lower() for value in values or () if isinstance(value, str) and value)
