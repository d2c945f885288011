"""What a cache, its users and its groups are once repair steps were taken. Pure.

So that what else is wrong shows before anything was changed, and what two caches share is repaired
once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from discovery.model.repair_steps import (
    AttachGroup,
    CreateGroup,
    CreateUser,
    ModifyGroup,
    ModifyUser,
    RaiseVersion,
    RepairStep,
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
from discovery.plan.iam.members import current_members

Facts = tuple[KnownCache, UsersAndGroups | UnknownType]
"""A cache, with the users and groups of its scope."""


def facts_after(steps: Iterable[RepairStep], facts: Facts) -> Facts:
    """Work out what is known of a cache, its users and groups after these steps."""
    cache, users_and_groups = facts
    for step in steps:
        cache = _cache_after(step, cache)
        if users_and_groups is not UNKNOWN:
            users_and_groups = _users_after(step, users_and_groups)
    return cache, users_and_groups


def _cache_after(step: RepairStep, cache: KnownCache) -> KnownCache:
    match step:
        case AttachGroup(_, group_id):
            return replace(cache, status="available", user_group_id=group_id)
        case RaiseVersion(_, version):
            return replace(
                cache, status="available", engine_version=version, major_engine_version=version
            )
        case Wait(Waited.CACHE):
            return replace(cache, status="available")
        case _:
            return cache


def _users_after(step: RepairStep, known: UsersAndGroups) -> UsersAndGroups:
    match step:
        case CreateUser(user_id, user_name, engine, access_string, authentication):
            made = CacheUser(
                user_id=user_id,
                user_name=user_name,
                status="active",
                engine=engine,
                access_string=access_string,
                authentication=authentication,
            )
            return replace(known, users={**known.users, user_id: made})
        case ModifyUser(user_id) | Wait(Waited.USER, user_id) if user_id in known.users:
            changed = _user_after(step, known.users[user_id])
            return replace(known, users={**known.users, user_id: changed})
        case CreateGroup(group_id, engine, user_ids):
            group = UserGroup(group_id=group_id, status="active", engine=engine, user_ids=user_ids)
            return replace(known, groups={**known.groups, group_id: group})
        case ModifyGroup(group_id) | Wait(Waited.GROUP, group_id) if group_id in known.groups:
            changed_group = _group_after(step, known.groups[group_id])
            return replace(known, groups={**known.groups, group_id: changed_group})
        case _:
            return known


def _user_after(step: RepairStep, user: CacheUser) -> CacheUser:
    user = replace(user, status="active")
    if not isinstance(step, ModifyUser):
        return user
    rules = user.access_string if step.access_string is None else step.access_string
    return replace(
        user,
        authentication="iam" if step.to_iam else user.authentication,
        access_string=f"{rules} {step.appended}" if step.appended else rules,
    )


def _group_after(step: RepairStep, group: UserGroup) -> UserGroup:
    members = {*current_members(group), *group.pending_add} - {*group.pending_remove}
    if isinstance(step, ModifyGroup):
        members = (members | {*step.add}) - {*step.remove}
    return replace(
        group,
        status="active",
        user_ids=tuple(sorted(members)),
        pending_add=(),
        pending_remove=(),
    )
