"""Every code a user sees, as enums: actions, reasons, notes, scope reasons, findings.

The strings are an interface: later work may add to them, never rename or
remove. A test holds them to the committed JSON Schema of the report document.
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What a sweep does with one cache or registration."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"
    HELD = "held"
    BLOCKED = "blocked"
    CONFLICT = "conflict"
    SKIPPED = "skipped"

    @property
    def writes(self) -> bool:
        """True when carrying the action out calls the control plane."""
        return self in (Action.CREATE, Action.UPDATE, Action.DELETE)


class Reason(StrEnum):
    """Why an item has its action; one reason each."""

    NEW = "NEW"
    RENAMED = "RENAMED"
    RECREATED = "RECREATED"
    URI_CHANGED = "URI_CHANGED"
    SPEC_CHANGED = "SPEC_CHANGED"
    LABELS_CHANGED = "LABELS_CHANGED"
    DRIFT = "DRIFT"
    ABSENT = "ABSENT"
    DELETING = "DELETING"
    UNMATCHED = "UNMATCHED"
    EXCLUDED = "EXCLUDED"
    INELIGIBLE = "INELIGIBLE"
    UNREADY = "UNREADY"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    UNCHANGED = "UNCHANGED"
    SCOPE_FAILED = "SCOPE_FAILED"
    NOT_IN_RUN = "NOT_IN_RUN"
    TARGETS_UNKNOWN = "TARGETS_UNKNOWN"
    WAITING = "WAITING"
    PROOF_FAILED = "PROOF_FAILED"
    GUARD_COUNT = "GUARD_COUNT"
    GUARD_PERCENT = "GUARD_PERCENT"
    GUARD_EMPTY = "GUARD_EMPTY"
    REGISTRY_SHRANK = "REGISTRY_SHRANK"
    POLICY = "POLICY"
    TAGS_UNKNOWN = "TAGS_UNKNOWN"
    NOT_READY_YET = "NOT_READY_YET"
    INHERITED = "INHERITED"
    REGISTRY_UNREAD = "REGISTRY_UNREAD"
    UNREADABLE = "UNREADABLE"
    NAME_COLLISION = "NAME_COLLISION"
    NAME_INVALID = "NAME_INVALID"
    IAM_NOT_READY = "IAM_NOT_READY"
    IAM_UNKNOWN = "IAM_UNKNOWN"
    CONNECT_ROLE_INVALID = "CONNECT_ROLE_INVALID"
    REJECTED = "REJECTED"
    FOREIGN = "FOREIGN"
    OTHER_GROUP = "OTHER_GROUP"
    NAME_TAKEN_UNSEEN = "NAME_TAKEN_UNSEEN"
    IDENTITY_MISMATCH = "IDENTITY_MISMATCH"
    DUPLICATE_REGISTRATION = "DUPLICATE_REGISTRATION"
    OWNER_CHANGED = "OWNER_CHANGED"
    RESTORED = "RESTORED"
    NO_MATCHER = "NO_MATCHER"
    ENGINE = "ENGINE"
    CREATING = "CREATING"
    CREATE_FAILED = "CREATE_FAILED"
    NO_ENDPOINT = "NO_ENDPOINT"
    PUBLIC = "PUBLIC"


_R = Reason

REASONS_OF: dict[Action, frozenset[Reason]] = {
    Action.CREATE: frozenset({_R.NEW}),
    Action.UPDATE: frozenset(
        {
            _R.RENAMED,
            _R.RECREATED,
            _R.URI_CHANGED,
            _R.SPEC_CHANGED,
            _R.LABELS_CHANGED,
            _R.DRIFT,
        }
    ),
    Action.DELETE: frozenset(
        {
            _R.ABSENT,
            _R.DELETING,
            _R.UNMATCHED,
            _R.EXCLUDED,
            _R.INELIGIBLE,
            _R.UNREADY,
            _R.OUT_OF_SCOPE,
        }
    ),
    Action.KEEP: frozenset({_R.UNCHANGED}),
    Action.HELD: frozenset(
        {
            _R.SCOPE_FAILED,
            _R.NOT_IN_RUN,
            _R.TARGETS_UNKNOWN,
            _R.OUT_OF_SCOPE,
            _R.WAITING,
            _R.PROOF_FAILED,
            _R.GUARD_COUNT,
            _R.GUARD_PERCENT,
            _R.GUARD_EMPTY,
            _R.REGISTRY_SHRANK,
            _R.POLICY,
            _R.TAGS_UNKNOWN,
            _R.NOT_READY_YET,
            _R.INHERITED,
            _R.REGISTRY_UNREAD,
        }
    ),
    Action.BLOCKED: frozenset(
        {
            _R.UNREADABLE,
            _R.NAME_COLLISION,
            _R.NAME_INVALID,
            _R.IAM_NOT_READY,
            _R.IAM_UNKNOWN,
            _R.CONNECT_ROLE_INVALID,
            _R.REJECTED,
        }
    ),
    Action.CONFLICT: frozenset(
        {
            _R.FOREIGN,
            _R.OTHER_GROUP,
            _R.NAME_TAKEN_UNSEEN,
            _R.IDENTITY_MISMATCH,
            _R.DUPLICATE_REGISTRATION,
            _R.OWNER_CHANGED,
            _R.RESTORED,
        }
    ),
    Action.SKIPPED: frozenset(
        {
            _R.NO_MATCHER,
            _R.EXCLUDED,
            _R.ENGINE,
            _R.CREATING,
            _R.DELETING,
            _R.CREATE_FAILED,
            _R.NO_ENDPOINT,
            _R.PUBLIC,
        }
    ),
}
"""Which reasons go with which action (discovery/README: Actions and reasons)."""


class NoteCode(StrEnum):
    """Codes of remarks on an item or a scope; they change nothing about its action."""

    TAG_SHADOWS_LABEL = "TAG_SHADOWS_LABEL"
    TAG_KEY_DROPPED = "TAG_KEY_DROPPED"
    TAGS_UNKNOWN = "TAGS_UNKNOWN"
    SUBNETS_UNKNOWN = "SUBNETS_UNKNOWN"
    USERS_UNKNOWN = "USERS_UNKNOWN"
    INHERITED = "INHERITED"
    SAME_URI_ELSEWHERE = "SAME_URI_ELSEWHERE"
    FACT_REMEMBERED = "FACT_REMEMBERED"
    BACKING_OFF = "BACKING_OFF"
    TAGS_ONE_BY_ONE = "TAGS_ONE_BY_ONE"


class ScopeStatus(StrEnum):
    """How the scan of one scope ended."""

    COMPLETE = "complete"
    FAILED = "failed"
    SKIPPED = "skipped"


class ScopeReason(StrEnum):
    """Why a scope failed or was skipped."""

    CREDENTIALS = "CREDENTIALS"
    ASSUME_ROLE_DENIED = "ASSUME_ROLE_DENIED"
    DENIED = "DENIED"
    THROTTLED = "THROTTLED"
    EXPIRED = "EXPIRED"
    CLOCK_SKEW = "CLOCK_SKEW"
    WRONG_ACCOUNT = "WRONG_ACCOUNT"
    REGIONS_UNREADABLE = "REGIONS_UNREADABLE"
    MALFORMED = "MALFORMED"
    TRUNCATED = "TRUNCATED"
    REPEATED_TOKEN = "REPEATED_TOKEN"  # noqa: S105 - a page token, not a password
    TIMEOUT = "TIMEOUT"
    UNREACHABLE = "UNREACHABLE"
    SERVER_ERROR = "SERVER_ERROR"
    REGION_NOT_ENABLED = "REGION_NOT_ENABLED"
    NOT_IN_RUN = "NOT_IN_RUN"


class IamVerdict(StrEnum):
    """Whether a person could log in to a cache with IAM."""

    READY = "ready"
    NOT_READY = "not-ready"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How much a finding matters."""

    BLOCKER = "blocker"
    WARNING = "warning"
    INFO = "info"


