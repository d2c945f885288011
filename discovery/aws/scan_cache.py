"""What a process knows of AWS from its earlier sweeps, and how long that may stand in for asking.

A new process knows nothing. A proof never looks here: it asks (R3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from discovery.aws.subnets import Vpcs
from discovery.model.values import Arn, Cache, Scope, Tags, UnknownType, UsersAndGroups

STAYS_UNTAGGED = timedelta(hours=1)
"""So long a cache that had no tags counts as untagged without being asked itself. One that gets
tags meanwhile is seen sooner: the tagging API then knows it."""


class UsersAndGroupsCache:
    """Users and user groups by scope, as they were last read."""

    def __init__(self, lifetime: timedelta) -> None:
        self._lifetime = lifetime
        self._read: dict[Scope, UsersAndGroups] = {}

    def keep(self, scope: Scope, directory: UsersAndGroups) -> None:
        """This is what the scope's directory is now."""
        self._read[scope] = directory

    def get(self, scope: Scope, caches: Iterable[Cache], now: datetime) -> UsersAndGroups | None:
        """The scope's directory if it may still be used for these caches.

        Not when it is older than `aws.iam_refresh`, nor when a cache names a group that is not in
        it or was about to change: somebody is at work there. Nor when some of it was not told, nor
        when it was read at a time that has yet to come: the clock was set back, and for how long it
        is true nobody knows.
        """
        directory = self._read.get(scope)
        if directory is None or not _is_younger(directory.read_at, self._lifetime, now):
            return None
        if directory.unread_groups or directory.unread_users:
            return None
        named = {cache.user_group_id for cache in caches if cache.user_group_id is not None}
        groups = [directory.groups.get(group_id) for group_id in named]
        if any(group is None or group.status != "active" for group in groups):
            return None
        return directory


class Untagged:
    """Caches that said of themselves that they have no tags."""

    def __init__(self) -> None:
        self._said: dict[tuple[Arn, datetime | None | UnknownType], datetime] = {}

    def note(self, cache: Cache, tags: Tags) -> None:
        """What the cache said of its tags just now."""
        if tags.values:
            self._said.pop((cache.arn, cache.created_at), None)
        else:
            self._said[cache.arn, cache.created_at] = tags.read_at

    def tags_of(self, cache: Cache, now: datetime) -> Tags | None:
        """No tags, with the time they were read; None when the cache has to be asked."""
        read_at = self._said.get((cache.arn, cache.created_at))
        if read_at is None or not _is_younger(read_at, STAYS_UNTAGGED, now):
            return None
        return Tags({}, read_at, confirmed=False)


def _is_younger(read_at: datetime, span: timedelta, now: datetime) -> bool:
    return timedelta(0) <= now - read_at < span


@dataclass(frozen=True, slots=True)
class ScanCache:
    """All of it."""

    directories: UsersAndGroupsCache
    untagged: Untagged = field(default_factory=Untagged)
    vpcs: Vpcs = field(default_factory=Vpcs)
