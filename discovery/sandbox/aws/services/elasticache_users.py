"""Operations on ElastiCache's users.

Source of the rules: aws/README: Users and groups; of the message about IAM users:
terraform-aws-elasticache #65.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from discovery.sandbox.aws.errors import ModeledError
from discovery.sandbox.aws.services.elasticache import (
    MINIMUM_VERSIONS,
    invalid_combination,
    invalid_value,
    read_rbac_engine,
    read_tags,
    service,
)
from discovery.sandbox.aws.services.elasticache_resources import GROUPS, USERS
from discovery.sandbox.aws.services.elasticache_user_input import (
    Authentication,
    expand_access_string,
    read_authentication,
)
from discovery.sandbox.aws.services.service import ApiCall, Parameters
from discovery.sandbox.aws.values import User, UserGroup

BUILT_IN = "default"
"""The service's own user: it cannot be changed or deleted."""


def to_response(call: ApiCall, user: User) -> Mapping[str, Any]:
    """Return the user as answers show it."""
    authentication: dict[str, Any] = {"Type": user.authentication}
    if user.authentication == "password":
        authentication["PasswordCount"] = user.password_count
    groups = [group.id for group in call.region.groups.values() if user.id in group.user_ids]
    return {
        "UserId": user.id,
        "UserName": user.name,
        "Status": user.status,
        "Engine": user.engine,
        "MinimumEngineVersion": MINIMUM_VERSIONS.get(user.engine),
        "AccessString": user.access_string,
        "UserGroupIds": groups,
        "Authentication": authentication,
        "ARN": user.arn,
        **user.wire,
    }


@service.operation("DescribeUsers")
def describe(call: ApiCall) -> Mapping[str, Any]:
    """List one named user, or all that pass the filters, by pages."""
    users = USERS.requested(call)
    engine = call.params.text("Engine").lower()
    if engine:
        users = [user for user in users if user.engine == engine]
    for wanted in call.params.structures("Filters"):
        read = _FILTERS.get(wanted.text("Name").lower().replace("-", ""))
        if read is None:
            raise invalid_value(f"Unrecognized filter name: {wanted.text('Name')}")
        users = [user for user in users if read(user) in wanted.texts("Values")]
    return USERS.page(call, users, to_response)


@service.operation("CreateUser")
def create(call: ApiCall) -> Mapping[str, Any]:
    """Create a user, active at once as AWS answers it."""
    params, region = call.params, call.region
    user_id = USERS.new_name(call)
    authentication = read_authentication(params)
    if authentication is None:
        raise invalid_value(
            "No password was provided. If you want to create/update the user without password, "
            "please use the NoPasswordRequired flag."
        )
    user = User(
        id=user_id,
        name=params.text("UserName"),
        arn=region.place.arn("elasticache", f"user:{user_id}"),
        engine=read_rbac_engine(params.text("Engine")),
        access_string=_access_string(params.text("AccessString")),
        authentication=authentication.type,
    )
    user = _with(user, authentication)
    _check(user)
    tags = read_tags(params.structures("Tags"))
    return to_response(call, USERS.create(call, user, tags))


@service.operation("ModifyUser")
def modify(call: ApiCall) -> Mapping[str, Any]:
    """Change a user, which is `modifying` for a while."""
    params = call.params
    user = USERS.named(call)
    USERS.check_status(user)
    _check_not_built_in(user)
    authentication = read_authentication(params)
    modified = replace(
        user if authentication is None else _with(user, authentication),
        engine=_new_engine(params, user),
        access_string=_new_access_string(params, user),
    )
    _check(modified)
    _check_groups(modified, _groups_with(call, user))
    return to_response(call, USERS.modify(call, modified))


@service.operation("DeleteUser")
def delete(call: ApiCall) -> Mapping[str, Any]:
    """Delete a user, which leaves its groups and is `deleting` for a while."""
    user = USERS.named(call)
    _check_not_built_in(user)
    USERS.check_status(user)
    member_of = _groups_with(call, user)
    for group in member_of:
        if group.engine == "redis" and user.name == "default":
            raise ModeledError(
                "DefaultUserAssociatedToUserGroupFault",
                f"User {user.id} is the default user of user group {group.id}.",
            )
        if group.status != "active":
            raise ModeledError(
                "InvalidUserStateFault", f"User group {group.id} of the user is being modified."
            )
    for group in member_of:
        GROUPS.modify(call, replace(group, removing=(user.id,)))
    return to_response(call, USERS.delete(call, user))


def _with(user: User, authentication: Authentication) -> User:
    return replace(
        user,
        authentication=authentication.type,
        password_count=len(authentication.password_hashes),
        password_hashes=authentication.password_hashes,
    )


def _access_string(text: str) -> str:
    try:
        return expand_access_string(text)
    except ValueError as error:
        raise invalid_value(str(error)) from error


def _new_access_string(params: Parameters, user: User) -> str:
    if "AccessString" in params and "AppendAccessString" in params:
        raise invalid_combination("AccessString and AppendAccessString cannot be used together")
    if "AppendAccessString" in params:
        return _access_string(f"{user.access_string} {params.text('AppendAccessString')}")
    if "AccessString" in params:
        return _access_string(params.text("AccessString"))
    return user.access_string


def _new_engine(params: Parameters, user: User) -> str:
    engine = read_rbac_engine(params.text("Engine", user.engine))
    if (user.engine, engine) == ("valkey", "redis"):
        raise invalid_combination("Engine valkey cannot be changed to redis")
    return engine


def _groups_with(call: ApiCall, user: User) -> list[UserGroup]:
    return [
        group
        for group in call.region.groups.values()
        if user.id in (*group.user_ids, *group.adding) and group.status != "deleting"
    ]


def _check_groups(user: User, groups: list[UserGroup]) -> None:
    for group in groups:
        if (group.engine, user.engine) == ("redis", "valkey"):
            raise invalid_combination(f"User group {group.id} of the user has engine redis")
        if (group.engine, user.authentication) == ("valkey", "no-password"):
            raise invalid_combination(f"User group {group.id} of the user has engine valkey")


def _check(user: User) -> None:
    if user.authentication == "iam" and user.id != user.name:
        raise invalid_combination("User Id and User name must be same for authentication type: iam")
    if user.engine == "valkey" and user.authentication == "no-password":
        raise invalid_combination(
            "Authentication type no-password-required is not supported for engine valkey"
        )


def _check_not_built_in(user: User) -> None:
    if user.id == BUILT_IN or user.id.startswith(f"{BUILT_IN}."):
        raise invalid_value(f"User {user.id} belongs to the service and cannot be changed.")


_FILTERS: Mapping[str, Callable[[User], str]] = {
    "userid": lambda user: user.id,
    "username": lambda user: user.name,
    "engine": lambda user: user.engine,
    "status": lambda user: user.status,
}
