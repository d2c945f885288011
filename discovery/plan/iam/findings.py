"""What is told about a cache's users: one sentence for each finding, and its repair. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from discovery.model.codes import FindingCode, Severity
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
from discovery.plan.iam.repairs import Lines, Repairs

USERS_ADVICE: Final = "allow elasticache:DescribeUsers and elasticache:DescribeUserGroups"
"""What to do where users were to be judged and could not be read."""

_F = FindingCode
_SEVERITIES: Final = tuple(Severity)
_CODES: Final = tuple(FINDINGS)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What matters most first; then by code and subject."""
    return tuple(sorted(findings, key=_rank))


def _rank(finding: Finding) -> tuple[int, int, str]:
    return _SEVERITIES.index(finding.severity), _CODES.index(finding.code), finding.subject


class Findings:
    """Makes the findings on one cache."""

    def __init__(self, cache: KnownCache, directory: UsersAndGroups | UnknownType) -> None:
        self._cache = cache
        self._repairs = Repairs(cache, directory)
        self.is_public = cache.endpoint is not None and cache.endpoint.is_public

    # -- on the cache and its group --------------------------------------------------------------

    def too_old(self) -> Finding:
        """The engine is older than IAM."""
        cache = self._cache
        text = (
            f"the cache runs {cache.engine} {cache.engine_version or cache.major_engine_version}, "
            "IAM needs Redis OSS 7.0 or Valkey 7.2; raise its major version"
        )
        return self._tell(_F.ENGINE_TOO_OLD, cache.name, text, self._repairs.newer_engine())

    def no_group(self) -> Finding:
        """There is no access control at all."""
        text = (
            f"no user group is attached: the cache has no access control, whoever reaches it"
            f"{self._over_the_internet()} is in, and IAM cannot log in; attach a group with an "
            "IAM user"
        )
        repair = self._repairs.new_group(cuts_off=True)
        return self._tell(_F.NO_USER_GROUP, self._cache.name, text, repair)

    def group_missing(self, group_id: str) -> Finding:
        """AWS does not list the attached group."""
        text = (
            f"user group {group_id} is attached to the cache, but AWS does not list it; attach "
            "another one"
        )
        return self._tell(_F.GROUP_MISSING, group_id, text, self._repairs.new_group())

    def group_not_active(self, group: UserGroup) -> Finding:
        """The attached group does not work."""
        name = group.group_id
        if group.status == "creating":
            text = f"user group {name} is being created; wait until it is active"
            return self._tell(_F.GROUP_NOT_ACTIVE, name, text, self._repairs.wait_for_group(group))
        text = f"user group {name} is being deleted; attach another one"
        return self._tell(_F.GROUP_NOT_ACTIVE, name, text, self._repairs.new_group())

    def group_engine_mismatch(self, group: UserGroup) -> Finding:
        """The attached group is for an engine that the cache does not run."""
        text = (
            f"user group {group.group_id} is for {group.engine}, the cache runs "
            f"{self._cache.engine}; attach a group for that"
        )
        repair = self._repairs.new_group()
        return self._tell(_F.GROUP_ENGINE_MISMATCH, group.group_id, text, repair)

    def no_iam_user(self, group: UserGroup, *, only_passwords: bool) -> Finding:
        """Nobody in the group can log in with IAM."""
        why = ": all of them have passwords, with which a person can AUTH by hand but not with IAM"
        text = (
            f"no member of user group {group.group_id} can log in with IAM"
            f"{why if only_passwords else ''}; mend a member, or add an IAM user"
        )
        return self._tell(_F.NO_IAM_USER, group.group_id, text, self._repairs.new_member(group))

    # -- on users --------------------------------------------------------------------------------

    def member(
        self, code: FindingCode, user_id: str, user: CacheUser | None, group: UserGroup
    ) -> Finding:
        """What keeps one member of the group from logging in with IAM."""
        if user is None:
            text = (
                f"user group {group.group_id} lists user {user_id}, which AWS does not; take it out"
            )
            return self._tell(code, user_id, text, self._repairs.remove_user(user_id, group))
        text = f"user {user_id} {self._trouble(code, user, group)}"
        return self._tell(code, user_id, text, self._member_repair(code, user, group))

    def default(self, user_id: str, user: CacheUser | None, group: UserGroup) -> Finding:
        """The default user of the group is open."""
        own = is_service_owned(user_id)
        code = _F.DEFAULT_USER_UNREPLACED if own else _F.DEFAULT_USER_OPEN
        which = "AWS's own default user, never replaced," if own else f"the default user {user_id}"
        text = (
            f"{which} is on in user group {group.group_id} and needs no password: whoever reaches "
            f"the cache{self._over_the_internet()} is in, and `tsh db connect` without --db-user "
            f"lands there; {'replace it by one who is off' if own else 'switch it off'}"
        )
        repair = self._repairs.close_default(user_id, user, group)
        return self._tell(code, user_id, text, repair)

    def closed_default(self, user_id: str, user: CacheUser | None, group: UserGroup) -> Finding:
        """The default user lets nobody in by itself, and has no place on a public cache."""
        kind = user.authentication if user is not None else ""
        text = (
            f"the default user {user_id} authenticates by {kind or 'an unknown way'}, not by IAM, "
            "and every user of a public cache must be IAM; take it out of the group"
        )
        repair = self._repairs.drop_default(user_id, group)
        return self._tell(_F.USER_NOT_IAM, user_id, text, repair)

    def coming(self, user_id: str, group: UserGroup) -> Finding:
        """Who is being added does not work yet."""
        text = (
            f"IAM user {user_id} is being added to user group {group.group_id}; wait until the "
            "group is active, then it can log in"
        )
        return self._tell(_F.USER_NOT_IN_GROUP, user_id, text, self._repairs.wait_for_group(group))

    def outside(self, user_id: str, group: UserGroup) -> Finding:
        """Who could log in, were it in the group."""
        going = user_id in group.pending_remove
        text = (
            f"IAM user {user_id} {'is being taken out of' if going else 'is not in'} user group "
            f"{group.group_id}; add it{' again' if going else ''} to let it log in"
        )
        return self._tell(_F.USER_NOT_IN_GROUP, user_id, text, self._repairs.add(user_id, group))

    # -- on what could not be read ---------------------------------------------------------------

    def unreadable(self) -> Finding:
        """Nothing is known about users."""
        text = (
            "users and user groups of the region could not be read, so the label keeps its last "
            f"value; {USERS_ADVICE}"
        )
        scope = str(self._cache.scope)
        return self._tell(_F.USERS_UNREADABLE, scope, text, self._repairs.reads())

    def unlisted(self, owned_id: str) -> Finding:
        """What AWS owns and does not list cannot be judged."""
        text = (
            f"{owned_id} belongs to AWS, which does not list it, so nobody can tell who can log in "
            "and the label keeps its last value; attach a group of your own"
        )
        return self._tell(_F.USERS_UNREADABLE, owned_id, text, self._repairs.new_group())

    def unread(self, what: str) -> Finding:
        """AWS listed the only candidate without something that each of its kind has."""
        text = (
            f"AWS's answer about {what} leaves out what it always says, so nobody can tell who can "
            "log in and the label keeps its last value; the next sweep asks again"
        )
        return self._tell(_F.USERS_UNREADABLE, what, text, self._repairs.reads())

    def unclear(self, user: CacheUser) -> Finding:
        """Nobody knows what the status of the only candidate means."""
        text = (
            f"user {user.user_id} {_state(user.status)}, and nobody else can log in, so the label "
            "keeps its last value; wait until it is active"
        )
        return self._tell(
            _F.USERS_UNREADABLE, user.user_id, text, self._repairs.wait_for_user(user)
        )

    def _member_repair(self, code: FindingCode, user: CacheUser, group: UserGroup) -> Lines:
        if code is not _F.USER_NOT_ACTIVE:
            return self._repairs.fix_user(user, group)
        if user.status == "deleting":
            return self._repairs.remove_user(user.user_id, group)
        return self._repairs.wait_for_user(user)

    def _trouble(self, code: FindingCode, user: CacheUser, group: UserGroup) -> str:
        if code is _F.USER_NOT_ACTIVE:
            if user.status == "deleting":
                return "is being deleted; take it out of the group"
            return f"{_state(user.status)}; wait until it is active"
        if code is _F.USER_ID_NAME_MISMATCH:
            return f"has the name {user.user_name}, and IAM needs id and name equal; replace it"
        if code is _F.USER_DISABLED:
            return f"is off by its access string {user.access_string!r}; switch it on"
        if code is _F.ENGINE_MISMATCH:
            return f"is for {user.engine}, its group for {group.engine}; replace it"
        return f"{self._way_in(code, user)}; {_how_to_iam(user, group)}"

    def _way_in(self, code: FindingCode, user: CacheUser) -> str:
        if code is _F.PASSWORDLESS_USER:
            who = f"whoever knows its name{self._over_the_internet()} is in"
            return f"is on and needs no password: {who}"
        kind = user.authentication or "an unknown way"
        rule = ", and every user of a public cache must be IAM" if self.is_public else ""
        return f"authenticates by {kind}, not by IAM{rule}"

    def _over_the_internet(self) -> str:
        return ", from anywhere on the internet," if self.is_public else ""

    def _tell(self, code: FindingCode, subject: str, text: str, repair: Lines) -> Finding:
        severity = FINDINGS[code].severity_of(public=self.is_public)
        return Finding(code, severity, subject, text, repair)


def _state(status: str) -> str:
    return f"is in the state {status}, not active" if status else "is in no known state"


def _how_to_iam(user: CacheUser, group: UserGroup) -> str:
    if user.user_id != user.user_name or not engines_fit(group.engine, user.engine):
        return "it cannot become an IAM user, so replace it if nobody needs it"
    return "make it an IAM user if nobody needs it as it is"
