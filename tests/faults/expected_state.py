"""What should be registered, computed from the simulated world alone.

It shares no code with matchers, names, labels, users and plans of the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.values import Cache
from discovery.sandbox.aws.world import Account, World
from tests.faults.settings import GROUP, Matcher, Settings, excludes, takes

ARN = "cachemuster/arn"
_RESERVED = re.compile(
    "(account-id|region|engine|engine-version|vpc-id|managed-by)"
    "|(cachemuster|teleport[.](dev|internal|hidden))/.*"
)
_LABEL_KEY = re.compile("[a-zA-Z/.0-9_:*-]+")
_NAME = re.compile("[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
NAME_TAGS = ("TeleportDatabaseName", "teleport.dev/database_name")


@dataclass(frozen=True)
class Place:
    """A cache, and where it is."""

    account: Account
    region: Region
    cache: Cache

    @property
    def key(self) -> tuple[str, str]:
        return self.account.id, self.region.place.name

    @property
    def tags(self) -> Mapping[str, str]:
        """Those really on the cache."""
        return self.region.tags.get(self.cache.arn, {})

    def tags_by_index(self, now: datetime) -> Mapping[str, str]:
        """Those that the tagging API shows, late or of a dead namesake."""
        return self.region.tag_index.seen(now).get(self.cache.arn, {})


def caches(world: World) -> Iterator[Place]:
    """Everything that exists, wherever."""
    for account in world.accounts.values():
        for region in account.regions:
            for cache in region.caches.values():
                yield Place(account, region, cache)


def find(world: World, arn: str) -> Place | None:
    """The cache of that ARN."""
    account_id, region_name = scope_of(arn)
    account = world.accounts.get(account_id)
    if account is None:
        return None
    for region in account.regions:
        cache = region.caches.get(arn.rpartition(":")[2])
        if region.place.name == region_name and cache is not None and cache.arn == arn:
            return Place(account, region, cache)
    return None


def scope_of(arn: str) -> tuple[str, str]:
    """Account and region that an ARN names."""
    parts = arn.split(":")
    return parts[4], parts[3]


# -- whether it is wanted --------------------------------------------------------------------------


def taken_by(settings: Settings, place: Place, tags: Mapping[str, str]) -> Matcher | None:
    """The first matcher that takes it with these tags."""
    seen = {key: value for key, value in tags.items() if not _RESERVED.fullmatch(key)}
    return next(
        (
            matcher
            for matcher in settings.matchers
            if takes(matcher, place.key, place.cache, seen) and not excludes(matcher, seen)
        ),
        None,
    )


def no_match_reason(settings: Settings, place: Place, tags: Mapping[str, str]) -> str:
    """Why no matcher takes it: EXCLUDED when nothing but a tag speaks against it."""
    seen = {key: value for key, value in tags.items() if not _RESERVED.fullmatch(key)}
    only_a_tag = any(takes(each, place.key, place.cache, seen) for each in settings.matchers)
    return "EXCLUDED" if only_a_tag else "UNMATCHED"


def is_ineligible(settings: Settings, cache: Cache) -> bool:
    """Whether the cache can never be registered."""
    public = cache.is_public and not settings.enrolls_public
    return cache.engine not in ("redis", "valkey") or cache.status == "create-failed" or public


def is_unfinished(cache: Cache) -> bool:
    """Not there yet: neither a reason to register it nor one to remove it."""
    return cache.status == "creating" or cache.wire.get("Endpoint", "") is None


def is_ready(place: Place) -> bool:
    """Whether some person could log in with IAM."""
    group = place.region.groups.get(place.cache.user_group_id or "")
    if group is None or group.status not in ("active", "modifying"):
        return False
    if group.engine == "valkey" and place.cache.engine == "redis":
        return False
    members = [place.region.users.get(each) for each in group.user_ids]
    return any(
        user is not None
        and user.authentication == "iam"
        and user.id == user.name
        and user.status in ("active", "modifying")
        and user.access_string.split()[0] == "on"
        and user.id not in group.removing
        for user in members
    )


def reasons(
    world: World, settings: Settings, arn: str, *, indexed_at: datetime | None = None
) -> frozenset[str]:
    """Every reason to remove a registration of that cache which is true now; by the tags that the
    tagging API shows at `indexed_at`, if that is given."""
    account_id, region = scope_of(arn)
    account = world.accounts.get(account_id)
    enabled = account.enabled if account is not None else set()
    found: set[str] = set()
    if not settings.covers(account_id, region, enabled):
        found.add("OUT_OF_SCOPE")
    place = find(world, arn)
    if place is None:
        return frozenset(found | {"ABSENT"})
    if place.cache.status == "deleting":
        found.add("DELETING")
    if is_ineligible(settings, place.cache):
        found.add("INELIGIBLE")
    tags = place.tags if indexed_at is None else place.tags_by_index(indexed_at)
    matcher = taken_by(settings, place, tags)
    if matcher is None:
        found.add(no_match_reason(settings, place, tags))
    elif matcher.get("deregister_unready") and not is_ready(place):
        found.add("UNREADY")
    return frozenset(found)


def may_be_registered(settings: Settings, place: Place, tags: Mapping[str, str]) -> bool:
    """Whether a new cache with these tags is to be registered."""
    cache, matcher = place.cache, taken_by(settings, place, tags)
    if matcher is None or not settings.covers(*place.key, place.account.enabled):
        return False
    if is_ineligible(settings, cache) or cache.status == "deleting" or is_unfinished(cache):
        return False
    return matcher.get("iam_users") != "require" or is_ready(place)


# -- as what ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """The registration that a wanted cache should have."""

    arn: str
    name: str
    labels: Mapping[str, str]
    uri: str
    may_be_missing: bool
    """Wanted, but nobody who could log in is required of a new one."""

    @property
    def is_legal(self) -> bool:
        return _NAME.fullmatch(self.name) is not None


def expected(world: World, settings: Settings) -> dict[str, Expected]:
    """List the registrations that should exist, by ARN."""
    found = (_expected(place, settings) for place in caches(world))
    return {each.arn: each for each in found if each is not None}


def _expected(place: Place, settings: Settings) -> Expected | None:
    cache, tags = place.cache, place.tags
    if not settings.covers(*place.key, place.account.enabled):
        return None
    if is_ineligible(settings, cache) or cache.status == "deleting" or is_unfinished(cache):
        return None
    matcher = taken_by(settings, place, tags)
    if matcher is None:
        return None
    requires = matcher.get("iam_users") == "require" and not is_ready(place)
    if requires and matcher.get("deregister_unready"):
        return None
    name, discovered = name_of(place, settings)
    return Expected(
        arn=cache.arn,
        name=name,
        labels=_labels(place, matcher, settings, discovered),
        uri=f"{cache.host}:{cache.port}",
        may_be_missing=requires,
    )


def name_of(place: Place, settings: Settings) -> tuple[str, str | None]:
    """The wanted name, and the name before the suffix when there is one."""
    if settings.names_by_tag:
        for key in NAME_TAGS:
            if place.tags.get(key):
                return place.tags[key], None
    base = place.cache.name
    parts = ("elasticache-serverless", place.key[1], place.key[0])
    suffix = "-".join(part for part in parts if part not in base)
    return (f"{base}-{suffix}", base) if suffix else (base, None)


def _labels(
    place: Place, matcher: Matcher, settings: Settings, discovered: str | None
) -> dict[str, str]:
    cache, (account_id, region) = place.cache, place.key
    labels = {
        key: value
        for key, value in place.tags.items()
        if _LABEL_KEY.fullmatch(key) and not _RESERVED.fullmatch(key)
    }
    labels |= matcher.get("labels", {})
    labels |= {
        "account-id": account_id,
        "region": region,
        "engine": cache.engine,
        "engine-version": cache.full_version,
        "teleport.dev/cloud": "AWS",
        "teleport.dev/discovery-type": "elasticache-serverless",
        "teleport.dev/origin": settings.origin,
        "managed-by": "cachemuster",
        "cachemuster/group": GROUP,
        ARN: cache.arn,
        "cachemuster/iam-auth": _verdict(place, matcher),
    }
    if cache.subnet_ids:
        labels["vpc-id"] = place.region.subnets[cache.subnet_ids[0]].vpc_id
    if discovered is not None:
        labels["teleport.internal/discovered-name"] = discovered
    if settings.origin == "cloud":
        labels["teleport.internal/discovery-group-name"] = GROUP
    return labels


def _verdict(place: Place, matcher: Matcher) -> str:
    if matcher.get("iam_users") == "ignore":
        return "unknown"
    return "ready" if is_ready(place) else "not-ready"


# -- whose it is -----------------------------------------------------------------------------------


def owner_of(labels: Mapping[str, str], spec: Mapping[str, Any]) -> str | None:
    """The ARN of the cache that a resource of ours stands for; None when it is not ours."""
    arn = labels.get(ARN, "").split(":")
    if labels.get("managed-by") != "cachemuster" or labels.get("cachemuster/group") != GROUP:
        return None
    aws = spec.get("aws") or {}
    said = (aws.get("region"), aws.get("account_id"))
    name = (aws.get("elasticache_serverless") or {}).get("cache_name")
    agrees = len(arn) == 7 and said == (arn[3], arn[4]) and name == arn[6]
    return ":".join(arn) if agrees else None
