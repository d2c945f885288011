"""Make findings: the sentence of the table filled in, and the repair. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from discovery.model.codes import FindingCode, Severity
from discovery.model.repair_steps import RepairSteps
from discovery.model.values import (
    CacheUser,
    Finding,
    KnownCache,
    UnknownType,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.iam.finding_table import FINDINGS
from discovery.plan.iam.members import engines_fit, is_service_owned
from discovery.plan.iam.repairs import Repairs
from discovery.plan.iam.requests import lines_for

USERS_ADVICE: Final = "allow elasticache:DescribeUsers and elasticache:DescribeUserGroups"
"""What to do where users were to be judged and could not be read."""

_F = FindingCode
_SEVERITIES: Final = tuple(Severity)
_CODES: Final = tuple(FINDINGS)
_UNCLEAR: Final = "nobody can tell who can log in and "


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings: what matters most first, then by code and subject."""
    return tuple(sorted(findings, key=_rank))


def _rank(finding: Finding) -> tuple[int, int, str]:
    return _SEVERITIES.index(finding.severity), _CODES.index(finding.code), finding.subject


class Findings:
    """Makes the findings on one cache."""

    def __init__(self, cache: KnownCache, users_and_groups: UsersAndGroups | UnknownType) -> None:
        self._cache = cache
        self._repairs = Repairs(cache, users_and_groups)
        self.is_public = cache.endpoint is not None and cache.endpoint.is_public

    # -- on the cache and its group --------------------------------------------------------------

    def too_old(self) -> Finding:
        """Report an engine that is too old for IAM."""
        cache, repair = self._cache, self._repairs.newer_engine()
        return self._finding(_F.ENGINE_TOO_OLD, cache.name, repair)

    def no_group(self) -> Finding:
        """Report a cache without a user group, so without access control."""
        repair = self._repairs.first_group()
        return self._finding(_F.NO_USER_GROUP, self._cache.name, repair)

    def group_missing(self, group_id: str) -> Finding:
        """Report an attached group that AWS does not list."""
        return self._finding(_F.GROUP_MISSING, group_id, self._repairs.new_group())

    def group_not_active(self, group: UserGroup) -> Finding:
        """Report an attached group that is being created or deleted."""
        repair, state = self._repairs.new_group(), "deleted; attach another one"
        if group.status == "creating":
            repair = self._repairs.wait_for_group(group)
            state = "created; wait until it is active"
        return self._finding(_F.GROUP_NOT_ACTIVE, group.group_id, repair, state=state)

    def group_engine_mismatch(self, group: UserGroup) -> Finding:
        """Report an attached group for another engine."""
        repair = self._repairs.new_group()
        return self._finding(_F.GROUP_ENGINE_MISMATCH, group.group_id, repair, group=group)

    def no_iam_user(self, group: UserGroup, *, only_passwords: bool) -> Finding:
        """Report a group in which nobody can log in with IAM."""
        why = ": all of them have passwords, with which a person can AUTH manually but not with IAM"
        repair = self._repairs.new_member(group)
        why = why if only_passwords else ""
        return self._finding(_F.NO_IAM_USER, group.group_id, repair, why=why)

    # -- on users --------------------------------------------------------------------------------

    def member(
        self, code: FindingCode, user_id: str, user: CacheUser | None, group: UserGroup
    ) -> Finding:
        """Report what keeps one member of the group from logging in with IAM."""
        if user is None:
            repair = self._repairs.remove_user(user_id, group)
            return self._finding(code, user_id, repair, group=group)
        if code is _F.USER_NOT_ACTIVE:
            return self._inactive(user, group)
        repair = self._repairs.fix_user(user, group)
        words = {"user": user, "group": group, "who": "user", "way": _way(user)}
        return self._finding(code, user_id, repair, **words, change=_how_to_iam(user, group))

    def _inactive(self, user: CacheUser, group: UserGroup) -> Finding:
        repair = self._repairs.wait_for_user(user)
        state = f"{_state(user.status)}; wait until it is active"
        if user.status == "deleting":
            repair = self._repairs.remove_user(user.user_id, group)
            state = "is being deleted; take it out of the group"
        return self._finding(_F.USER_NOT_ACTIVE, user.user_id, repair, state=state)

    def default(self, user_id: str, user: CacheUser | None, group: UserGroup) -> Finding:
        """Report a default user of the group that anybody may be."""
        own = is_service_owned(user_id)
        code = _F.DEFAULT_USER_UNREPLACED if own else _F.DEFAULT_USER_OPEN
        repair = self._repairs.close_default(user_id, user, group)
        return self._finding(code, user_id, repair, group=group)

    def closed_default(self, user_id: str, user: CacheUser | None, group: UserGroup) -> Finding:
        """Report a default user of a public cache, where every user must be IAM."""
        repair, change = self._repairs.drop_default(user_id, group), "take it out of the group"
        words = {"who": "the default user", "way": _way(user), "change": change}
        return self._finding(_F.USER_NOT_IAM, user_id, repair, **words)

    def pending(self, user_id: str, group: UserGroup) -> Finding:
        """Report an IAM user who is being added to the group."""
        words = {
            "state": "is being added to",
            "advice": "wait until the group is active, then it can log in",
        }
        repair = self._repairs.wait_for_group(group)
        return self._finding(_F.USER_NOT_IN_GROUP, user_id, repair, group=group, **words)

    def outside(self, user_id: str, group: UserGroup) -> Finding:
        """Report an IAM user who could log in, were it in the group."""
        words = {"state": "is not in", "advice": "add it to let it log in"}
        if user_id in group.pending_remove:
            words = {"state": "is being taken out of", "advice": "add it again to let it log in"}
        repair = self._repairs.add(user_id, group)
        return self._finding(_F.USER_NOT_IN_GROUP, user_id, repair, group=group, **words)

    # -- on what could not be read ---------------------------------------------------------------

    def unreadable(self) -> Finding:
        """Report that users and groups could not be read."""
        why = "users and user groups of the region could not be read"
        scope, repair = str(self._cache.scope), self._repairs.reads()
        return self._unknown(scope, repair, why=why, unclear="", advice=USERS_ADVICE)

    def unlisted(self, owned_id: str) -> Finding:
        """Report a user or group of AWS's own that it does not list."""
        why, advice = "belongs to AWS, which does not list it", "attach a group of your own"
        repair = self._repairs.replace_group()
        return self._unknown(owned_id, repair, why=f"{owned_id} {why}", advice=advice)

    def unread(self, what: str) -> Finding:
        """Report that AWS left something out about the only candidate."""
        why = f"AWS's answer about {what} leaves out what it always says"
        repair = self._repairs.reads()
        return self._unknown(what, repair, why=why, advice="the next sweep asks again")

    def unknown_status(self, user: CacheUser) -> Finding:
        """Report that the only candidate has a status that nobody knows."""
        why = f"user {user.user_id} {_state(user.status)}, and nobody else can log in"
        repair, advice = self._repairs.wait_for_user(user), "wait until it is active"
        return self._unknown(user.user_id, repair, why=why, unclear="", advice=advice)

    def _unknown(
        self, subject: str, repair: RepairSteps, *, why: str, advice: str, unclear: str = _UNCLEAR
    ) -> Finding:
        words = {"why": why, "unclear": unclear, "advice": advice}
        return self._finding(_F.USERS_UNREADABLE, subject, repair, **words)

    def _finding(
        self, code: FindingCode, subject: str, repair: RepairSteps, **words: object
    ) -> Finding:
        spec, public = FINDINGS[code], self.is_public
        message = spec.sentence.format(
            subject=subject,
            cache=self._cache,
            internet=", from anywhere on the internet," if public else "",
            rule=", and every user of a public cache must be IAM" if public else "",
            **words,
        )
        severity, lines = spec.severity_of(public=public), lines_for(repair, self._cache.scope)
        return Finding(code, severity, subject, message, lines, repair)


def _way(user: CacheUser | None) -> str:
    return (user.authentication if user is not None else "") or "an unknown way"


def _state(status: str) -> str:
    return f"is in the state {status}, not active" if status else "is in no known state"


def _how_to_iam(user: CacheUser, group: UserGroup) -> str:
    if user.user_id != user.user_name or not engines_fit(group.engine, user.engine):
        return "it cannot become an IAM user, so replace it if nobody needs it"
    return "make it an IAM user if nobody needs it as it is"
