"""Per-process caches of AWS reads, and how long each may stand in for asking.

A new process knows nothing. A proof never looks here: it asks (R3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from discovery.aws.subnets import SubnetVpcs
from discovery.model.values import Arn, Cache, Scope, Tags, UnknownType, UsersAndGroups

STAYS_UNTAGGED = timedelta(hours=1)
"""How long a cache without tags counts as untagged without being asked itself.

One that gets tags meanwhile is seen sooner: the tagging API then knows it.
"""


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

        Not when they are older than `aws.iam_refresh`, nor when a cache names a group that is not
        among them or was about to change: somebody is at work there. Nor when some were not read,
        nor when they were read at a time that has yet to come: the clock was set back, and for how
        long it is true nobody knows.
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
    """Caches that said of themselves that they have no tags."""

    def __init__(self) -> None:
        self._untagged_at: dict[tuple[Arn, datetime | None | UnknownType], datetime] = {}

    def note(self, cache: Cache, tags: Tags) -> None:
        """Note what the cache said of its tags just now."""
        if tags.values:
            self._untagged_at.pop((cache.arn, cache.created_at), None)
        else:
            self._untagged_at[cache.arn, cache.created_at] = tags.read_at

    def tags_of(self, cache: Cache, now: datetime) -> Tags | None:
        """Give no tags, with the time they were read; None when the cache has to be asked."""
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
