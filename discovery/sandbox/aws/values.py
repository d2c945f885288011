"""Values that an account holds: caches, users, user groups, subnets, roles. All are frozen."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

NO_TAGS: Mapping[str, str] = {}
NO_MEMBERS: Mapping[str, object] = {}


def hash_password(password: str) -> str:
    """Return the SHA-256 of a password in hex, the form in which Redis keeps it."""
    return hashlib.sha256(password.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Cache:
    """An ElastiCache serverless cache."""

    name: str
    arn: str
    engine: str
    major_version: str
    full_version: str
    status: str
    created_at: datetime
    host: str
    port: int
    reader_port: int
    user_group_id: str | None = None
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    description: str = ""
    is_public: bool = False
    """Reached from the internet: another host form, no VPC (since 2026-09-29)."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Members that the sandbox only stores: usage limits, snapshots, the KMS key."""
    wire: Mapping[str, object] = field(default_factory=dict)
    """Members that replace the true ones in answers; None leaves a member out."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of Valkey or Redis OSS."""

    id: str
    name: str
    arn: str
    engine: str
    access_string: str
    authentication: str
    """`iam`, `password` or `no-password`, as answers spell it."""
    password_count: int = 0
    password_hashes: tuple[str, ...] = ()
    """`hash_password` of each password that a request has set."""
    status: str = "active"
    wire: Mapping[str, object] = field(default_factory=dict)
    """As `Cache.wire`."""


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A group of users; a cache has at most one."""

    id: str
    arn: str
    engine: str
    user_ids: tuple[str, ...]
    status: str = "active"
    adding: tuple[str, ...] = ()
    removing: tuple[str, ...] = ()
    wire: Mapping[str, object] = field(default_factory=dict)
    """As `Cache.wire`."""

    def with_changes_done(self) -> "UserGroup":
        """Return the group active, with its new members, and no pending changes."""
        staying = tuple(user_id for user_id in self.user_ids if user_id not in self.removing)
        members = (*staying, *self.adding)
        return replace(self, status="active", user_ids=members, adding=(), removing=())


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet, with its VPC."""

    id: str
    arn: str
    vpc_id: str
    zone: str
    cidr: str
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role, and who may assume it."""

    name: str
    """With its path, if it has one: `security/cachemuster`."""
    arn: str
    trusted: tuple[str, ...]
    """Account ids, ARNs of users and roles, or subjects of web identity tokens."""
    external_id: str | None = None
    max_session: timedelta = timedelta(hours=1)
    session_name: str | None = None
    """The only name that a session may have; None: any."""
