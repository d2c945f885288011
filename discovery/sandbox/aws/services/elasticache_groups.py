"""Operations on ElastiCache's user groups.

Source of the rules: aws/README: Users and groups; their messages where known:
terraform-provider-aws #25593.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from discovery.sandbox.aws.errors import ModeledError
from discovery.sandbox.aws.services.elasticache import (
    MINIMUM_VERSIONS,
    RBAC_ENGINES,
    invalid_combination,
    invalid_value,
    read_rbac_engine,
    read_tags,
    service,
)
from discovery.sandbox.aws.services.elasticache_resources import GROUPS, USERS
from discovery.sandbox.aws.services.service import ApiCall
from discovery.sandbox.aws.values import UserGroup

MOST_USERS = 100
"""Users in one group."""


def to_response(call: ApiCall, group: UserGroup) -> Mapping[str, Any]:
    """Return the group as answers show it; pending changes only while there are some."""
    pending = None
    if group.adding or group.removing:
        pending = {"UserIdsToAdd": group.adding, "UserIdsToRemove": group.removing}
    return {
        "UserGroupId": group.id,
        "Status": group.status,
        "Engine": group.engine,
        "UserIds": group.user_ids,
        "MinimumEngineVersion": MINIMUM_VERSIONS.get(group.engine),
        "PendingChanges": pending,
        "ReplicationGroups": [],
        "ServerlessCaches": _caches_with(call, group),
        "ARN": group.arn,
        **group.wire,
    }


def check_attachable(call: ApiCall, group_id: str | None, engine: str) -> str | None:
    """Return the id of a group that a cache of that engine may have; None for none.

    Raises UserGroupNotFound, InvalidUserGroupState or InvalidParameterCombination.
    """
    if group_id is None:
        return None
    if engine not in RBAC_ENGINES:
        raise invalid_combination(f"User groups are not supported for engine {engine}")
    group = GROUPS.find(call, group_id)
    GROUPS.check_status(group)
    if group.engine == "valkey" and engine == "redis":
        raise invalid_combination(
            f"User group {group.id} of engine valkey cannot be used with a cache of engine redis"
        )
    return group.id


@service.operation("DescribeUserGroups")
def describe(call: ApiCall) -> Mapping[str, Any]:
    """List one named group, or all of them by pages."""
    return GROUPS.page(call, GROUPS.requested(call), to_response)


@service.operation("CreateUserGroup")
def create(call: ApiCall) -> Mapping[str, Any]:
    """Create a group, `creating` until it is active."""
    params, region = call.params, call.region
    group_id = GROUPS.new_name(call)
    group = UserGroup(
        id=group_id,
        arn=region.place.arn("elasticache", f"usergroup:{group_id}"),
        engine=read_rbac_engine(params.text("Engine")),
        user_ids=tuple(dict.fromkeys(user_id.lower() for user_id in params.texts("UserIds"))),
        status="creating",
    )
    _check_members(call, group.engine, group.user_ids)
    tags = read_tags(params.structures("Tags"))
    return to_response(call, GROUPS.create(call, group, tags))


@service.operation("ModifyUserGroup")
def modify(call: ApiCall) -> Mapping[str, Any]:
    """Change a group, which is `modifying` until its members are the new ones."""
    params = call.params
    group = GROUPS.named(call)
    GROUPS.check_status(group)
    adding = tuple(user_id.lower() for user_id in params.texts("UserIdsToAdd"))
    removing = tuple(user_id.lower() for user_id in params.texts("UserIdsToRemove"))
    engine = _new_engine(call, group)
    if not (adding or removing or engine != group.engine):
        raise invalid_combination("No modifications were requested")
    _check_changes(group, adding, removing)
    modified = replace(group, engine=engine, adding=adding, removing=removing)
    _check_members(call, engine, modified.with_changes_done().user_ids)
    return to_response(call, GROUPS.modify(call, modified))


@service.operation("DeleteUserGroup")
def delete(call: ApiCall) -> Mapping[str, Any]:
    """Delete a group that no cache uses, which is `deleting` for a while."""
    group = GROUPS.named(call)
    GROUPS.check_status(group)
    used_by = _caches_with(call, group)
    if used_by:
        raise ModeledError(
            "InvalidUserGroupStateFault",
            f"User group {group.id} is associated with serverless cache {used_by[0]}.",
        )
    return to_response(call, GROUPS.delete(call, group))


def _caches_with(call: ApiCall, group: UserGroup) -> list[str]:
    caches = call.region.caches.values()
    return [cache.name for cache in caches if cache.user_group_id == group.id]


def _new_engine(call: ApiCall, group: UserGroup) -> str:
    engine = read_rbac_engine(call.params.text("Engine", group.engine))
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
    members = [USERS.find(call, user_id) for user_id in user_ids]
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
