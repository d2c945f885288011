"""Tags of ElastiCache's resources, read and written through ElastiCache itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from discovery.sandbox.aws.errors import ModeledError
from discovery.sandbox.aws.services.elasticache import (
    check_tag,
    check_tag_count,
    read_tags,
    service,
    tag_list,
)
from discovery.sandbox.aws.services.elasticache_resources import CACHES, GROUPS, USERS
from discovery.sandbox.aws.services.service import ApiCall, denied


@service.operation("ListTagsForResource")
def list_tags(call: ApiCall) -> Mapping[str, Any]:
    """List all tags of one resource."""
    arn = _resource(call, call.params.text("ResourceName"), "ListTagsForResource")
    return {"TagList": tag_list(call.region.tags.get(arn, {}))}


@service.operation("AddTagsToResource")
def add_tags(call: ApiCall) -> Mapping[str, Any]:
    """Add tags; answer all tags of the resource."""
    tags = read_tags(call.params.structures("Tags"))
    arn = call.params.text("ResourceName")
    return {"TagList": tag_list(add_tags_to(call, arn, tags, action="AddTagsToResource"))}


@service.operation("RemoveTagsFromResource")
def remove_tags(call: ApiCall) -> Mapping[str, Any]:
    """Remove tags; answer those that the resource still has."""
    keys, arn = call.params.texts("TagKeys"), call.params.text("ResourceName")
    return {"TagList": tag_list(remove_tags_from(call, arn, keys, action="RemoveTagsFromResource"))}


def add_tags_to(
    call: ApiCall, arn: str, tags: Mapping[str, str], *, action: str
) -> Mapping[str, str]:
    """Add tags to a resource and return all of them. Raises what `action` answers."""
    for key, value in tags.items():
        check_tag(key, value)
    stored = _resource(call, arn, action)
    together = {**call.region.tags.get(stored, {}), **tags}
    check_tag_count(together)
    return _retag(call, stored, together)


def remove_tags_from(
    call: ApiCall, arn: str, keys: Sequence[str], *, action: str
) -> Mapping[str, str]:
    """Remove the tags of `keys` and return the others. Raises what `action` answers.

    Keys that the resource does not have are passed over, as AWS does.
    """
    stored = _resource(call, arn, action)
    tags = call.region.tags.get(stored, {})
    return _retag(call, stored, {key: tags[key] for key in tags if key not in keys})


def _resource(call: ApiCall, params: str, action: str) -> str:
    """Return the stored ARN of a resource that exists and may be asked for its tags.

    Raises InvalidARN, AccessDenied (another account), the resource's own not-found error, and
    InvalidServerlessCacheStateFault for a cache that is not available.
    """
    parts = params.split(":")
    partition, region = call.account.partition.name, call.region.place.name
    if len(parts) != 7 or parts[:3] != ["arn", partition, "elasticache"] or parts[3] != region:
        raise ModeledError("InvalidARNFault", f"Invalid ARN: {params}")
    if parts[4] != call.account.id:
        raise denied(call, f"elasticache:{action}", params)
    match parts[5]:
        case "serverlesscache":
            cache = CACHES.find(call, parts[6])
            CACHES.check_status(cache)
            return cache.arn
        case "user":
            return USERS.find(call, parts[6]).arn
        case "usergroup":
            return GROUPS.find(call, parts[6]).arn
        case _:
            raise ModeledError("InvalidARNFault", f"Invalid ARN: {params}")


def _retag(call: ApiCall, arn: str, tags: Mapping[str, str]) -> Mapping[str, str]:
    retagging = call.region.delays.retagging
    cache = call.region.caches.get(arn.rpartition(":")[2])
    if retagging and cache is not None and cache.arn == arn:
        CACHES.modify(call, cache, retagging)
    return call.region.set_tags(arn, tags)
