"""Users of ElastiCache.

Source of the rules: aws/README: Users and groups; of the message about IAM users:
terraform-aws-elasticache #65.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from discovery.sandbox.aws.access_string import expand_access_string
from discovery.sandbox.aws.errors import ModeledError
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
from discovery.sandbox.aws.services.elasticache_user_input import (
    Authentication,
    read_authentication,
)
from discovery.sandbox.aws.services.service import ApiCall, Parameters
from discovery.sandbox.aws.timed_store import Change
from discovery.sandbox.aws.values import User, UserGroup

QUOTA = 2000
"""Users in one region of one account (aws/README: Quotas; the RBAC page says 1000)."""

BUILT_IN = "default"
"""The service's own user: it cannot be changed or deleted."""

MINIMUM_VERSIONS: Mapping[str, str] = {"redis": "6.0", "valkey": "7.2"}


def to_response(call: ApiCall, user: User) -> Mapping[str, Any]:
    """The user as answers show it."""
    authentication: dict[str, Any] = {"Type": user.authentication}
    if user.authentication == "password":
        authentication["PasswordCount"] = user.password_count
    groups = [group.id for group in call.region.groups.values() if user.id in group.user_ids]
    members = {
        "UserId": user.id,
        "UserName": user.name,
        "Status": user.status,
        "Engine": user.engine,
        "MinimumEngineVersion": MINIMUM_VERSIONS.get(user.engine),
        "AccessString": user.access_string,
        "UserGroupIds": groups,
        "Authentication": authentication,
        "ARN": user.arn,
    }
    return overridden(members, user.wire)


def find(call: ApiCall, user_id: str) -> User:
    """The user of that id. Raises UserNotFound."""
    user = call.region.users.get(user_id.lower())
    if user is None:
        raise ModeledError("UserNotFoundFault", f"User {user_id} not found.")
    return user


def read_engine(text: str) -> str:
    """The engine in lower case. Raises InvalidParameterValue for one without users."""
    if text.lower() not in RBAC_ENGINES:
        raise invalid_value(f"Engine {text} is not one of {', '.join(RBAC_ENGINES)}")
    return text.lower()


@service.operation("DescribeUsers")
def describe(call: ApiCall) -> Mapping[str, Any]:
    """One named user, or all that pass the filters, by pages."""
    user_id = call.params.optional_text("UserId")
    users = [find(call, user_id)] if user_id else list(call.region.users.values())
    engine = call.params.text("Engine").lower()
    if engine:
        users = [user for user in users if user.engine == engine]
    for wanted in call.params.structures("Filters"):
        read = _FILTERS.get(wanted.text("Name").lower().replace("-", ""))
        if read is None:
            raise invalid_value(f"Unrecognized filter name: {wanted.text('Name')}")
        users = [user for user in users if read(user) in wanted.texts("Values")]
    page = call.page(
        users,
        key=lambda user: user.id,
        size=page_size(call, "MaxRecords", 100),
        token=call.params.optional_text("Marker"),
        invalid=invalid_marker("Marker"),
    )
    return {"Users": [to_response(call, user) for user in page.items], "Marker": page.token}


@service.operation("CreateUser")
def create(call: ApiCall) -> Mapping[str, Any]:
    """A new user, active at once as AWS answers it."""
    params, region = call.params, call.region
    user_id = check_identifier(params.text("UserId"), "UserId", 40)
    if user_id in region.users:
        raise ModeledError("UserAlreadyExistsFault", f"User {user_id} already exists.")
    if len(region.users) >= QUOTA:
        raise ModeledError("UserQuotaExceededFault", f"At most {QUOTA} users are allowed.")
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
        engine=read_engine(params.text("Engine")),
        access_string=_access_string(params.text("AccessString")),
        authentication=authentication.type,
        password_count=authentication.password_count,
    )
    _check(user)
    tags = read_tags(params.structures("Tags"))
    region.users.put(user_id, user)
    region.tag_new(user.arn, tags)
    return to_response(call, user)


@service.operation("ModifyUser")
def modify(call: ApiCall) -> Mapping[str, Any]:
    """The user as it will be, `modifying` for a while."""
    params = call.params
    user = find(call, params.text("UserId"))
    _check_active(user)
    _check_not_built_in(user)
    authentication = read_authentication(params) or Authentication(
        user.authentication, user.password_count
    )
    modified = replace(
        user,
        status="modifying",
        engine=_new_engine(params, user),
        access_string=_new_access_string(params, user),
        authentication=authentication.type,
        password_count=authentication.password_count,
    )
    _check(modified)
    _check_groups(modified, _groups_with(call, user))
    call.region.users.put(
        user.id, modified, Change(call.now + call.region.delays.modifying, _active)
    )
    return to_response(call, modified)


@service.operation("DeleteUser")
def delete(call: ApiCall) -> Mapping[str, Any]:
    """The user, `deleting`; it leaves its groups, then it is gone."""
    user = find(call, call.params.text("UserId"))
    _check_not_built_in(user)
    _check_active(user)
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
        leaving = replace(group, status="modifying", removing=(user.id,))
        finished = Change(call.now + call.region.delays.modifying, UserGroup.with_changes_done)
        call.region.groups.put(group.id, leaving, finished)
    deleting = replace(user, status="deleting")
    delays = call.region.delays
    call.region.users.put(user.id, deleting, Change(call.now + delays.deleting, lambda user: None))
    call.region.forget_tags(user.arn, memory=delays.deleting + delays.tag_index_memory)
    return to_response(call, deleting)


def _active(user: User) -> User:
    return replace(user, status="active")


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
    engine = read_engine(params.text("Engine", user.engine))
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


def _check_active(user: User) -> None:
    if user.status != "active":
        raise ModeledError(
            "InvalidUserStateFault",
            f"User {user.id} is not in active state. Current state: {user.status}",
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
