"""Tags of ElastiCache's resources, read and written through ElastiCache itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from discovery.sandbox.aws.errors import Modelled
from discovery.sandbox.aws.services import elasticache_caches as caches
from discovery.sandbox.aws.services import elasticache_groups as groups
from discovery.sandbox.aws.services import elasticache_users as users
from discovery.sandbox.aws.services.elasticache import (
    check_tag,
    check_tag_count,
    checked_tags,
    service,
    tag_list,
)
from discovery.sandbox.aws.services.service import Ask, denied
from discovery.sandbox.aws.timed_store import Change


@service.operation("ListTagsForResource")
def list_tags(ask: Ask) -> Mapping[str, Any]:
    """All tags of one resource."""
    arn = _resource(ask, ask.given.text("ResourceName"), "ListTagsForResource")
    return {"TagList": tag_list(ask.region.tags.get(arn, {}))}


@service.operation("AddTagsToResource")
def add_tags(ask: Ask) -> Mapping[str, Any]:
    """All tags of the resource, the new ones among them."""
    tags = checked_tags(ask.given.structures("Tags"))
    arn = ask.given.text("ResourceName")
    return {"TagList": tag_list(add_tags_to(ask, arn, tags, action="AddTagsToResource"))}


@service.operation("RemoveTagsFromResource")
def remove_tags(ask: Ask) -> Mapping[str, Any]:
    """The tags that the resource still has."""
    keys, arn = ask.given.texts("TagKeys"), ask.given.text("ResourceName")
    return {"TagList": tag_list(remove_tags_from(ask, arn, keys, action="RemoveTagsFromResource"))}


def add_tags_to(ask: Ask, arn: str, tags: Mapping[str, str], *, action: str) -> Mapping[str, str]:
    """All tags of the resource after it got `tags` too. Raises what `action` answers."""
    for key, value in tags.items():
        check_tag(key, value)
    stored = _resource(ask, arn, action)
    together = {**ask.region.tags.get(stored, {}), **tags}
    check_tag_count(together)
    return _retag(ask, stored, together)


def remove_tags_from(ask: Ask, arn: str, keys: Sequence[str], *, action: str) -> Mapping[str, str]:
    """The tags of the resource without those of `keys`. Raises what `action` answers.

    Keys that the resource does not have are passed over, as AWS does.
    """
    stored = _resource(ask, arn, action)
    tags = ask.region.tags.get(stored, {})
    return _retag(ask, stored, {key: tags[key] for key in tags if key not in keys})


def _resource(ask: Ask, given: str, action: str) -> str:
    """The ARN of a resource that exists and may be asked for its tags, as it is stored.

    Raises InvalidARN, AccessDenied (another account), the resource's own not-found error, and
    InvalidServerlessCacheStateFault for a cache that is not available.
    """
    parts = given.split(":")
    partition, region = ask.account.partition.name, ask.region.place.name
    if len(parts) != 7 or parts[:3] != ["arn", partition, "elasticache"] or parts[3] != region:
        raise Modelled("InvalidARNFault", f"Invalid ARN: {given}")
    if parts[4] != ask.account.id:
        raise denied(ask, f"elasticache:{action}", given)
    match parts[5]:
        case "serverlesscache":
            return _available_cache(ask, parts[6])
        case "user":
            return users.find(ask, parts[6]).arn
        case "usergroup":
            return groups.find(ask, parts[6]).arn
        case _:
            raise Modelled("InvalidARNFault", f"Invalid ARN: {given}")


def _available_cache(ask: Ask, name: str) -> str:
    cache = caches.find(ask, name)
    caches.check_state(cache, ("available",))
    return cache.arn


def _retag(ask: Ask, arn: str, tags: Mapping[str, str]) -> Mapping[str, str]:
    retagging = ask.region.pace.retagging
    cache = ask.region.caches.get(arn.rpartition(":")[2])
    if retagging and cache is not None and cache.arn == arn:
        busy = replace(cache, status="modifying")
        ask.region.caches.put(cache.name, busy, Change(ask.now + retagging, caches.available))
    return ask.region.set_tags(arn, tags)
