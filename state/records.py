"""Records of what is remembered between sweeps. The store reads and writes them; the plan reads.

State is a memory, never the authority (R2): losing every record here removes nothing and
registers nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from discovery.model.agent import NOBODY, Agent
from discovery.model.codes import (
    Action,
    FindingCode,
    IamVerdict,
    Reason,
    ScopeReason,
    ScopeStatus,
)
from discovery.model.values import (
    AccountId,
    Arn,
    Change,
    Database,
    Region,
    ResourceName,
    Scope,
    Tags,
)


@dataclass(frozen=True, slots=True)
class LastVerdict:
    """The last verdict on a cache that rested on complete evidence; what the label says.

    See discovery/README: IAM verdict.
    """

    verdict: IamVerdict
    users: tuple[str, ...] = ()
    """Who could log in."""
    codes: tuple[FindingCode, ...] = ()
    """What was found, each kind once, what matters most first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedCache:
    """What was last read of one cache. Facts, never verdicts, but for what the IAM label says."""

    arn: Arn
    scope: Scope
    name: str
    created_at: datetime | None
    """AWS's create time; with the ARN it identifies the cache (R1)."""
    first_seen_at: datetime
    last_seen_at: datetime
    status: str
    engine: str
    engine_version: str
    uri: str
    tags: Tags | None
    """The last tags that were read, None if never. `confirmed` is always False here."""
    vpc_id: str | None
    vpc_known: bool
    iam: LastVerdict | None
    """None: never judged on complete evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One database of ours that state knows, as last written, or as first seen."""

    name: ResourceName
    arn: Arn
    database: Database
    registered_at: datetime
    updated_at: datetime
    inherited: bool = False
    """True while this state has neither made nor adopted it, and it has never matched here: then
    it is removed only when its cache is gone (R2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedRegistration:
    """A registration that this state removed."""

    name: ResourceName
    arn: Arn
    revision: str
    """What was removed; empty when it is not known. A list that shows it still lags."""
    removed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRemoval:
    """How long a reason to remove a registration has held."""

    name: ResourceName
    arn: Arn
    reason: Reason
    scans: int
    """Complete scans, in a row, in which the reason held."""
    since: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenName:
    """A name that a cache is to have, and that something holds which the list does not show."""

    name: ResourceName
    arn: Arn
    """The cache that is to have it."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedScope:
    """What came of the last time that one scope was asked.

    An account's own entry, without a region, is remembered only while it fails.
    """

    scope: Scope
    last_attempt_at: datetime
    last_complete_at: datetime | None
    failing_since: datetime | None
    status: ScopeStatus
    reason: ScopeReason | None
    message: str
    caches: int | None
    """Caches in the last complete scan."""
    failures: int = 0
    """Attempts in a row that failed, the last one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedRegions:
    """The enabled regions of one account, as AWS last listed them."""

    account_id: AccountId
    regions: frozenset[Region]
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedAccount:
    """What an account's organization calls it, as last read."""

    account_id: AccountId
    name: str


class IntentKind(StrEnum):
    """The kinds of write that are journaled."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RENAME = "rename"
    """Create under the new name, then delete the old one; finished forwards (R6, R12)."""
    REPLACE = "replace"
    """Delete, then create under the same name: a change of origin (R12)."""
    ADOPT = "adopt"
    """Somebody else's becomes ours, on a person's word; no removal, whatever it takes (R2)."""
    RELEASE = "release"
    """Ours becomes nobody's: the labels that say so go, the resource stays (R2)."""


