"""Decide whether a person could log in to a cache with IAM, and what keeps them. Pure.

See discovery/README: IAM verdict.

The rules and the order of the checks are those of aws/README: Users and groups. What keeps
everybody out (an old engine, no group, a group that does not work) is told alone. Otherwise every
member of the group is judged as it works now, and told by the first thing in its way.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from discovery.model.codes import FindingCode, IamVerdict
from discovery.model.values import (
    UNKNOWN,
    Finding,
    IamJudgement,
    KnownCache,
    UnknownType,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.iam.findings import Findings, in_order
from discovery.plan.iam.members import (
    candidates,
    current_members,
    engines_fit,
    is_default,
    is_idle,
    is_open,
    is_service_owned,
    might_pass,
    obstacle,
    pending_members,
    takes_password,
)

MOST_NAMED: Final = 5
"""Users named for a group that they are not in, or not yet."""

_OLDEST: Final = {"redis": (7, 0), "valkey": (7, 2)}
_VERSION: Final = re.compile(r"(\d+)(?:\.(\d+))?")


def iam_verdict(cache: KnownCache, users_and_groups: UsersAndGroups | UnknownType) -> IamJudgement:
    """Judge a cache by its group and users as they work right now.

    Ready: some member passes every check. Unknown: what would decide could not be read.
    """
    findings = Findings(cache, users_and_groups)
    read_at = None if users_and_groups is UNKNOWN else users_and_groups.read_at
    if _is_too_old(cache):
        return IamJudgement(IamVerdict.NOT_READY, read_at, (), (findings.too_old(),))
    if cache.user_group_id is None:
        return IamJudgement(IamVerdict.NOT_READY, read_at, (), (findings.no_group(),))
    if users_and_groups is UNKNOWN:
        return IamJudgement(IamVerdict.UNKNOWN, None, (), (findings.unreadable(),))
    if cache.user_group_id in users_and_groups.unread_groups:
        finding = findings.unread(f"user group {cache.user_group_id}")
        return IamJudgement(IamVerdict.UNKNOWN, read_at, (), (finding,))
    group = users_and_groups.groups.get(cache.user_group_id)
    if group is None:
        return _without_group(cache.user_group_id, read_at, findings)
    broken = _group_finding(cache, group, findings)
    if broken is not None:
        return IamJudgement(IamVerdict.NOT_READY, read_at, (), (broken,))
    return _Members(group, users_and_groups, findings).decide()


class _Members:
    """The judgement on the members of one group that works."""

    def __init__(
        self, group: UserGroup, users_and_groups: UsersAndGroups, findings: Findings
    ) -> None:
        self._group = group
        self._users = users_and_groups.users
        self._users_and_groups = users_and_groups
        self._findings = findings
        self._current = current_members(group)
        self._pending = pending_members(group)
        members = (*self._current, *self._pending)
        self._obstacles = {each: obstacle(self._users.get(each), group) for each in members}

    def decide(self) -> IamJudgement:
        """Who can log in, and what is told about the others."""
        ready = tuple(filter(self._passes, self._current))
        found = [*self._default_user_findings(), *self._member_findings(report_all=not ready)]
        verdict = IamVerdict.READY
        if not ready:
            verdict, why = self._without_ready()
            found.append(why)
        found += self._named(also_outside=verdict is IamVerdict.NOT_READY)
        return IamJudgement(verdict, self._users_and_groups.read_at, ready, in_order(found))

    def _without_ready(self) -> tuple[IamVerdict, Finding]:
        """Nobody passes: whether that is certain, and what is told about it."""
        unlisted = next(filter(self._is_unlisted, self._current), None)
        if unlisted is not None:
            return IamVerdict.UNKNOWN, self._findings.unlisted(unlisted)
        unread = next(filter(self._is_unread, self._current), None)
        if unread is not None:
            return IamVerdict.UNKNOWN, self._findings.unread(f"user {unread}")
        unclear = next(filter(self._might_pass, self._current), None)
        if unclear is not None:
            return IamVerdict.UNKNOWN, self._findings.unknown_status(self._users[unclear])
        only_passwords = self._have_passwords()
        finding = self._findings.no_iam_user(self._group, only_passwords=only_passwords)
        return IamVerdict.NOT_READY, finding

    def _passes(self, user_id: str) -> bool:
        user = self._users.get(user_id)
        return self._obstacles[user_id] is None and not is_default(user_id, user)

    def _might_pass(self, user_id: str) -> bool:
        user = self._users.get(user_id)
        return not is_default(user_id, user) and might_pass(user, self._group)

    def _is_unread(self, user_id: str) -> bool:
        """Listed, but with a hole where every user has something."""
        return user_id in self._users_and_groups.unread_users

    def _is_unlisted(self, user_id: str) -> bool:
        """AWS's own users may exist unlisted; of its default user it is known what it is."""
        return (
            user_id not in self._users
            and user_id not in self._users_and_groups.unread_users
            and is_service_owned(user_id)
            and not is_default(user_id, None)
        )

    def _default_user_findings(self) -> Iterator[Finding]:
        """The default user of the group, where whoever reaches the cache may be it."""
        for user_id in self._current:
            user = self._users.get(user_id)
            if self._is_unread(user_id):
                continue
            if is_default(user_id, user) and is_open(user):
                yield self._findings.default(user_id, user, self._group)
                return

    def _member_findings(self, *, report_all: bool) -> Iterator[Finding]:
        """Members that do not pass. One with a password is in order where another can log in."""
        for user_id in (*self._current, *self._pending):
            user = self._users.get(user_id)
            if self._is_unread(user_id):
                continue
            if is_default(user_id, user):
                if self._findings.is_public and not is_open(user):
                    yield self._findings.closed_default(user_id, user, self._group)
                continue
            if self._is_unlisted(user_id):
                continue
            code = self._obstacles[user_id]
            in_order_here = code is FindingCode.USER_NOT_IAM and not report_all
            if code is not None and (not in_order_here or self._findings.is_public):
                yield self._findings.member(code, user_id, user, self._group)

    def _have_passwords(self) -> bool:
        """True when a person who knows a password can log in as any member but the default."""
        members = {each: self._users.get(each) for each in self._current}
        others = [user for each, user in members.items() if not is_default(each, user)]
        return bool(others) and all(user is not None and takes_password(user) for user in others)

    def _named(self, *, also_outside: bool) -> Iterator[Finding]:
        """IAM users who could log in but are not in the group, or not yet; the first few."""
        soon = tuple(filter(self._passes, self._pending))[:MOST_NAMED]
        yield from (self._findings.pending(user_id, self._group) for user_id in soon)
        if also_outside and not is_service_owned(self._group.group_id):
            others = candidates(self._group, self._users_and_groups)
            for user_id in heapq.nsmallest(MOST_NAMED - len(soon), others):
                yield self._findings.outside(user_id, self._group)


def _is_too_old(cache: KnownCache) -> bool:
    oldest = _OLDEST.get(cache.engine.lower())
    version = _VERSION.search(cache.known_version)
    if oldest is None or version is None:
        return oldest is None
    if version[2] is None:
        return int(version[1]) < oldest[0]
    return (int(version[1]), int(version[2])) < oldest


def _without_group(group_id: str, read_at: datetime | None, findings: Findings) -> IamJudgement:
    """AWS may have groups of its own that it does not list; of those nothing is known."""
    if is_service_owned(group_id):
        return IamJudgement(IamVerdict.UNKNOWN, read_at, (), (findings.unlisted(group_id),))
    return IamJudgement(IamVerdict.NOT_READY, read_at, (), (findings.group_missing(group_id),))


def _group_finding(cache: KnownCache, group: UserGroup, findings: Findings) -> Finding | None:
    if is_idle(group.status):
        return findings.group_not_active(group)
    if not engines_fit(cache.engine, group.engine):
        return findings.group_engine_mismatch(group)
    return None
