"""User groups of ElastiCache.

Source of the rules: aws/README: Users and groups; their messages where known:
terraform-provider-aws #25593.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from discovery.sandbox.aws.errors import ModeledError
from discovery.sandbox.aws.services import elasticache_users as users
from discovery.sandbox.aws.services.elasticache import (
    RBAC_ENGINES,
    check_identifier,
    invalid_combination,
    invalid_marker,
    invalid_value,
    overridden,
    page_size,
    read_tags,
    service,
)
from discovery.sandbox.aws.services.service import ApiCall
from discovery.sandbox.aws.timed_store import Change
from discovery.sandbox.aws.values import UserGroup

QUOTA = 200
"""User groups in one region of one account (aws/README: Quotas; the RBAC page says 100)."""

MOST_USERS = 100
"""Users in one group."""


def to_response(call: ApiCall, group: UserGroup) -> Mapping[str, Any]:
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
        "ServerlessCaches": _caches_with(call, group),
        "ARN": group.arn,
    }
    return overridden(members, group.wire)


def find(call: ApiCall, group_id: str) -> UserGroup:
    """The group of that id. Raises UserGroupNotFound."""
    group = call.region.groups.get(group_id.lower())
    if group is None:
        raise ModeledError("UserGroupNotFoundFault", f"User group {group_id} not found.")
    return group


def check_attachable(call: ApiCall, group_id: str | None, engine: str) -> str | None:
    """The id of a group that a cache of that engine may have; None when none is named.

    Raises UserGroupNotFound, InvalidUserGroupState or InvalidParameterCombination.
    """
    if group_id is None:
        return None
    if engine not in RBAC_ENGINES:
        raise invalid_combination(f"User groups are not supported for engine {engine}")
    group = find(call, group_id)
    _check_active(group)
    if group.engine == "valkey" and engine == "redis":
        raise invalid_combination(
            f"User group {group.id} of engine valkey cannot be used with a cache of engine redis"
        )
    return group.id


@service.operation("DescribeUserGroups")
def describe(call: ApiCall) -> Mapping[str, Any]:
    """One named group, or all of them by pages."""
    group_id = call.params.optional_text("UserGroupId")
    page = call.page(
        [find(call, group_id)] if group_id else call.region.groups.values(),
        key=lambda group: group.id,
        size=page_size(call, "MaxRecords", 100),
        token=call.params.optional_text("Marker"),
        invalid=invalid_marker("Marker"),
    )
    return {"UserGroups": [to_response(call, group) for group in page.items], "Marker": page.token}


@service.operation("CreateUserGroup")
def create(call: ApiCall) -> Mapping[str, Any]:
    """A new group, `creating` until it is active."""
    params, region = call.params, call.region
    group_id = check_identifier(params.text("UserGroupId"), "UserGroupId", 40)
    if group_id in region.groups:
        raise ModeledError("UserGroupAlreadyExistsFault", f"User group {group_id} already exists.")
    if len(region.groups) >= QUOTA:
        raise ModeledError(
            "UserGroupQuotaExceededFault", f"At most {QUOTA} user groups are allowed."
        )
    group = UserGroup(
        id=group_id,
        arn=region.place.arn("elasticache", f"usergroup:{group_id}"),
        engine=users.read_engine(params.text("Engine")),
        user_ids=tuple(dict.fromkeys(user_id.lower() for user_id in params.texts("UserIds"))),
        status="creating",
    )
    _check_members(call, group.engine, group.user_ids)
    tags = read_tags(params.structures("Tags"))
    region.groups.put(
        group_id, group, Change(call.now + region.delays.creating, UserGroup.with_changes_done)
    )
    region.tag_new(group.arn, tags)
    return to_response(call, group)


@service.operation("ModifyUserGroup")
def modify(call: ApiCall) -> Mapping[str, Any]:
    """The group, `modifying`; its members change when that is over."""
    params = call.params
    group = find(call, params.text("UserGroupId"))
    _check_active(group)
    adding = tuple(user_id.lower() for user_id in params.texts("UserIdsToAdd"))
    removing = tuple(user_id.lower() for user_id in params.texts("UserIdsToRemove"))
    engine = _new_engine(call, group)
    if not (adding or removing or engine != group.engine):
        raise invalid_combination("No modifications were requested")
    _check_changes(group, adding, removing)
    modified = replace(group, status="modifying", engine=engine, adding=adding, removing=removing)
    _check_members(call, engine, modified.with_changes_done().user_ids)
    finished = Change(call.now + call.region.delays.modifying, UserGroup.with_changes_done)
    call.region.groups.put(group.id, modified, finished)
    return to_response(call, modified)


@service.operation("DeleteUserGroup")
def delete(call: ApiCall) -> Mapping[str, Any]:
    """The group, `deleting`; then it is gone. One that a cache uses is refused."""
    group = find(call, call.params.text("UserGroupId"))
    _check_active(group)
    used_by = _caches_with(call, group)
    if used_by:
        raise ModeledError(
            "InvalidUserGroupStateFault",
            f"User group {group.id} is associated with serverless cache {used_by[0]}.",
        )
    deleting = replace(group, status="deleting")
    delays = call.region.delays
    call.region.groups.put(
        group.id, deleting, Change(call.now + delays.deleting, lambda group: None)
    )
    call.region.forget_tags(group.arn, memory=delays.deleting + delays.tag_index_memory)
    return to_response(call, deleting)


def _caches_with(call: ApiCall, group: UserGroup) -> list[str]:
    caches = call.region.caches.values()
    return [cache.name for cache in caches if cache.user_group_id == group.id]


def _check_active(group: UserGroup) -> None:
    if group.status != "active":
        raise ModeledError(
            "InvalidUserGroupStateFault",
            f"User group {group.id} is not in active state. Current state: {group.status}",
        )


def _new_engine(call: ApiCall, group: UserGroup) -> str:
    engine = users.read_engine(call.params.text("Engine", group.engine))
    if engine == group.engine:
        return engine
    if engine == "redis":
        raise invalid_combination("Engine valkey cannot be changed to redis")
    for name in _caches_with(call, group):
        cache = call.region.caches.get(name)
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
        raise ModeledError(
            "UserNotFoundFault", f"User {absent[0]} is not in user group {group.id}."
        )


def _check_members(call: ApiCall, engine: str, user_ids: tuple[str, ...]) -> None:
    members = [users.find(call, user_id) for user_id in user_ids]
    if len(members) > MOST_USERS:
        raise invalid_value(f"A user group has at most {MOST_USERS} users.")
    for name, count in Counter(user.name for user in members).items():
        if count > 1:
            raise ModeledError(
                "DuplicateUserNameFault", f"A user with user name {name} is already in the group."
            )
    if engine == "redis" and all(user.name != "default" for user in members):
        raise ModeledError(
            "DefaultUserRequired",
            "User group needs to contain a user with the user name default.",
        )
    for user in members:
        if user.status == "deleting":
            raise ModeledError("UserNotFoundFault", f"User {user.id} is being deleted.")
        if engine == "redis" and user.engine != "redis":
            raise invalid_value(
                f"User {user.id} of engine {user.engine} cannot be in a redis group"
            )
        if engine == "valkey" and user.authentication == "no-password":
            raise invalid_value(f"User {user.id} without a password cannot be in a valkey group")