class FindingCode(StrEnum):
    """What is wrong, or worth knowing, about a cache's users (discovery/README: IAM verdict)."""

    NO_USER_GROUP = "NO_USER_GROUP"
    GROUP_MISSING = "GROUP_MISSING"
    GROUP_NOT_ACTIVE = "GROUP_NOT_ACTIVE"
    GROUP_ENGINE_MISMATCH = "GROUP_ENGINE_MISMATCH"
    NO_IAM_USER = "NO_IAM_USER"
    USER_ID_NAME_MISMATCH = "USER_ID_NAME_MISMATCH"
    USER_NOT_IN_GROUP = "USER_NOT_IN_GROUP"
    USER_MISSING = "USER_MISSING"
    USER_DISABLED = "USER_DISABLED"
    USER_NOT_ACTIVE = "USER_NOT_ACTIVE"
    USER_NOT_IAM = "USER_NOT_IAM"
    PASSWORDLESS_USER = "PASSWORDLESS_USER"
    DEFAULT_USER_OPEN = "DEFAULT_USER_OPEN"
    DEFAULT_USER_UNREPLACED = "DEFAULT_USER_UNREPLACED"
    ENGINE_TOO_OLD = "ENGINE_TOO_OLD"
    ENGINE_MISMATCH = "ENGINE_MISMATCH"
    USERS_UNREADABLE = "USERS_UNREADABLE"
    LOGIN_REFUSED = "LOGIN_REFUSED"
    LOGIN_UNREACHABLE = "LOGIN_UNREACHABLE"


class ProbeOutcome(StrEnum):
    """What came of a login that was tried."""

    PROVED = "proved"
    """The cache let the user in."""
    REFUSED = "refused"
    """The cache refused the user, with credentials that Teleport would use."""
    UNREACHABLE = "unreachable"
    """The cache could not be asked, from this host."""
    UNPROVED = "unproved"
    """The answer says nothing about what Teleport would be told."""


class ProbeStep(StrEnum):
    """The step of a login that failed; of one that succeeded, the last."""

    RESOLVE = "resolve"
    TCP = "tcp"
    TLS = "tls"
    AUTH = "auth"
    PING = "ping"


class GuardCode(StrEnum):
    """Why the removals of a sweep were refused together."""

    GUARD_COUNT = "GUARD_COUNT"
    GUARD_PERCENT = "GUARD_PERCENT"
    GUARD_EMPTY = "GUARD_EMPTY"
    REGISTRY_SHRANK = "REGISTRY_SHRANK"
