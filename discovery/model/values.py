"""The values that flow through a sweep. Standard library only; nothing here reads or writes.

A fact that was not read is `UNKNOWN`, never empty: absence of evidence stays apart from evidence
of absence (R1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, NewType

from discovery.model.codes import (
    FindingCode,
    IamVerdict,
    NoteCode,
    ProbeOutcome,
    ProbeStep,
    ScopeReason,
    ScopeStatus,
    Severity,
)
from discovery.model.repair_steps import RepairSteps

AccountId = NewType("AccountId", str)
Region = NewType("Region", str)
Arn = NewType("Arn", str)
ResourceName = NewType("ResourceName", str)

Clock = Callable[[], datetime]
"""Tells the time as an aware UTC datetime; injected everywhere, so that tests own it."""


class Unknown(Enum):
    """The type of a fact that was not read."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.UNKNOWN
UnknownType = Literal[Unknown.UNKNOWN]


@dataclass(frozen=True, slots=True)
class Scope:
    """One account in one region; without a region, the account before its regions are known."""

    account_id: AccountId
    region: Region | None

    @property
    def key(self) -> tuple[str, str]:
        """Sorts scopes; an account's own entry comes before its regions."""
        return (self.account_id, self.region or "")

    def __str__(self) -> str:
        return f"{self.account_id}/{self.region}" if self.region else str(self.account_id)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Host and port at which a cache listens."""

    address: str
    port: int

    @property
    def uri(self) -> str:
        """Host and port as `host:port`."""
        return f"{self.address}:{self.port}"

    @property
    def is_public(self) -> bool:
        """True when a label of the host reads `public` (aws/README: ARNs and hosts)."""
        return "public" in self.address.split(".")


@dataclass(frozen=True, slots=True)
class Tags:
    """The AWS tags of one cache, with the time they were read."""

    values: Mapping[str, str]
    read_at: datetime
    confirmed: bool
    """True when `ListTagsForResource` gave them in this very scan. The tagging API lags and
    remembers the dead, so names of registered caches and removals rest on confirmed tags only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One ElastiCache Serverless cache as one answer of AWS described it.

    What the answer left out is UNKNOWN; None and empty are AWS's own ways of saying none.
    """

    arn: Arn
    partition: str
    account_id: AccountId
    region: Region
    name: str
    status: str | UnknownType
    """Lower-cased; values nobody has seen before are possible."""
    engine: str | UnknownType
    """As AWS spells it."""
    engine_version: str | UnknownType
    """`FullEngineVersion`."""
    major_engine_version: str | UnknownType = UNKNOWN
    """Nothing is decided by it where the full version is known."""
    endpoint: Endpoint | None | UnknownType
    """None: a cache of its status need not have one."""
    created_at: datetime | None | UnknownType
    user_group_id: str | None
    """None: no user group is attached, so there is no access control on the cache at all."""
    subnet_ids: tuple[str, ...] | UnknownType = ()
    tags: Tags | UnknownType = UNKNOWN
    vpc_id: str | None | UnknownType = UNKNOWN
    """None: known to have no VPC (no subnets, or none that the region lists)."""
    malformed: tuple[str, ...] = ()
    """Members of the answer that hold what AWS cannot mean; the facts they stand for are UNKNOWN,
    and nothing stands in for them."""

    @property
    def scope(self) -> Scope:
        """The account and region of the cache."""
        return Scope(self.account_id, self.region)

    @property
    def known_version(self) -> str:
        """The full engine version, else the major one; empty when AWS gave neither."""
        versions = (self.engine_version, self.major_engine_version)
        return next((each for each in versions if each is not UNKNOWN and each), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCache(Cache):
    """A cache with every fact that a registration rests on: read, or remembered.

    A text is empty where a cache of its status need not have it (`CacheFact.none`).
    """

    status: str
    engine: str
    engine_version: str
    endpoint: Endpoint | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUser:
    """One ElastiCache user (aws/README: Answers)."""

    user_id: str
    user_name: str
    status: str
    engine: str
    access_string: str
    authentication: str
    """`password`, `no-password`, `iam`, or what else AWS says; lower-cased, empty if unsaid."""
    arn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    """One ElastiCache user group with its members, and those on their way in or out."""

    group_id: str
    status: str
    engine: str
    user_ids: tuple[str, ...]
    pending_add: tuple[str, ...] = ()
    pending_remove: tuple[str, ...] = ()
    arn: str = ""


@dataclass(frozen=True, slots=True)
class UsersAndGroups:
    """All users and user groups of one scope, read together."""

    groups: Mapping[str, UserGroup]
    users: Mapping[str, CacheUser]
    read_at: datetime
    unread_groups: frozenset[str] = frozenset()
    unread_users: frozenset[str] = frozenset()
    """Ids of groups and users that were listed without a member that AWS never leaves out. They
    are not in the mappings, and nobody can tell whether they let anybody in."""


@dataclass(frozen=True, slots=True)
class Note:
    """A side remark on an item or a scope."""

    code: NoteCode
    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """How the scan of one scope ended. One of `Complete`, `Failed`, `Skipped`."""

    scope: Scope
    started_at: datetime
    duration_s: float = 0.0
    calls: int = 0
    message: str = ""
    """For a person: what happened, what stayed unchanged, what to do. Empty when complete and
    nothing is amiss."""
    notes: tuple[Note, ...] = ()

    @property
    def is_backing_off(self) -> bool:
        """True when the scope was not asked, because it keeps failing."""
        return any(note.code is NoteCode.BACKING_OFF for note in self.notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete(ScanResult):
    """A scope of which every cache was listed. Only this makes absence evidence (R1)."""

    caches: tuple[Cache, ...]
    users_and_groups: UsersAndGroups | UnknownType = UNKNOWN
    status: ScopeStatus = field(default=ScopeStatus.COMPLETE, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(ScanResult):
    """A scope that could not be read to its end; nothing in it is removed or made worse."""

    reason: ScopeReason
    status: ScopeStatus = field(default=ScopeStatus.FAILED, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped(ScanResult):
    """A scope that was not asked, on purpose."""

    reason: ScopeReason
    past_deadline: bool = False
    """True when it was to be read and time ran out: then it counts as unread."""
    status: ScopeStatus = field(default=ScopeStatus.SKIPPED, init=False)


Scanned = Complete | Failed | Skipped


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing, about a cache's users."""

    code: FindingCode
    severity: Severity
    subject: str
    message: str
    repair: tuple[str, ...] = ()
    """AWS CLI lines in the order to run them, with `#` lines that name the account or a choice."""
    steps: RepairSteps = field(default=(), compare=False, repr=False)
    """What the lines are made from."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of logging in to a cache."""

    outcome: ProbeOutcome
    user: str | None
    """None: it ended before a user was named."""
    step: ProbeStep
    at: datetime
    message: str
    """Cause and remedy, for a person."""


