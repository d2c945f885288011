"""Every finding about a cache's users: its severity, its meaning, what repairs it.

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
    """What is true of every finding of one code."""

    severity: Severity
    meaning: str
    repair: str
    """What its commands do."""
    severity_if_public: Severity | None = None
    """On a cache with a public endpoint, where it differs."""

    def severity_of(self, *, public: bool) -> Severity:
        """How much it matters on a cache with or without a public endpoint."""
        return self.severity_if_public or self.severity if public else self.severity


_NEW_GROUP: Final = "create an IAM user and a group, attach the group"
_MEND: Final = "change the user; where AWS allows no change, replace it by an IAM user"

FINDINGS: Final[Mapping[FindingCode, FindingSpec]] = {
    _F.ENGINE_TOO_OLD: FindingSpec(
        _BLOCKER,
        "the cache runs an engine older than Redis OSS 7.0 or Valkey 7.2, which IAM needs",
        "raise the major version",
    ),
    _F.NO_USER_GROUP: FindingSpec(
        _BLOCKER,
        "no user group is attached: there is no access control at all, and no IAM login",
        _NEW_GROUP,
    ),
    _F.GROUP_MISSING: FindingSpec(
        _BLOCKER, "AWS does not list the attached user group", _NEW_GROUP
    ),
    _F.GROUP_NOT_ACTIVE: FindingSpec(
        _BLOCKER,
        "the attached user group is being created or deleted",
        f"wait for one that is being created; else {_NEW_GROUP}",
    ),
    _F.GROUP_ENGINE_MISMATCH: FindingSpec(
        _BLOCKER,
        "the attached user group is for Valkey, the cache runs Redis OSS",
        _NEW_GROUP,
    ),
    _F.NO_IAM_USER: FindingSpec(
        _BLOCKER,
        "no member of the user group can log in with IAM; the findings on its members say why",
        "create an IAM user and add it to the group",
    ),
    _F.USER_MISSING: FindingSpec(
        _WARNING, "the group lists a user that AWS does not list", "remove it from the group"
    ),
    _F.USER_NOT_ACTIVE: FindingSpec(
        _WARNING,
        "the member is being deleted, or in a state that is not known here",
        "remove one that is being deleted; else wait",
    ),
    _F.PASSWORDLESS_USER: FindingSpec(
        _WARNING, "the member is on and needs no password: its name is enough to log in", _MEND
    ),
    _F.USER_NOT_IAM: FindingSpec(
        _INFO,
        "the member authenticates by password; reported where no member can log in with IAM, and "
        "on public caches, where every user must be IAM",
        _MEND,
        severity_if_public=_WARNING,
    ),
    _F.USER_ID_NAME_MISMATCH: FindingSpec(
        _WARNING, "the id and the name of the IAM member differ, so IAM refuses it", _MEND
    ),
    _F.USER_DISABLED: FindingSpec(_WARNING, "the access string of the IAM member is off", _MEND),
    _F.ENGINE_MISMATCH: FindingSpec(
        _WARNING, "the IAM member is for Valkey, its group for Redis OSS", _MEND
    ),
    _F.DEFAULT_USER_OPEN: FindingSpec(
        _WARNING,
        "the group's own default user is on and needs no password; `tsh db connect` without "
        "`--db-user` logs in as it",
        "switch it off",
    ),
    _F.DEFAULT_USER_UNREPLACED: FindingSpec(
        _WARNING,
        "AWS's own default user, on and without a password, was never replaced; `tsh db connect` "
        "without `--db-user` logs in as it",
        "replace it by a default user that is off",
    ),
    _F.USER_NOT_IN_GROUP: FindingSpec(
        _INFO,
        "an IAM user of the region would fit the group and is not in it yet; reported for users "
        "that are being added, and for at most five where no member can log in",
        "add it to the group; wait for one being added",
    ),
    _F.USERS_UNREADABLE: FindingSpec(
        _WARNING,
        "users and groups could not be read, or the group is one of AWS's own, which AWS does not "
        "list, or the only user who might log in is in an unknown state or was answered in part; "
        "the verdict is unknown and the label keeps its last value",
        f"the two calls that must succeed; for a group of AWS's own, {_NEW_GROUP}; else wait",
    ),
    _F.LOGIN_REFUSED: FindingSpec(
        _BLOCKER,
        "a login with IAM was tried and refused; not reported by this version, which tries none",
        "none",
    ),
    _F.LOGIN_UNREACHABLE: FindingSpec(
        _INFO,
        "a login with IAM was tried and the cache not reached from this host; not reported by this "
        "version, which tries none",
        "none",
    ),
}
"""In the order in which findings of one severity are reported."""

BY_PROBING: Final = frozenset({_F.LOGIN_REFUSED, _F.LOGIN_UNREACHABLE})
"""Only a tried login can show these, so nothing in a description repairs them."""


def markdown() -> str:
    """The table as the documentation shows it, ending with a newline."""
    return "".join(f"{line}\n" for line in _rows())


def _rows() -> Iterator[str]:
    yield "| finding | severity | means | its commands |"
    yield "| --- | --- | --- | --- |"
    for code, kind in FINDINGS.items():
        severity = kind.severity.value
        if kind.severity_if_public is not None:
            severity += f"; {kind.severity_if_public.value} on a public cache"
        yield f"| `{code.value}` | {severity} | {kind.meaning} | {kind.repair} |"
