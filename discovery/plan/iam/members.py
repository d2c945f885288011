"""Members of user groups: who fits, who can log in with IAM, what is in the way. Pure.

Source of the rules and their order: aws/README: Users and groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

from discovery.model.codes import FindingCode
from discovery.model.values import CacheUser, UserGroup, UsersAndGroups

DEFAULT: Final = "default"
"""The name of the user whom a connection has before it logs in, and the id of AWS's own one."""

_WORKING: Final = ("active", "modifying")
_IDLE: Final = ("creating", "deleting")


def works(status: str) -> bool:
    """True when a user of that status can log in."""
    return status in _WORKING


def is_idle(status: str) -> bool:
    """True when a user or group of that status surely takes no part in logins.

    False for a status that is missing or that nobody has seen before.
    """
    return status in _IDLE


@lru_cache(maxsize=4096)
def is_on(access_string: str) -> bool:
    """True when the user may log in: the last of `on` and `off` wins, neither means off."""
    state = False
    for rule in access_string.split():
        if rule.lower() in ("on", "off"):
            state = rule.lower() == "on"
    return state


def is_used(user: CacheUser) -> bool:
    """True for a user who can log in today in its own way, which may be another than IAM."""
    return works(user.status) and is_on(user.access_string)


def allows_commands(access_string: str) -> bool:
    """True when some rule of the access string allows commands, whatever others take away."""
    return any(
        rule.startswith("+") or rule.lower() == "allcommands" for rule in access_string.split()
    )


def might_pass(user: CacheUser | None, group: UserGroup) -> bool:
    """True for a member whom only a status of unknown meaning keeps from logging in."""
    if user is None or works(user.status) or is_idle(user.status):
        return False
    return obstacle(replace(user, status="active"), group) is None


def engines_fit(group_engine: str, engine: str) -> bool:
    """True when a user or group of `engine` may be in, or on, one of `group_engine`.

    A redis member fits anything; a valkey member only valkey.
    """
    return engine.lower() != "valkey" or group_engine.lower() == "valkey"


def rbac_engine(text: str) -> str:
    """Name the engine of users and groups for one that AWS spells in any way."""
    return "valkey" if text.lower() == "valkey" else "redis"


def is_service_owned(identifier: str) -> bool:
    """True for users and groups that AWS made: nobody can change them.

    AWS may not list them.

    They are `default` and what begins with `default.`, such as `default.iam-user`.
    """
    return identifier == DEFAULT or identifier.startswith(f"{DEFAULT}.")


def current_members(group: UserGroup) -> tuple[str, ...]:
    """Ids of the members who work now, sorted.

    One who is being added works not yet, and one who is being taken out no longer.
    """
    return tuple(sorted(set(group.user_ids) - {*group.pending_add, *group.pending_remove}))


def pending_members(group: UserGroup) -> tuple[str, ...]:
    """Ids of the users who are being added and do not work yet, sorted."""
    return tuple(sorted(set(group.pending_add) - set(group.pending_remove)))


def is_default(user_id: str, user: CacheUser | None) -> bool:
    """True for a group's default user, which cannot be IAM.

    AWS's own default user may be unlisted.
    """
    if user is None:
        return user_id == DEFAULT
    return user.user_name == DEFAULT and user.authentication != "iam"


def is_open(user: CacheUser | None) -> bool:
    """True when anybody who reaches the cache may be this user, as AWS's own default user."""
    if user is None:
        return True
    return works(user.status) and user.authentication == "no-password" and is_on(user.access_string)


def takes_password(user: CacheUser) -> bool:
    """True when a person who knows a password may be this user."""
    return works(user.status) and user.authentication == "password" and is_on(user.access_string)


def obstacle(user: CacheUser | None, group: UserGroup) -> FindingCode | None:
    """Find the first thing that keeps a member of the group from logging in with IAM."""
    if user is None:
        return FindingCode.USER_MISSING
    return next((code for code, stands in _OBSTACLES if stands(user, group)), None)


def is_refused(user: CacheUser | None, group: UserGroup) -> bool:
    """True for a member that AWS refuses to keep when the group is changed."""
    if user is None or user.status == "deleting" or not engines_fit(group.engine, user.engine):
        return True
    return group.engine == "valkey" and user.authentication == "no-password"


def may_stay(user: CacheUser | None, group: UserGroup) -> bool:
    """True for a member who can be taken over into a group like this one."""
    return user is not None and user.user_name != DEFAULT and not is_refused(user, group)


def is_out_of_reach(user_id: str, group: UserGroup) -> bool:
    """True where no request may name the group or the member: AWS's own have a dot in their ids.

    Its default user has none; it can be taken out of a group.
    """
    return is_service_owned(group.group_id) or (user_id != DEFAULT and is_service_owned(user_id))


def candidates(group: UserGroup, users_and_groups: UsersAndGroups) -> Iterator[str]:
    """Ids of users outside the group who could log in with IAM if they were in it.

    Names are unique in a group, so one whose name is taken there is none of them.
    """
    here = {*current_members(group), *pending_members(group)}
    names = {
        users_and_groups.users[each].user_name for each in here if each in users_and_groups.users
    }
    for user in users_and_groups.users.values():
        if user.authentication != "iam" or user.status != "active":
            continue
        if user.user_id in here or user.user_name in names or is_service_owned(user.user_id):
            continue
        if obstacle(user, group) is None:
            yield user.user_id


_OBSTACLES: Final[tuple[tuple[FindingCode, Callable[[CacheUser, UserGroup], bool]], ...]] = (
    (FindingCode.USER_NOT_ACTIVE, lambda user, _: not works(user.status)),
    (FindingCode.PASSWORDLESS_USER, lambda user, _: is_open(user)),
    (FindingCode.USER_NOT_IAM, lambda user, _: user.authentication != "iam"),
    (FindingCode.USER_ID_NAME_MISMATCH, lambda user, _: user.user_id != user.user_name),
    (FindingCode.USER_DISABLED, lambda user, _: not is_on(user.access_string)),
    (FindingCode.ENGINE_MISMATCH, lambda user, g: not engines_fit(g.engine, user.engine)),
)
