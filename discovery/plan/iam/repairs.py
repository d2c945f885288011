"""Steps that repair what is wrong with a cache's users, in order. Pure.

Each repair stands alone. Where AWS takes its time and refuses the next step until it is done, a
step waits. Whoever loses access by a repair is named by its first comment. Comments hold words of
ours only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from discovery.model.repair_steps import (
    AttachGroup,
    Count,
    CreateGroup,
    CutsOff,
    ModifyGroup,
    ModifyUser,
    RaiseVersion,
    RepairStep,
    RepairSteps,
    Wait,
    Waited,
)
from discovery.model.values import (
    UNKNOWN,
    CacheUser,
    KnownCache,
    UnknownType,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.iam.free_ids import FreeIds
from discovery.plan.iam.members import (
    DEFAULT,
    current_members,
    engines_fit,
    is_default,
    is_on,
    is_out_of_reach,
    is_refused,
    is_service_owned,
    is_used,
    may_stay,
    obstacle,
    rbac_engine,
)
from discovery.plan.iam.repair_comments import (
    AS_AGENT,
    CUTS_OFF_CLIENTS,
    CUTS_OFF_MEMBERS,
    CUTS_OFF_USERS,
    ELSEWHERE,
    NO_WAY_BACK,
)
from discovery.plan.iam.user_steps import (
    NOTHING,
    create_default,
    create_person,
    let_in,
    losses_first,
    modify_user,
)

_NEWEST: Final = {"redis": "7", "valkey": "8"}
"""A major version by engine that every region offers and IAM works with."""


class Repairs:
    """Repairs for one cache, with ids that are free among the users and groups of its scope."""

    def __init__(self, cache: KnownCache, users_and_groups: UsersAndGroups | UnknownType) -> None:
        known = None if users_and_groups is UNKNOWN else users_and_groups
        self._cache = cache
        self._users = known.users if known is not None else {}
        self._free = FreeIds(cache, known)

    def newer_engine(self) -> RepairSteps:
        """Raise the major version to one that IAM works with; nothing for other engines."""
        version = _NEWEST.get(self._cache.engine.lower())
        if version is None:
            return ()
        return losses_first(
            NO_WAY_BACK, *self._until_available(), RaiseVersion(self._cache.name, version)
        )

    def first_group(self) -> RepairSteps:
        """Attach a group to a cache that has none, with a new IAM user.

        AWS's own default user is in it, so that clients that name no user go on as before; on a
        public cache every user must be one of IAM.
        """
        if self._cache.endpoint is not None and self._cache.endpoint.is_public:
            return losses_first(CUTS_OFF_CLIENTS, *self._group_steps())
        return losses_first(*self._group_steps(engine="redis", default=DEFAULT))

    def new_group(self) -> RepairSteps:
        """Attach a new group with a new IAM user in the place of one that is gone or unfit."""
        return losses_first(*self._group_steps())

    def replace_group(self) -> RepairSteps:
        """Attach a new group with a new IAM user in the place of one of which nothing is known."""
        return losses_first(CUTS_OFF_MEMBERS, *self._group_steps())

    def wait_for_group(self, group: UserGroup) -> RepairSteps:
        """Wait until the group is active."""
        return (Wait(Waited.GROUP, group.group_id),)

    def wait_for_user(self, user: CacheUser) -> RepairSteps:
        """Wait until the user is active."""
        return (Wait(Waited.USER, user.user_id),)

    def new_member(self, group: UserGroup) -> RepairSteps:
        """Add a new IAM user to the group."""
        if is_service_owned(group.group_id):
            return self._other_group(group)
        person = self._free.user(f"teleport-{group.group_id}")
        create = create_person(person, rbac_engine(group.engine))
        return losses_first(*create, *self._change(group, add=(person,)))

    def add(self, user_id: str, group: UserGroup) -> RepairSteps:
        """Add an existing user to the group."""
        return losses_first(ELSEWHERE, *self._change(group, add=(user_id,)))

    def remove_user(self, user_id: str, group: UserGroup) -> RepairSteps:
        """Take a member out of the group."""
        if is_out_of_reach(user_id, group):
            return self._other_group(group, without=user_id)
        return losses_first(*self._change(group, remove=(user_id,)))

    def fix_user(self, user: CacheUser, group: UserGroup) -> RepairSteps:
        """Let the member log in with IAM, or put a new user in its place.

        The name of a user cannot be changed, nor its engine from valkey to redis.
        """
        if is_out_of_reach(user.user_id, group):
            return self._other_group(group, without=user.user_id)
        if user.user_id != user.user_name or not engines_fit(group.engine, user.engine):
            person = self._free.user(f"{user.user_id}-iam")
            create = create_person(person, rbac_engine(group.engine))
            return losses_first(
                *create, *self._change(group, add=(person,), remove=(user.user_id,))
            )
        return losses_first(*self._cut_off((user.user_id,)), *let_in(user))

    def close_default(self, user_id: str, user: CacheUser | None, group: UserGroup) -> RepairSteps:
        """Switch an open default user off, replace it, or take it out of the group.

        Only a redis group must have one; AWS's own cannot be changed.
        """
        if is_out_of_reach(user_id, group):
            return self._other_group(group, without=user_id)
        if rbac_engine(group.engine) == "valkey":
            return losses_first(*self._change(group, remove=(user_id,)))
        if user is not None and user_id != DEFAULT:
            switch_off = modify_user(user, ModifyUser(user_id, access_string=NOTHING))
            return losses_first(CUTS_OFF_CLIENTS, *switch_off)
        default = self._free.user(f"{group.group_id}-default")
        return losses_first(
            create_default(default), *self._change(group, add=(default,), remove=(user_id,))
        )

    def drop_default(self, user_id: str, group: UserGroup) -> RepairSteps:
        """Take the default user out of the group, or attach another group that has none.

        No steps for a redis cache, whose groups must each have a default user.
        """
        if rbac_engine(group.engine) == "valkey":
            return self.remove_user(user_id, group)
        if rbac_engine(self._cache.engine) == "valkey":
            return self._other_group(group, without=user_id)
        return ()

    def reads(self) -> RepairSteps:
        """Try the two reads that must succeed."""
        return (
            AS_AGENT,
            Count("describe-user-groups", "UserGroups"),
            Count("describe-users", "Users"),
        )

    # -- steps -----------------------------------------------------------------------------------

    def _other_group(self, group: UserGroup, *, without: str = "") -> RepairSteps:
        """Put a new group in the place of one that cannot be changed as needed.

        With those of its members whom AWS lets in, but for its default user and `without`.
        """
        target = replace(group, engine=rbac_engine(self._cache.engine))
        members = current_members(group)
        keep = tuple(
            each
            for each in members
            if each != without
            and not is_service_owned(each)
            and may_stay(self._users.get(each), target)
        )
        lost = self._cut_off(each for each in members if each not in keep)
        return losses_first(*lost, *self._group_steps(keep=keep))

    def _group_steps(
        self, *, engine: str = "", default: str = "", keep: tuple[str, ...] = ()
    ) -> Iterator[RepairStep]:
        """Create a group with an IAM user and attach it.

        A redis group must have a default user: `default`, else a new one who is off. `keep`: users
        who are in it too.
        """
        name, engine = self._cache.name, engine or rbac_engine(self._cache.engine)
        group_id = self._free.group(name)
        if engine == "redis" and not default:
            default = self._free.user(f"{name}-default")
            yield create_default(default)
        person = f"teleport-{name}"
        if not self._may_join(person, engine):
            person = self._free.user(person)
            yield from create_person(person, engine)
        members = dict.fromkeys((*((default,) if default else ()), person, *keep))
        yield CreateGroup(group_id, engine, tuple(members))
        yield Wait(Waited.GROUP, group_id)
        yield from self._until_available()
        yield AttachGroup(name, group_id, self._cache.user_group_id)

    def _may_join(self, user_id: str, engine: str) -> bool:
        """True for an IAM user who is there and could log in by a new group of that engine."""
        user = self._users.get(user_id)
        group = UserGroup(group_id="", status="active", engine=engine, user_ids=())
        return user is not None and user.status == "active" and obstacle(user, group) is None

    def _change(
        self, group: UserGroup, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()
    ) -> Iterator[RepairStep]:
        """The group's members change; whom AWS refuses to keep goes in the same step."""
        refused = {
            each
            for each in current_members(group)
            if not is_service_owned(each) and is_refused(self._users.get(each), group)
        }
        leaving = tuple(sorted(refused.union(remove)))
        yield from self._cut_off(leaving)
        if group.status != "active":
            yield Wait(Waited.GROUP, group.group_id)
        yield ModifyGroup(group.group_id, add, leaving)

    def _cut_off(self, user_ids: Iterable[str]) -> Iterator[CutsOff]:
        """Comments on who logs in today as one of these users, other than with IAM."""
        for user_id in user_ids:
            user = self._users.get(user_id)
            if is_default(user_id, user):
                if user is None or is_on(user.access_string):
                    yield CUTS_OFF_CLIENTS
            elif user is not None and user.authentication != "iam" and is_used(user):
                yield CUTS_OFF_USERS

    def _until_available(self) -> Iterator[Wait]:
        """Waits for the cache if it is busy now."""
        if self._cache.status != "available":
            yield Wait(Waited.CACHE, self._cache.name)
