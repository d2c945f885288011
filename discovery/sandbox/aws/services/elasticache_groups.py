"""User groups of ElastiCache.

Source of the rules: aws/README: Users and groups; their messages where known:
terraform-provider-aws #25593.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from discovery.sandbox.aws.errors import Modelled
from discovery.sandbox.aws.services import elasticache_users as users
from discovery.sandbox.aws.services.elasticache import (
    RBAC_ENGINES,
    check_identifier,
    checked_tags,
    invalid_combination,
    invalid_marker,
    invalid_value,
    overlaid,
    page_size,
    service,
)
from discovery.sandbox.aws.services.service import Ask
from discovery.sandbox.aws.timed_store import Change
from discovery.sandbox.aws.values import UserGroup

QUOTA = 200
"""User groups in one region of one account (aws/README: Quotas; the RBAC page says 100)."""

MOST_USERS = 100
"""Users in one group."""


def described(ask: Ask, group: UserGroup) -> Mapping[str, Any]:
    """The group as answers show it; pending changes only while there are some."""
    pending = None
    if group.adding or group.removing:
        pending = {"UserIdsToAdd": group.adding, "UserIdsToRemove": group.removing}
    members = {
        "UserGroupId": group.id,
        "Status": group.status,
        "Engine": group.engine,
        "UserIds": group.user_ids,
        "MinimumEngineVersion": users.MINIMUM_VERSIONS.get(group.engine),
        "PendingChanges": pending,
        "ReplicationGroups": [],
        "ServerlessCaches": _caches_with(ask, group),
        "ARN": group.arn,
    }
    return overlaid(members, group.wire)


def find(ask: Ask, group_id: str) -> UserGroup:
    """The group of that id. Raises UserGroupNotFound."""
    group = ask.region.groups.get(group_id.lower())
    if group is None:
        raise Modelled("UserGroupNotFoundFault", f"User group {group_id} not found.")
    return group


def attachable(ask: Ask, group_id: str | None, engine: str) -> str | None:
    """The id of a group that a cache of that engine may have; None when none is named.

    Raises UserGroupNotFound, InvalidUserGroupState or InvalidParameterCombination.
    """
    if group_id is None:
        return None
    if engine not in RBAC_ENGINES:
        raise invalid_combination(f"User groups are not supported for engine {engine}")
    group = find(ask, group_id)
    _check_active(group)
    if group.engine == "valkey" and engine == "redis":
        raise invalid_combination(
            f"User group {group.id} of engine valkey cannot be used with a cache of engine redis"
        )
    return group.id


@service.operation("DescribeUserGroups")
def describe(ask: Ask) -> Mapping[str, Any]:
    """One named group, or all of them by pages."""
    group_id = ask.given.maybe_text("UserGroupId")
    page = ask.page(
        [find(ask, group_id)] if group_id else ask.region.groups.values(),
        key=lambda group: group.id,
        size=page_size(ask, "MaxRecords", 100),
        token=ask.given.maybe_text("Marker"),
        invalid=invalid_marker("Marker"),
    )
    return {"UserGroups": [described(ask, group) for group in page.items], "Marker": page.token}


@service.operation("CreateUserGroup")
def create(ask: Ask) -> Mapping[str, Any]:
    """A new group, `creating` until it is active."""
    given, region = ask.given, ask.region
    group_id = check_identifier(given.text("UserGroupId"), "UserGroupId", 40)
    if group_id in region.groups:
        raise Modelled("UserGroupAlreadyExistsFault", f"User group {group_id} already exists.")
    if len(region.groups) >= QUOTA:
        raise Modelled("UserGroupQuotaExceededFault", f"At most {QUOTA} user groups are allowed.")
    group = UserGroup(
        id=group_id,
        arn=region.place.arn("elasticache", f"usergroup:{group_id}"),
        engine=users.rbac_engine(given.text("Engine")),
        user_ids=tuple(dict.fromkeys(user_id.lower() for user_id in given.texts("UserIds"))),
        status="creating",
    )
    _check_members(ask, group.engine, group.user_ids)
    tags = checked_tags(given.structures("Tags"))
    region.groups.put(group_id, group, Change(ask.now + region.pace.creating, UserGroup.settled))
    region.tag_new(group.arn, tags)
    return described(ask, group)


@service.operation("ModifyUserGroup")
def modify(ask: Ask) -> Mapping[str, Any]:
    """The group, `modifying`; its members change when that is over."""
    given = ask.given
    group = find(ask, given.text("UserGroupId"))
    _check_active(group)
    adding = tuple(user_id.lower() for user_id in given.texts("UserIdsToAdd"))
    removing = tuple(user_id.lower() for user_id in given.texts("UserIdsToRemove"))
    engine = _new_engine(ask, group)
    if not (adding or removing or engine != group.engine):
        raise invalid_combination("No modifications were requested")
    _check_changes(group, adding, removing)
    modified = replace(group, status="modifying", engine=engine, adding=adding, removing=removing)
    _check_members(ask, engine, modified.settled().user_ids)
    settled = Change(ask.now + ask.region.pace.modifying, UserGroup.settled)
    ask.region.groups.put(group.id, modified, settled)
    return described(ask, modified)


@service.operation("DeleteUserGroup")
def delete(ask: Ask) -> Mapping[str, Any]:
    """The group, `deleting`; then it is gone. One that a cache uses is refused."""
    group = find(ask, ask.given.text("UserGroupId"))
    _check_active(group)
    used_by = _caches_with(ask, group)
    if used_by:
        raise Modelled(
            "InvalidUserGroupStateFault",
            f"User group {group.id} is associated with serverless cache {used_by[0]}.",
        )
    deleting = replace(group, status="deleting")
    pace = ask.region.pace
    ask.region.groups.put(group.id, deleting, Change(ask.now + pace.deleting, lambda group: None))
    ask.region.forget_tags(group.arn, memory=pace.deleting + pace.tag_index_memory)
    return described(ask, deleting)


def _caches_with(ask: Ask, group: UserGroup) -> list[str]:
    caches = ask.region.caches.values()
    return [cache.name for cache in caches if cache.user_group_id == group.id]


def _check_active(group: UserGroup) -> None:
    if group.status != "active":
        raise Modelled(
            "InvalidUserGroupStateFault",
            f"User group {group.id} is not in active state. Current state: {group.status}",
        )


def _new_engine(ask: Ask, group: UserGroup) -> str:
    engine = users.rbac_engine(ask.given.text("Engine", group.engine))
    if engine == group.engine:
        return engine
    if engine == "redis":
        raise invalid_combination("Engine valkey cannot be changed to redis")
    for name in _caches_with(ask, group):
        cache = ask.region.caches.get(name)
        if cache is not None and cache.engine == "redis":
            raise invalid_combination(f"Serverless cache {name} has engine redis")
    return engine


def _check_changes(group: UserGroup, adding: tuple[str, ...], removing: tuple[str, ...]) -> None:
    if set(adding) & set(removing):
        raise invalid_combination("A user cannot be added and removed at once")
    present = sorted(set(adding) & set(group.user_ids))
    if present:
        raise invalid_combination(f"User {present[0]} is already in user group {group.id}.")
    absent = sorted(set(removing) - set(group.user_ids))
    if absent:
        raise Modelled("UserNotFoundFault", f"User {absent[0]} is not in user group {group.id}.")


def _check_members(ask: Ask, engine: str, user_ids: tuple[str, ...]) -> None:
    members = [users.find(ask, user_id) for user_id in user_ids]
    if len(members) > MOST_USERS:
        raise invalid_value(f"A user group has at most {MOST_USERS} users.")
    for name, count in Counter(user.name for user in members).items():
        if count > 1:
            raise Modelled(
                "DuplicateUserNameFault", f"A user with user name {name} is already in the group."
            )
    if engine == "redis" and all(user.name != "default" for user in members):
        raise Modelled(
            "DefaultUserRequired",
            "User group needs to contain a user with the user name default.",
        )
    for user in members:
        if user.status == "deleting":
            raise Modelled("UserNotFoundFault", f"User {user.id} is being deleted.")
        if engine == "redis" and user.engine != "redis":
            raise invalid_value(
                f"User {user.id} of engine {user.engine} cannot be in a redis group"
            )
        if engine == "valkey" and user.authentication == "no-password":
            raise invalid_value(f"User {user.id} without a password cannot be in a valkey group")