class IntentOutcome(StrEnum):
    """How a journaled write ended."""

    DONE = "done"
    FAILED = "failed"
    ABANDONED = "abandoned"
    """The process ended between intent and outcome; the next sweep looked and went on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write that is about to happen."""

    sweep_id: str
    kind: IntentKind
    action: Action
    reason: Reason
    arn: Arn
    scope: Scope
    name: ResourceName
    previous_name: ResourceName | None
    database: Database | None
    at: datetime
    changes: tuple[Change, ...] = ()
    """What the write changes, for the history."""
    revision: str = ""
    """Of a removal: the revision that is to be removed."""

    @property
    def counts_as_removal(self) -> bool:
        """Whether the budget of R3 counts it: a removal, a rename, a change of origin."""
        return self.kind in (IntentKind.DELETE, IntentKind.RENAME, IntentKind.REPLACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIntent:
    """An intent without an outcome: the process ended in between."""

    intent_id: int
    intent: Intent


class HistoryEvent(StrEnum):
    """What an entry of the history is about."""

    OBSERVED = "observed"
    """A cache appeared, was missed, came back, or its verdict changed."""
    CHANGED = "changed"
    """A write to the control plane was acknowledged."""
    GUARD_REFUSED = "guard_refused"
    GUARD_CLEARED = "guard_cleared"
    WRITES_DENIED = "writes_denied"
    WRITES_ALLOWED = "writes_allowed"
    CONTROL_PLANE_UNREAD = "control_plane_unread"
    CONTROL_PLANE_READ = "control_plane_read"
    SCOPE_FAILING = "scope_failing"
    SCOPE_BACK = "scope_back"
    PAUSED = "paused"
    RESUMED = "resumed"

    @property
    def step(self) -> int:
        """Place within one sweep: 0 observed, 1 written, 2 concluded."""
        return {HistoryEvent.OBSERVED: 0, HistoryEvent.CHANGED: 1}.get(self, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One acknowledged change or observation, for `history` and `explain`."""

    at: datetime
    sweep_id: str
    event: HistoryEvent = HistoryEvent.OBSERVED
    arn: Arn | None = None
    scope: Scope | None = None
    """None: it is about no single account, as a pause is."""
    name: ResourceName | None = None
    previous_name: ResourceName | None = None
    action: Action | None = None
    """None: it is about no single item."""
    reason: str
    """The item's reason, else the code of what happened: a scope's, the guard's, an error's."""
    message: str
    changes: tuple[Change, ...] = ()
    """Fields with their old and new value; external ids as fingerprints."""
    agent: Agent = NOBODY
    """Who recorded it; the store fills it in. Empty: it is from before that was remembered."""
    checksum: str = ""
    """Of the plan of its sweep, as far as that sweep was recorded."""

    @property
    def verdict(self) -> str:
        """`update/RENAMED` of an item, else what happened and its code: `scope_failing/DENIED`."""
        return f"{self.action.value if self.action else self.event.value}/{self.reason}"


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that goes on from sweep to sweep: the guard refuses, or one verb is denied."""

    code: str
    since: datetime


class Total(StrEnum):
    """Names of what a sweep counts at its end, for pictures over time."""

    REGISTRATIONS = "registrations"
    READY = "ready"
    """Caches by verdict, as are the next two."""
    NOT_READY = "not-ready"
    UNKNOWN = "unknown"
    SCOPES = "scopes"
    UNREAD_SCOPES = "unread_scopes"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRecord:
    """One finished sweep."""

    sweep_id: str
    started_at: datetime
    finished_at: datetime
    complete: bool
    exit_code: int
    checksum: str
    summary: Mapping[str, int]
    totals: Mapping[str, int] | None = None
    """What there was at its end, under the names of `Total`. None: it was about a part of the
    scopes, made no plan, or is from before that was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateIdentity:
    """What a state file belongs to (R10). Any difference to the configuration: exit 78."""

    control_plane: str
    """`embedded` or `teleport`."""
    cluster: str
    """Teleport's cluster name; for embedded, the registry's absolute path."""
    group: str
    endpoint_override: bool
    """True when an AWS endpoint override was in force: a simulated cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedState:
    """Everything the plan needs from state, read in one consistent snapshot.

    Of a new or absent state file: all empty, `finished_sweeps` 0.
    """

    caches: Mapping[Arn, RememberedCache] = field(default_factory=dict)
    registrations: Mapping[ResourceName, Registration] = field(default_factory=dict)
    removed: Mapping[ResourceName, RemovedRegistration] = field(default_factory=dict)
    """What this state removed and has not registered or wanted since."""
    pending_removals: Mapping[ResourceName, PendingRemoval] = field(default_factory=dict)
    taken: Mapping[ResourceName, TakenName] = field(default_factory=dict)
    """Names that were taken unseen when they were last looked up (R10)."""
    scopes: Mapping[Scope, RememberedScope] = field(default_factory=dict)
    regions: Mapping[AccountId, RememberedRegions] = field(default_factory=dict)
    account_names: Mapping[AccountId, str] = field(default_factory=dict)
    """What organizations call their accounts, as last read."""
    open_intents: tuple[OpenIntent, ...] = ()
    finished_sweeps: int = 0
    matching_digest: str | None = None
    """Digest of matchers and name rules of the last finished sweep."""
    removals: tuple[datetime, ...] = ()
    """When the removals in the journal that the budget counts were intended, any age."""
    identity: StateIdentity | None = None
    last_sweep: SweepRecord | None = None
    episodes: Mapping[str, Episode] = field(default_factory=dict)
    """What went on at the end of the last sweep, by what it is about: `guard`, `control_plane`,
    `create`, …"""
    failed_writes: Mapping[ResourceName, str] = field(default_factory=dict)
    """The error code of the last write under a name, where it failed."""
    paused_until: datetime | None = None
    """Before this moment a sweep writes nothing to the control plane; it may have passed."""

    def pause_at(self, now: datetime) -> datetime | None:
        """Return when the pause in force at `now` ends; None when there is none."""
        is_in_force = self.paused_until is not None and now < self.paused_until
        return self.paused_until if is_in_force else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOutcome:
    """Everything one sweep leaves behind; recorded in one transaction."""

    record: SweepRecord
    identity: StateIdentity
    finished: bool = True
    """False: it never came to a plan. Its scopes are remembered, and nothing else is touched."""
    matching_digest: str = ""
    scopes: tuple[RememberedScope, ...]
    scopes_forgotten: tuple[Scope, ...] = ()
    """Scopes that are configured no more, and accounts that can be entered again."""
    regions_read: tuple[RememberedRegions, ...] = ()
    accounts_read: tuple[RememberedAccount, ...] = ()
    """Accounts that their organization names otherwise than before."""
    accounts_forgotten: frozenset[AccountId] = frozenset()
    """Accounts that no organization has any more."""
    caches_seen: tuple[RememberedCache, ...] = ()
    caches_gone: tuple[Arn, ...] = ()
    """Caches that a complete scan of their scope no longer shows and nothing is registered for."""
    registrations_forgotten: tuple[ResourceName, ...] = ()
    registrations_inherited: tuple[Registration, ...] = ()
    """Ours, listed, unknown to the journal until now (R2); remembered from now on."""
    registrations_matched: tuple[ResourceName, ...] = ()
    """Inherited ones, and ones that were removed and exist again, that a matcher takes now."""
    pending_removals: tuple[PendingRemoval, ...] = ()
    """All misses that are kept after this sweep; those not named here are dropped."""
    taken: tuple[TakenName, ...] = ()
    """All names that are taken unseen after this sweep; those not named here are dropped."""
    history: tuple[HistoryEntry, ...] = ()
    episodes: Mapping[str, Episode] = field(default_factory=dict)
    """What goes on after this sweep."""
    proven_at: datetime | None = None
    """The latest time that AWS's own answers gave in this sweep; None: none did. Ages in state
    count from such times alone."""
