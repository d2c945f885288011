"""Requests of ElastiCache that repair steps stand for, and the AWS CLI lines for them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, assert_never

from discovery.model.repair_steps import (
    AttachGroup,
    Change,
    Comment,
    Count,
    CreateGroup,
    CreateUser,
    ModifyGroup,
    ModifyUser,
    RaiseVersion,
    RepairStep,
    RepairSteps,
    Wait,
    Waited,
)
from discovery.model.values import Scope
from discovery.plan.iam.aws_cli import Value, command

Request = tuple[str, dict[str, Value]]
"""An operation, and its members as the API names them."""

_IAM: Final = {"Type": "iam"}
_STATUS: Final = {
    Waited.USER: ("describe-users", "UserId", "Users", "active"),
    Waited.GROUP: ("describe-user-groups", "UserGroupId", "UserGroups", "active"),
    Waited.CACHE: (
        "describe-serverless-caches",
        "ServerlessCacheName",
        "ServerlessCaches",
        "available",
    ),
}


@lru_cache(maxsize=512)
def lines_for(steps: RepairSteps, scope: Scope) -> tuple[str, ...]:
    """Write steps as lines to run by hand, with the account first; nothing for no steps.

    The caches that share a group have the same steps.
    """
    if not steps:
        return ()
    region = str(scope.region)
    written = (line for step in steps for line in _lines(step, region))
    return (f"# account {scope.account_id}", *written)


def selector(kind: Waited, name: str) -> dict[str, Value]:
    """The member of a request that names a user, a group or a cache."""
    return {_STATUS[kind][1]: name}


def request_for(step: Change) -> Request:
    """The request that makes a change."""
    match step:
        case CreateUser():
            return "create-user", _new_user(step)
        case ModifyUser():
            return "modify-user", _changed_user(step)
        case CreateGroup(group_id, engine, user_ids):
            members: dict[str, Value] = {"UserGroupId": group_id, "Engine": engine}
            return "create-user-group", {**members, "UserIds": user_ids}
        case ModifyGroup(group_id, add, remove):
            changes = {"UserIdsToAdd": add, "UserIdsToRemove": remove}
            asked = {name: ids for name, ids in changes.items() if ids}
            return "modify-user-group", {"UserGroupId": group_id, **asked}
        case AttachGroup(cache, group_id):
            return _modify_cache(cache, UserGroupId=group_id)
        case RaiseVersion(cache, version):
            return _modify_cache(cache, MajorEngineVersion=version)
        case _:
            assert_never(step)


def _new_user(step: CreateUser) -> dict[str, Value]:
    members: dict[str, Value] = {
        "UserId": step.user_id,
        "UserName": step.user_name,
        "Engine": step.engine,
        "AccessString": step.access_string,
    }
    if step.authentication == "iam":
        return {**members, "AuthenticationMode": _IAM}
    return {**members, "NoPasswordRequired": True}


def _changed_user(step: ModifyUser) -> dict[str, Value]:
    members: dict[str, Value] = {"UserId": step.user_id}
    if step.to_iam:
        members["AuthenticationMode"] = _IAM
    if step.access_string is not None:
        members["AccessString"] = step.access_string
    if step.appended is not None:
        members["AppendAccessString"] = step.appended
    return members


def _modify_cache(name: str, **change: Value) -> Request:
    return "modify-serverless-cache", {"ServerlessCacheName": name, **change}


def _lines(step: RepairStep, region: str) -> Iterator[str]:
    match step:
        case Comment(text):
            yield f"# {text}"
        case Wait(kind, name):
            operation, _, listed, ready = _STATUS[kind]
            yield f"# repeat until it prints {ready}"
            query = f"{listed}[0].Status"
            yield command(operation, selector(kind, name), region=region, query=query)
        case Count(operation, member):
            yield command(operation, {}, region=region, query=f"length({member})")
        case _:
            operation, members = request_for(step)
            yield command(operation, members, region=region)
