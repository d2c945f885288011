"""Whether a person could log in to a cache with IAM (design §5). Pure.

The order of checks and the rules are those of reference aws-elasticache §4. This is the first
version: it gives the verdict, the users that can log in, and why others cannot; what repairs a
finding, and who could be added to a group, is not judged here yet.
"""

from __future__ import annotations

import re

from discovery.codes import FindingCode, IamVerdict, Severity
from discovery.model import (
    UNKNOWN,
    Cache,
    CacheUser,
    Directory,
    Finding,
    IamJudgement,
    UnknownType,
    UserGroup,
)

_OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
_WORKING = ("active", "modifying")
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?")


def judge(cache: Cache, directory: Directory | UnknownType) -> IamJudgement:
    """The verdict on a cache, from its group and users as they work right now."""
    if _is_too_old(cache):
        return _not_ready(cache, directory, _too_old(cache))
    if cache.user_group_id is None:
        return _not_ready(cache, directory, _no_group(cache))
    if directory is UNKNOWN:
        return IamJudgement(IamVerdict.UNKNOWN, None, (), (_unreadable(cache),))
    group = directory.groups.get(cache.user_group_id)
    broken = _group_finding(cache, group)
    if group is None or broken is not None:
        return _not_ready(cache, directory, broken)
    return _judge_members(cache, group, directory)


def _judge_members(cache: Cache, group: UserGroup, directory: Directory) -> IamJudgement:
    members = [uid for uid in group.user_ids if uid not in group.pending_remove]
    findings = []
    ready = []
    for user_id in sorted(set(members)):
        user = directory.users.get(user_id)
        finding = _user_finding(user_id, user, group)
        if finding is None:
            ready.append(user_id)
        else:
            findings.append(finding)
        findings.extend(_open_door(user))
    if not ready:
        findings.insert(0, _no_iam_user(cache, group))
        return IamJudgement(IamVerdict.NOT_READY, directory.read_at, (), tuple(findings))
    return IamJudgement(IamVerdict.READY, directory.read_at, tuple(ready), tuple(findings))


def is_on(access_string: str) -> bool:
    """True when the user may log in: the last of `on` and `off` wins, neither means off."""
    state = False
    for rule in access_string.split():
        if rule.lower() in ("on", "off"):
            state = rule.lower() == "on"
    return state


def engines_fit(group_engine: str, engine: str) -> bool:
    """True when a user or group of `engine` may be in, or on, what has `group_engine`.

    A redis member fits anything; a valkey member only valkey (reference aws-elasticache §4).
    """
    return engine.lower() != "valkey" or group_engine.lower() == "valkey"


def _is_too_old(cache: Cache) -> bool:
    oldest = _OLDEST.get(cache.engine.lower())
    version = _VERSION.search(cache.engine_version or cache.major_engine_version)
    if oldest is None or version is None:
        return oldest is None
    if version[2] is None:
        return int(version[1]) < oldest[0]
    return (int(version[1]), int(version[2])) < oldest


def _group_finding(cache: Cache, group: UserGroup | None) -> Finding | None:
    name = str(cache.user_group_id)
    if group is None:
        text = f"user group {name} is attached to the cache, but AWS does not list it"
        return Finding(FindingCode.GROUP_MISSING, Severity.BLOCKER, name, text)
    if group.status not in _WORKING:
        text = f"user group {name} is {group.status or 'in no known state'}, not active"
        return Finding(FindingCode.GROUP_NOT_ACTIVE, Severity.BLOCKER, name, text)
    if not engines_fit(cache.engine, group.engine):
        text = f"user group {name} is for {group.engine}, the cache runs {cache.engine}"
        return Finding(FindingCode.GROUP_ENGINE_MISMATCH, Severity.BLOCKER, name, text)
    return None


def _user_finding(user_id: str, user: CacheUser | None, group: UserGroup) -> Finding | None:
    """Why a member cannot log in with IAM, None when it can."""
    if user is None:
        text = f"user {user_id} is in group {group.group_id}, but AWS does not list it"
        return Finding(FindingCode.USER_MISSING, Severity.WARNING, user_id, text)
    if user.status not in _WORKING:
        text = f"user {user_id} is {user.status or 'in no known state'}, not active"
        return Finding(FindingCode.USER_NOT_ACTIVE, Severity.WARNING, user_id, text)
    if user.authentication != "iam":
        kind = user.authentication or "an unknown way"
        text = f"user {user_id} authenticates by {kind}, not by IAM"
        return Finding(FindingCode.USER_NOT_IAM, Severity.INFO, user_id, text)
    if user.user_id != user.user_name:
        text = f"user {user_id} has another name than id; IAM needs them equal"
        return Finding(FindingCode.USER_ID_NAME_MISMATCH, Severity.WARNING, user_id, text)
    if not is_on(user.access_string):
        text = f"user {user_id} has an access string that is off"
        return Finding(FindingCode.USER_DISABLED, Severity.WARNING, user_id, text)
    if not engines_fit(group.engine, user.engine):
        text = f"user {user_id} is for {user.engine}, its group for {group.engine}"
        return Finding(FindingCode.ENGINE_MISMATCH, Severity.WARNING, user_id, text)
    return None


def _open_door(user: CacheUser | None) -> tuple[Finding, ...]:
    """A member who needs no password and may log in."""
    if user is None or user.authentication != "no-password" or not is_on(user.access_string):
        return ()
    if user.user_name == "default":
        text = "the default user is on and needs no password: whoever reaches the cache is in"
        return (Finding(FindingCode.DEFAULT_USER_OPEN, Severity.WARNING, user.user_id, text),)
    text = f"user {user.user_id} is on and needs no password"
    return (Finding(FindingCode.PASSWORDLESS_USER, Severity.WARNING, user.user_id, text),)


def _not_ready(
    cache: Cache, directory: Directory | UnknownType, finding: Finding | None
) -> IamJudgement:
    read_at = None if directory is UNKNOWN else directory.read_at
    findings = () if finding is None else (finding,)
    return IamJudgement(IamVerdict.NOT_READY, read_at, (), findings)


def _too_old(cache: Cache) -> Finding:
    text = (
        f"IAM needs Redis OSS 7.0 or Valkey 7.2; the cache runs {cache.engine} "
        f"{cache.engine_version or cache.major_engine_version}"
    )
    return Finding(FindingCode.ENGINE_TOO_OLD, Severity.BLOCKER, cache.name, text)


def _no_group(cache: Cache) -> Finding:
    text = "no user group is attached: the cache has no access control, and IAM cannot log in"
    return Finding(FindingCode.NO_USER_GROUP, Severity.BLOCKER, cache.name, text)


def _no_iam_user(cache: Cache, group: UserGroup) -> Finding:
    text = f"no member of user group {group.group_id} can log in with IAM"
    return Finding(FindingCode.NO_IAM_USER, Severity.BLOCKER, group.group_id, text)


def _unreadable(cache: Cache) -> Finding:
    text = (
        "users and user groups of the region could not be read; the label keeps its last value. "
        "Allow elasticache:DescribeUsers and elasticache:DescribeUserGroups"
    )
    return Finding(FindingCode.USERS_UNREADABLE, Severity.WARNING, cache.name, text)
