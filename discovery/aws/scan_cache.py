"""Per-process caches of AWS reads, and how long each may be used.

They are empty in a new process. A confirmation never uses them: it asks AWS (R3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from discovery.aws.subnets import SubnetVpcs
from discovery.model.values import Arn, Cache, Scope, Tags, UnknownType, UsersAndGroups

STAYS_UNTAGGED = timedelta(hours=1)
"""How long a cache without tags counts as untagged before its tags are read again.

One that gets tags meanwhile is noticed sooner, since the tagging API then lists it.
"""


class KnownCache(NamedTuple):
    """What is remembered of a cache from earlier sweeps, as far as it saves asking."""

    created_at: datetime | None
    vpc_id: str | None
    vpc_known: bool


class UsersAndGroupsCache:
    """Users and user groups by scope, as they were last read."""

    def __init__(self, lifetime: timedelta) -> None:
        self._lifetime = lifetime
        self._read: dict[Scope, UsersAndGroups] = {}

    def put(self, scope: Scope, known: UsersAndGroups) -> None:
        """Keep what was read of the scope."""
        self._read[scope] = known

    def get(self, scope: Scope, caches: Iterable[Cache], now: datetime) -> UsersAndGroups | None:
        """Get the scope's users and groups if they may still be used for these caches.

        Not when they are older than `aws.iam_refresh`, when some were not read, when a cache names
        a group that is unknown or not `active` (somebody is changing it), or when they were read in
        the future: the clock was set back, so their age is not known.
        """
        known = self._read.get(scope)
        if known is None or not _is_younger(known.read_at, self._lifetime, now):
            return None
        if known.unread_groups or known.unread_users:
            return None
        named = {cache.user_group_id for cache in caches if cache.user_group_id is not None}
        groups = [known.groups.get(group_id) for group_id in named]
        if any(group is None or group.status != "active" for group in groups):
            return None
        return known


class UntaggedCaches:
    """Caches whose own tag list was empty when it was last read."""

    def __init__(self) -> None:
        self._untagged_at: dict[tuple[Arn, datetime | None | UnknownType], datetime] = {}

    def note(self, cache: Cache, tags: Tags) -> None:
        """Note the tags that were just read of the cache itself."""
        if tags.values:
            self._untagged_at.pop((cache.arn, cache.created_at), None)
        else:
            self._untagged_at[cache.arn, cache.created_at] = tags.read_at

    def tags_of(self, cache: Cache, now: datetime) -> Tags | None:
        """Return an empty set of tags, and when it was read; None when they must be read now."""
        read_at = self._untagged_at.get((cache.arn, cache.created_at))
        if read_at is None or not _is_younger(read_at, STAYS_UNTAGGED, now):
            return None
        return Tags({}, read_at, confirmed=False)


def _is_younger(read_at: datetime, span: timedelta, now: datetime) -> bool:
    return timedelta(0) <= now - read_at < span


@dataclass(frozen=True, slots=True)
class ScanCache:
    """Per-process caches: users and groups, untagged caches, VPC of a subnet."""

    users_and_groups: UsersAndGroupsCache
    untagged: UntaggedCaches = field(default_factory=UntaggedCaches)
    vpcs: SubnetVpcs = field(default_factory=SubnetVpcs)