@dataclass(frozen=True, slots=True)
class IamJudgement:
    """Whether a person could log in to one cache with IAM, as whom, and what is wrong."""

    verdict: IamVerdict
    as_of: datetime | None
    users: tuple[str, ...]
    findings: tuple[Finding, ...]
    probe: Probe | None = None
    """None: no login was tried. Verdict and label never depend on it."""


Document = Mapping[str, Any]
"""A JSON tree in Teleport's own spelling, as `tctl create -f` takes it."""


@dataclass(frozen=True, slots=True)
class Database:
    """One Teleport `db` resource (teleport/README: Messages), as wanted or as read."""

    name: ResourceName
    labels: Mapping[str, str]
    description: str
    spec: Document
    metadata: Document = field(default_factory=dict)
    """Metadata other than name, description and labels, as read; empty when we make one."""
    revision: str = field(default="", compare=False)
    opaque: bytes = field(default=b"", compare=False, repr=False)
    """What the control plane sent and this program has no words for; handed back on update."""

    @property
    def uri(self) -> str:
        """The `uri` of the spec; empty when it has none."""
        return str(self.spec.get("uri", ""))

    def document(self) -> dict[str, Any]:
        """Build the resource as one JSON tree: kind, version, metadata, spec."""
        metadata: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "labels": dict(sorted(self.labels.items())),
            **self.metadata,
        }
        return {"kind": "db", "version": "v3", "metadata": metadata, "spec": dict(self.spec)}


@dataclass(frozen=True, slots=True)
class Served:
    """A database that some Database Service serves, whether registered or of its own file."""

    name: str
    uri: str
    host: str = ""
    """Where that Database Service runs."""
    health: str = ""
    """`healthy`, `unhealthy`, `unknown`, or empty."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place where a resource differs: a JSON Pointer into `database`, old and new value."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why a call for this item failed; its action is as planned."""

    code: str
    message: str
    retryable: bool
