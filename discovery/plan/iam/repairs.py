"""AWS CLI lines that repair what is wrong with a cache's users, in order. Pure.

Each repair stands alone and begins with a comment that names the account. Where AWS takes its time
and refuses the next step until it is done, a line shows the status to wait for. Lines beginning
with `#` hold words of ours and the account id only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from discovery.model.values import (
    UNKNOWN,
    CacheUser,
    KnownCache,
    UnknownType,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.iam.aws_cli import Value, command
from discovery.plan.iam.members import (
    DEFAULT,
    current_members,
    engines_fit,
    is_on,
    is_refused,
    is_service_owned,
)

READING: Final = "on ~app:* -@all +@read"
"""Proposed for whoever is to log in: a beginning that a person narrows or widens. No proposal
allows everything."""

NOTHING: Final = "off ~* -@all"
"""For a user who must exist and must never log in: the default user of a redis group."""

CHOICE: Final = "# what it may do is your choice: +@read reads, +@write writes"
CUTS_OFF_USERS: Final = "# cuts off whoever logs in as this user today"
CUTS_OFF_CLIENTS: Final = "# the last line cuts off clients that name no user"
AS_AGENT: Final = "# with the role of the agent both must answer"

_IAM: Final = {"Type": "iam"}
_NEWEST: Final = {"redis": "7", "valkey": "8"}
"""A major version by engine that every region offers and IAM works with."""

_LONGEST_ID: Final = 40

Lines = tuple[str, ...]


class Repairs:
    """Repairs for one cache, with ids that are free among the users and groups of its scope."""

    def __init__(self, cache: KnownCache, users_and_groups: UsersAndGroups | UnknownType) -> None:
        self._cache = cache
        self._users_and_groups = None if users_and_groups is UNKNOWN else users_and_groups
        self._in_group = frozenset(self._names_in_group())

    def newer_engine(self) -> Lines:
        """Raise the major version to one that IAM works with; nothing for other engines."""
        version = _NEWEST.get(self._cache.engine.lower())
        if version is None:
            return ()
        return self._lines(*self._available(), self._modify_cache(MajorEngineVersion=version))

    def new_group(self, *, keep: Lines = (), cuts_off: bool = False) -> Lines:
        """Attach a new group with a new IAM user to the cache.

        A redis group must have a default user; it gets one who is off. `keep`: users who are in it
        too. `cuts_off`: the cache has no access control yet, so clients that name no user will be
        refused.
        """
        name, engine = self._cache.name, _engine(self._cache.engine)
        group_id = free_id(name, self._is_group)
        person = self._free_user(f"teleport-{name}")
        members: Lines = (person,)
        first: Lines = ()
        if engine == "redis":
            default = self._free_user(f"{name}-default")
            members, first = (default, person), (self._create_default(default),)
        return self._lines(
            *((CUTS_OFF_CLIENTS,) if cuts_off else ()),
            *first,
            *self._create_person(person, engine),
            self._run(
                "create-user-group", UserGroupId=group_id, Engine=engine, UserIds=(*members, *keep)
            ),
            *self._until_group_active(group_id),
            *self._available(),
            self._modify_cache(UserGroupId=group_id),
        )

    def wait_for_group(self, group: UserGroup) -> Lines:
        """Wait until the group is active."""
        return self._lines(*self._until_group_active(group.group_id))

    def wait_for_user(self, user: CacheUser) -> Lines:
        """Wait until the user is active."""
        return self._lines(*self._until_user_active(user.user_id))

    def new_member(self, group: UserGroup) -> Lines:
        """Add a new IAM user to the group."""
        if is_service_owned(group.group_id):
            return self._other_group(group)
        person = self._free_user(f"teleport-{group.group_id}")
        return self._lines(
            *self._create_person(person, _engine(group.engine)),
            *self._change(group, add=(person,)),
        )

    def add(self, user_id: str, group: UserGroup) -> Lines:
        """Add an existing user to the group."""
        return self._lines(*self._change(group, add=(user_id,)))

    def remove_user(self, user_id: str, group: UserGroup) -> Lines:
        """Take a member out of the group."""
        if _is_out_of_reach(user_id, group):
            return self._other_group(group, without=user_id)
        return self._lines(*self._change(group, remove=(user_id,)))

    def fix_user(self, user: CacheUser, group: UserGroup) -> Lines:
        """Let the member log in with IAM, or put a new user in its place.

        The name of a user cannot be changed, nor its engine from valkey to redis.
        """
        if _is_out_of_reach(user.user_id, group):
            return self._other_group(group, without=user.user_id)
        warning: Lines = () if user.authentication == "iam" else (CUTS_OFF_USERS,)
        if user.user_id != user.user_name or not engines_fit(group.engine, user.engine):
            person = self._free_user(f"{user.user_id}-iam")
            return self._lines(
                *warning,
                *self._create_person(person, _engine(group.engine)),
                *self._change(group, add=(person,), remove=(user.user_id,)),
            )
        changes: dict[str, Value] = {}
        if user.authentication != "iam":
            changes["AuthenticationMode"] = _IAM
        if not is_on(user.access_string):
            changes["AccessString"] = READING
            warning += (CHOICE,)
        return self._lines(*warning, *self._modify_user(user, changes))

    def close_default(self, user_id: str, user: CacheUser | None, group: UserGroup) -> Lines:
        """Switch an open default user off, replace it, or take it out of the group.

        Only a redis group must have one; AWS's own cannot be changed.
        """
        if _is_out_of_reach(user_id, group):
            return self._other_group(group, without=user_id)
        if _engine(group.engine) == "valkey":
            return self._lines(*self._change(group, remove=(user_id,)))
        if user is not None and user_id != DEFAULT:
            return self._lines(*self._modify_user(user, {"AccessString": NOTHING}))
        default = self._free_user(f"{group.group_id}-default")
        return self._lines(
            self._create_default(default),
            *self._change(group, add=(default,), remove=(user_id,)),
        )

    def drop_default(self, user_id: str, group: UserGroup) -> Lines:
        """Take the default user out of the group; a redis group gets another in its place."""
        if _engine(group.engine) == "valkey":
            return self.remove_user(user_id, group)
        return self._other_group(group, without=user_id)

    def reads(self) -> Lines:
        """Try the two reads that must succeed."""
        return self._lines(
            AS_AGENT,
            self._ask("describe-user-groups", "length(UserGroups)"),
            self._ask("describe-users", "length(Users)"),
        )

    def _other_group(self, group: UserGroup, *, without: str = "") -> Lines:
        """Put a new group in the place of one that cannot be changed as needed.

        With those of its members whom AWS lets in, but for its default user and `without`.
        """
        users = self._users_and_groups.users if self._users_and_groups is not None else {}
        target = replace(group, engine=_engine(self._cache.engine))
        keep = (
            each
            for each in current_members(group)
            if each != without and not is_service_owned(each) and _may_stay(users.get(each), target)
        )
        return self.new_group(keep=tuple(keep))

    # -- steps -----------------------------------------------------------------------------------

    def _lines(self, *steps: str) -> Lines:
        return (f"# account {self._cache.account_id}", *steps)

    def _run(self, operation: str, **members: Value) -> str:
        return command(operation, members, region=self._cache.region)

    def _ask(self, operation: str, query: str, **members: Value) -> str:
        return command(operation, members, region=self._cache.region, query=query)

    def _create_person(self, user_id: str, engine: str) -> Iterator[str]:
        yield CHOICE
        yield self._run(
            "create-user",
            UserId=user_id,
            UserName=user_id,
            Engine=engine,
            AccessString=READING,
            AuthenticationMode=_IAM,
        )

    def _create_default(self, user_id: str) -> str:
        return self._run(
            "create-user",
            UserId=user_id,
            UserName=DEFAULT,
            Engine="redis",
            AccessString=NOTHING,
            NoPasswordRequired=True,
        )

    def _modify_user(self, user: CacheUser, changes: dict[str, Value]) -> Iterator[str]:
        if user.status != "active":
            yield from self._until_user_active(user.user_id)
        yield self._run("modify-user", UserId=user.user_id, **changes)

    def _modify_cache(self, **changes: Value) -> str:
        return self._run("modify-serverless-cache", ServerlessCacheName=self._cache.name, **changes)

    def _change(self, group: UserGroup, *, add: Lines = (), remove: Lines = ()) -> Iterator[str]:
        """The group's members change; whom AWS refuses to keep goes in the same step."""
        if group.status != "active":
            yield from self._until_group_active(group.group_id)
        users = self._users_and_groups.users if self._users_and_groups is not None else {}
        refused = {
            each
            for each in current_members(group)
            if not is_service_owned(each) and is_refused(users.get(each), group)
        }
        members: dict[str, Value] = {"UserGroupId": group.group_id}
        if add:
            members["UserIdsToAdd"] = add
        if refused or remove:
            members["UserIdsToRemove"] = tuple(sorted(refused.union(remove)))
        yield self._run("modify-user-group", **members)

    def _until_group_active(self, group_id: str) -> Iterator[str]:
        yield "# repeat until it prints active"
        yield self._ask("describe-user-groups", "UserGroups[0].Status", UserGroupId=group_id)

    def _until_user_active(self, user_id: str) -> Iterator[str]:
        yield "# repeat until it prints active"
        yield self._ask("describe-users", "Users[0].Status", UserId=user_id)

    def _available(self) -> Iterator[str]:
        """Waits for the cache if it is busy now."""
        if self._cache.status == "available":
            return
        yield "# repeat until it prints available"
        query, name = "ServerlessCaches[0].Status", self._cache.name
        yield self._ask("describe-serverless-caches", query, ServerlessCacheName=name)

    # -- ids -------------------------------------------------------------------------------------

    def _free_user(self, desired: str) -> str:
        return free_id(desired, self._is_user)

    def _is_user(self, user_id: str) -> bool:
        if self._users_and_groups is None:
            return False
        listed = (self._users_and_groups.users, self._users_and_groups.unread_users, self._in_group)
        return any(user_id in each for each in listed)

    def _is_group(self, group_id: str) -> bool:
        if group_id == self._cache.user_group_id or self._users_and_groups is None:
            return group_id == self._cache.user_group_id
        return (
            group_id in self._users_and_groups.groups
            or group_id in self._users_and_groups.unread_groups
        )

    def _names_in_group(self) -> Iterator[str]:
        """Ids and names that no other member of the attached group may have."""
        if self._users_and_groups is None:
            return
        group = self._users_and_groups.groups.get(self._cache.user_group_id or "")
        for user_id in (*group.user_ids, *group.pending_add) if group is not None else ():
            yield user_id
            user = self._users_and_groups.users.get(user_id)
            if user is not None:
                yield user.user_name


def _is_out_of_reach(user_id: str, group: UserGroup) -> bool:
    """True where no request may name the group or the member: AWS's own have a dot in their ids.

    Its default user has none; it can be taken out of a group.
    """
    return is_service_owned(group.group_id) or (user_id != DEFAULT and is_service_owned(user_id))


def _may_stay(user: CacheUser | None, group: UserGroup) -> bool:
    return user is not None and user.user_name != DEFAULT and not is_refused(user, group)


def _engine(text: str) -> str:
    return "valkey" if text.lower() == "valkey" else "redis"


def free_id(desired: str, is_taken: Callable[[str], bool]) -> str:
    """Choose an id like `desired` that AWS takes and that is not taken.

    Lower-case letters, digits and single hyphens, a letter first, at most 40 characters.
    """
    words = re.findall("[a-z0-9]+", desired.lower())
    legal = "-".join(words if words and words[0][0].isalpha() else ["x", *words])
    number, tail = 1, ""
    while is_taken(made := legal[: _LONGEST_ID - len(tail)].rstrip("-") + tail):
        number += 1
        tail = f"-{number}"
    return made
