"""The findings about a cache's users: severity, meaning, sentence, repair.

This one table is what the findings are made from and what the documentation shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import FindingCode, Severity

_F = FindingCode
_BLOCKER, _WARNING, _INFO = Severity.BLOCKER, Severity.WARNING, Severity.INFO


@dataclass(frozen=True, slots=True)
class FindingSpec:
    """What all findings of one code have in common."""

    severity: Severity
    meaning: str
    repair: str
    """What its commands do."""
    sentence: str = ""
    """What a person reads, with the places that `Findings` fills in."""
    severity_if_public: Severity | None = None
    """On a cache with a public endpoint, where it differs."""

    def severity_of(self, *, public: bool) -> Severity:
        """The severity on a cache with or without a public endpoint."""
        return self.severity_if_public or self.severity if public else self.severity


_NEW_GROUP: Final = "create an IAM user and a group, attach the group"
_MEND: Final = "change the user; where AWS allows no change, replace it by an IAM user"

_LANDS_THERE: Final = (
    "is on in user group {group.group_id} and needs no password: whoever reaches the "
    "cache{internet} is in, and `tsh db connect` without --db-user lands there"
)

FINDINGS: Final[Mapping[FindingCode, FindingSpec]] = {
    _F.ENGINE_TOO_OLD: FindingSpec(
        _BLOCKER,
        "the cache runs an engine older than Redis OSS 7.0 or Valkey 7.2, which IAM needs",
        "raise the major version",
        "the cache runs {cache.engine} {cache.known_version}, IAM needs Redis OSS 7.0 or "
        "Valkey 7.2; raise its major version",
    ),
    _F.NO_USER_GROUP: FindingSpec(
        _BLOCKER,
        "no user group is attached: there is no access control at all, and no IAM login",
        _NEW_GROUP,
        "no user group is attached: the cache has no access control, whoever reaches "
        "it{internet} is in, and IAM cannot log in; attach a group with an IAM user",
    ),
    _F.GROUP_MISSING: FindingSpec(
        _BLOCKER,
        "AWS does not list the attached user group",
        _NEW_GROUP,
        "user group {subject} is attached to the cache, but AWS does not list it; attach "
        "another one",
    ),
    _F.GROUP_NOT_ACTIVE: FindingSpec(
        _BLOCKER,
        "the attached user group is being created or deleted",
        f"wait for one that is being created; else {_NEW_GROUP}",
        "user group {subject} is being {state}",
    ),
    _F.GROUP_ENGINE_MISMATCH: FindingSpec(
        _BLOCKER,
        "the attached user group is for Valkey, the cache runs Redis OSS",
        _NEW_GROUP,
        "user group {subject} is for {group.engine}, the cache runs {cache.engine}; attach a "
        "group for that",
    ),
    _F.NO_IAM_USER: FindingSpec(
        _BLOCKER,
        "no member of the user group can log in with IAM; the findings on its members say why",
        "create an IAM user and add it to the group",
        "no member of user group {subject} can log in with IAM{why}; mend a member, or add an IAM "
        "user",
    ),
    _F.USER_MISSING: FindingSpec(
        _WARNING,
        "the group lists a user that AWS does not list",
        "remove it from the group",
        "user group {group.group_id} lists user {subject}, which AWS does not; take it out",
    ),
    _F.USER_NOT_ACTIVE: FindingSpec(
        _WARNING,
        "the member is being deleted, or in a state that is not known here",
        "remove one that is being deleted; else wait",
        "user {subject} {state}",
    ),
    _F.PASSWORDLESS_USER: FindingSpec(
        _WARNING,
        "the member is on and needs no password: its name is enough to log in",
        _MEND,
        "user {subject} is on and needs no password: whoever knows its name{internet} is in; "
        "{change}",
    ),
    _F.USER_NOT_IAM: FindingSpec(
        _INFO,
        "the member authenticates by password; reported where no member can log in with IAM, and "
        "on public caches, where every user must be IAM",
        _MEND,
        "{who} {subject} authenticates by {way}, not by IAM{rule}; {change}",
        severity_if_public=_WARNING,
    ),
    _F.USER_ID_NAME_MISMATCH: FindingSpec(
        _WARNING,
        "the id and the name of the IAM member differ, so IAM refuses it",
        _MEND,
        "user {subject} has the name {user.user_name}, and IAM needs id and name equal; replace it",
    ),
    _F.USER_DISABLED: FindingSpec(
        _WARNING,
        "the access string of the IAM member is off",
        _MEND,
        "user {subject} is off by its access string {user.access_string!r}; switch it on",
    ),
    _F.ENGINE_MISMATCH: FindingSpec(
        _WARNING,
        "the IAM member is for Valkey, its group for Redis OSS",
        _MEND,
        "user {subject} is for {user.engine}, its group for {group.engine}; replace it",
    ),
    _F.DEFAULT_USER_OPEN: FindingSpec(
        _WARNING,
        "the group's own default user is on and needs no password; `tsh db connect` without "
        "`--db-user` logs in as it",
        "switch it off",
        f"the default user {{subject}} {_LANDS_THERE}; switch it off",
    ),
    _F.DEFAULT_USER_UNREPLACED: FindingSpec(
        _WARNING,
        "AWS's own default user, on and without a password, was never replaced; `tsh db connect` "
        "without `--db-user` logs in as it",
        "replace it by a default user that is off",
        f"AWS's own default user, never replaced, {_LANDS_THERE}; replace it by one who is off",
    ),
    _F.USER_NOT_IN_GROUP: FindingSpec(
        _INFO,
        "an IAM user of the region would fit the group and is not in it yet; reported for users "
        "that are being added, and for at most five where no member can log in",
        "add it to the group; wait for one being added",
        "IAM user {subject} {state} user group {group.group_id}; {advice}",
    ),
    _F.USERS_UNREADABLE: FindingSpec(
        _WARNING,
        "users and groups could not be read, or the group is one of AWS's own, which AWS does not "
        "list, or the only user who might log in is in an unknown state or was answered in part; "
        "the verdict is unknown and the label keeps its last value",
        f"the two calls that must succeed; for a group of AWS's own, {_NEW_GROUP}; else wait",
        "{why}, so {unclear}the label keeps its last value; {advice}",
    ),
    _F.LOGIN_REFUSED: FindingSpec(
        _BLOCKER,
        "a login with IAM was tried (`audit --probe`), with the credentials that Teleport uses, "
        "and the cache refused it",
        "none: the finding names the causes, the likeliest first",
        "user {subject} was refused: {why}",
    ),
    _F.LOGIN_UNREACHABLE: FindingSpec(
        _INFO,
        "a login with IAM was tried (`audit --probe`), and the cache was not reached from the host "
        "that tried it",
        "none: the finding names cause and remedy",
        "not reached from host {host}, step {step}: {why}",
    ),
}
"""In the order in which findings of one severity are reported."""

BY_PROBING: Final = frozenset({_F.LOGIN_REFUSED, _F.LOGIN_UNREACHABLE})
"""Only a tried login can show these, so nothing in a description repairs them."""


def markdown() -> str:
    """Write the table as the documentation shows it, ending with a newline."""
    return "".join(f"{line}\n" for line in _rows())


def _rows() -> Iterator[str]:
    yield "| finding | severity | means | its commands |"
    yield "| --- | --- | --- | --- |"
    for code, kind in FINDINGS.items():
        severity = kind.severity.value
        if kind.severity_if_public is not None:
            severity += f"; {kind.severity_if_public.value} on a public cache"
        yield f"| `{code.value}` | {severity} | {kind.meaning} | {kind.repair} |"
