"""The cache that a host name belongs to, and who may log in to it now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from discovery.sandbox.aws.partitions import PARTITIONS, short_code
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.values import Cache, User, UserGroup
from discovery.sandbox.aws.world import Account, World

_ANSWERING = frozenset({"available", "modifying"})
_ENGINES = frozenset({"redis", "valkey"})
_WORKING = frozenset({"active", "modifying"})
"""Statuses in which users and groups work: what is pending does not yet, what goes still does."""

_CODES: Mapping[str, str] = {
    place: short_code(place) for partition in PARTITIONS.values() for place in partition.regions
}
"""What stands for each region in host names."""

DEFAULT = "default"
"""Name of the user that a connection begins as, where it needs no password."""


@dataclass(frozen=True, slots=True)
class ServedCache:
    """A cache that answers, with its place in the simulated AWS."""

    world: World
    account: Account
    region: Region
    cache: Cache

    def refresh(self) -> ServedCache | None:
        """Return the cache as it is now; None when it is no longer there."""
        self.region.advance(self.world.clock())
        cache = self.region.caches.get(self.cache.name)
        if cache is None or cache.host != self.cache.host or cache.status not in _ANSWERING:
            return None
        return replace(self, cache=cache)

    def users(self) -> Mapping[str, User]:
        """Return who may log in, by the name that the engine knows them by."""
        group_id = self.cache.user_group_id
        if not group_id:
            return {DEFAULT: _anybody(self.region)}
        group = self.region.groups.get(group_id)
        if group is None or group.status not in _WORKING or not _fits(group, self.cache):
            return {}
        ids = (each.lower() for each in group.user_ids if each not in group.removing)
        members = (self.region.users.get(each) for each in ids)
        return {
            user.name: user
            for user in members
            if user is not None
            and user.status in _WORKING
            and _fits(user, group)
            and (user.authentication == "iam" or not self.cache.is_public)
        }


def find_cache(world: World, host: str) -> ServedCache | None:
    """Return the cache whose endpoint has this host name; None when no such cache answers."""
    name, _, domain = host.lower().partition(".")
    name = name.rpartition("-")[0]
    places = {place for place, code in _CODES.items() if code in domain.split(".")}
    for account in tuple(world.accounts.values()):
        for place in account.enabled & places:
            region = account.region(place)
            region.advance(world.clock())
            cache = region.caches.get(name)
            if cache is not None and cache.host == host.lower() and cache.engine in _ENGINES:
                return ServedCache(world, account, region, cache).refresh()
    return None


def _fits(part: User | UserGroup, whole: UserGroup | Cache) -> bool:
    """Return whether a user may be in a group, or a group on a cache, by their engines.

    Source: aws/README: Users and groups.
    """
    return part.engine != "valkey" or whole.engine == "valkey"


def _anybody(region: Region) -> User:
    """Return the default user of a cache without access control."""
    return User(
        id=DEFAULT,
        name=DEFAULT,
        arn=region.place.arn("elasticache", f"user:{DEFAULT}"),
        engine="redis",
        access_string="on ~* +@all",
        authentication="no-password",
    )
