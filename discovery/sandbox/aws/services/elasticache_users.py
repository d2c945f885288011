"""Users of ElastiCache.

Source of the rules: aws/README: Users and groups; of the message about IAM users:
terraform-aws-elasticache #65.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from discovery.sandbox.aws.access_string import expanded
from discovery.sandbox.aws.errors import Modelled
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
from discovery.sandbox.aws.services.elasticache_user_input import (
    Authentication,
    read_authentication,
)
from discovery.sandbox.aws.services.service import Ask, Given
from discovery.sandbox.aws.timed_store import Change
from discovery.sandbox.aws.values import User, UserGroup

QUOTA = 2000
"""Users in one region of one account (aws/README: Quotas; the RBAC page says 1000)."""

BUILT_IN = "default"
"""The service's own user: it cannot be changed or deleted."""

MINIMUM_VERSIONS: Mapping[str, str] = {"redis": "6.0", "valkey": "7.2"}


def described(ask: Ask, user: User) -> Mapping[str, Any]:
    """The user as answers show it."""
    authentication: dict[str, Any] = {"Type": user.authentication}
    if user.authentication == "password":
        authentication["PasswordCount"] = user.password_count
    groups = [group.id for group in ask.region.groups.values() if user.id in group.user_ids]
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
    return overlaid(members, user.wire)


def find(ask: Ask, user_id: str) -> User:
    """The user of that id. Raises UserNotFound."""
    user = ask.region.users.get(user_id.lower())
    if user is None:
        raise Modelled("UserNotFoundFault", f"User {user_id} not found.")
    return user


def rbac_engine(text: str) -> str:
    """The engine in lower case. Raises InvalidParameterValue for one without users."""
    if text.lower() not in RBAC_ENGINES:
        raise invalid_value(f"Engine {text} is not one of {', '.join(RBAC_ENGINES)}")
    return text.lower()


@service.operation("DescribeUsers")
def describe(ask: Ask) -> Mapping[str, Any]:
    """One named user, or all that pass the filters, by pages."""
    user_id = ask.given.maybe_text("UserId")
    users = [find(ask, user_id)] if user_id else list(ask.region.users.values())
    engine = ask.given.text("Engine").lower()
    if engine:
        users = [user for user in users if user.engine == engine]
    for wanted in ask.given.structures("Filters"):
        read = _FILTERS.get(wanted.text("Name").lower().replace("-", ""))
        if read is None:
            raise invalid_value(f"Unrecognized filter name: {wanted.text('Name')}")
        users = [user for user in users if read(user) in wanted.texts("Values")]
    page = ask.page(
        users,
        key=lambda user: user.id,
        size=page_size(ask, "MaxRecords", 100),
        token=ask.given.maybe_text("Marker"),
        invalid=invalid_marker("Marker"),
    )
    return {"Users": [described(ask, user) for user in page.items], "Marker": page.token}


@service.operation("CreateUser")
def create(ask: Ask) -> Mapping[str, Any]:
    """A new user, active at once as AWS answers it."""
    given, region = ask.given, ask.region
    user_id = check_identifier(given.text("UserId"), "UserId", 40)
    if user_id in region.users:
        raise Modelled("UserAlreadyExistsFault", f"User {user_id} already exists.")
    if len(region.users) >= QUOTA:
        raise Modelled("UserQuotaExceededFault", f"At most {QUOTA} users are allowed.")
    authentication = read_authentication(given)
    if authentication is None:
        raise invalid_value(
            "No password was provided. If you want to create/update the user without password, "
            "please use the NoPasswordRequired flag."
        )
    user = User(
        id=user_id,
        name=given.text("UserName"),
        arn=region.place.arn("elasticache", f"user:{user_id}"),
        engine=rbac_engine(given.text("Engine")),
        access_string=_access_string(given.text("AccessString")),
        authentication=authentication.type,
        password_count=authentication.password_count,
    )
    _check(user)
    tags = checked_tags(given.structures("Tags"))
    region.users.put(user_id, user)
    region.tag_new(user.arn, tags)
    return described(ask, user)


@service.operation("ModifyUser")
def modify(ask: Ask) -> Mapping[str, Any]:
    """The user as it will be, `modifying` for a while."""
    given = ask.given
    user = find(ask, given.text("UserId"))
    _check_active(user)
    _check_not_built_in(user)
    authentication = read_authentication(given) or Authentication(
        user.authentication, user.password_count
    )
    modified = replace(
        user,
        status="modifying",
        engine=_new_engine(given, user),
        access_string=_new_access_string(given, user),
        authentication=authentication.type,
        password_count=authentication.password_count,
    )
    _check(modified)
    _check_groups(modified, _groups_with(ask, user))
    ask.region.users.put(user.id, modified, Change(ask.now + ask.region.pace.modifying, _active))
    return described(ask, modified)


@service.operation("DeleteUser")
def delete(ask: Ask) -> Mapping[str, Any]:
    """The user, `deleting`; it leaves its groups, then it is gone."""
    user = find(ask, ask.given.text("UserId"))
    _check_not_built_in(user)
    _check_active(user)
    member_of = _groups_with(ask, user)
    for group in member_of:
        if group.engine == "redis" and user.name == "default":
            raise Modelled(
                "DefaultUserAssociatedToUserGroupFault",
                f"User {user.id} is the default user of user group {group.id}.",
            )
        if group.status != "active":
            raise Modelled(
                "InvalidUserStateFault", f"User group {group.id} of the user is being modified."
            )
    for group in member_of:
        leaving = replace(group, status="modifying", removing=(user.id,))
        settled = Change(ask.now + ask.region.pace.modifying, UserGroup.settled)
        ask.region.groups.put(group.id, leaving, settled)
    deleting = replace(user, status="deleting")
    pace = ask.region.pace
    ask.region.users.put(user.id, deleting, Change(ask.now + pace.deleting, lambda user: None))
    ask.region.forget_tags(user.arn, memory=pace.deleting + pace.tag_index_memory)
    return described(ask, deleting)


def _active(user: User) -> User:
    return replace(user, status="active")


def _access_string(text: str) -> str:
    try:
        return expanded(text)
    except ValueError as error:
        raise invalid_value(str(error)) from error


def _new_access_string(given: Given, user: User) -> str:
    if "AccessString" in given and "AppendAccessString" in given:
        raise invalid_combination("AccessString and AppendAccessString cannot be used together")
    if "AppendAccessString" in given:
        return _access_string(f"{user.access_string} {given.text('AppendAccessString')}")
    if "AccessString" in given:
        return _access_string(given.text("AccessString"))
    return user.access_string


def _new_engine(given: Given, user: User) -> str:
    engine = rbac_engine(given.text("Engine", user.engine))
    if (user.engine, engine) == ("valkey", "redis"):
        raise invalid_combination("Engine valkey cannot be changed to redis")
    return engine


def _groups_with(ask: Ask, user: User) -> list[UserGroup]:
    return [
        group
        for group in ask.region.groups.values()
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
        raise Modelled(
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
