"""A cache as a Teleport `db` resource, and how resources differ and are merged.

See discovery/README: Registrations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from discovery.model.values import Change, Database, Document, KnownCache, ResourceName

_ABSENT: Final = object()
_DEFAULT_PORT = "6379"
_OURS_IN_AWS = ("region", "account_id", "assume_role_arn", "external_id")


@dataclass(frozen=True, slots=True)
class ConnectRole:
    """How a Database Service reaches a cache's account: the role it assumes, filled in."""

    assume_role_arn: str
    external_id: str | None = None


def desired_database(
    cache: KnownCache, name: ResourceName, labels: Mapping[str, str], connect: ConnectRole | None
) -> Database:
    """Make the `db` resource of a cache (control_plane/README: Fields).

    The cache must have an endpoint.
    """
    assert cache.endpoint is not None  # noqa: S101 - eligibility was judged before
    aws: dict[str, Any] = {
        "region": str(cache.region),
        "account_id": str(cache.account_id),
        "elasticache_serverless": {"cache_name": cache.name},
    }
    if connect is not None:
        aws["assume_role_arn"] = connect.assume_role_arn
        if connect.external_id:
            aws["external_id"] = connect.external_id
    return Database(
        name=name,
        labels=dict(labels),
        description=f"ElastiCache Serverless cache in {cache.region}",
        spec={"protocol": "redis", "uri": cache.endpoint.uri, "aws": aws},
    )


def merge_into_live(desired: Database, live: Database, keeps: Callable[[str], bool]) -> Database:
    """Merge `desired` onto `live` so that nobody else's settings are lost.

    Labels are ours as a whole, but for those whose key `keeps`; in `spec` what we do not set stays
    as read (R7).
    """
    theirs = ((key, live.labels[key]) for key in live.labels if key not in desired.labels)
    kept = {key: value for key, value in theirs if keeps(key)}
    return Database(
        name=desired.name,
        labels={**kept, **desired.labels},
        description=desired.description,
        spec=_merged_spec(desired.spec, live.spec),
        metadata=live.metadata,
        revision=live.revision,
        opaque=live.opaque,
    )


def _merged_spec(desired: Document, live: Document) -> dict[str, Any]:
    theirs = {key: value for key, value in _tree(live, "aws").items() if key not in _OURS_IN_AWS}
    wanted = dict(desired["aws"])
    serverless = _tree(theirs, "elasticache_serverless")
    wanted["elasticache_serverless"] = {**serverless, **wanted["elasticache_serverless"]}
    return {**live, **desired, "aws": {**theirs, **wanted}}


def _tree(document: Document, key: str) -> dict[str, Any]:
    value = document.get(key)
    return dict(value) if isinstance(value, Mapping) else {}


def three_way_merge(planned: Database, listed: Database, fresh: Database) -> Database:
    """Apply the changes of a plan to a resource as it is now, keeping what others changed since.

    The plan was made from `listed`; `fresh` was read just now. Fields that the plan changes are as
    planned, all others as in `fresh`, with its `revision` and `opaque`.
    """
    return replace(
        planned,
        labels=_merged_tree(listed.labels, planned.labels, fresh.labels),
        description=_merged_value(listed.description, planned.description, fresh.description),
        spec=_merged_tree(listed.spec, planned.spec, fresh.spec),
        metadata=_merged_tree(listed.metadata, planned.metadata, fresh.metadata),
        revision=fresh.revision,
        opaque=fresh.opaque,
    )


def _merged_value(listed: Any, planned: Any, fresh: Any) -> Any:
    if planned in (listed, fresh):
        return fresh
    if isinstance(planned, Mapping) and isinstance(fresh, Mapping):
        return _merged_tree(listed if isinstance(listed, Mapping) else {}, planned, fresh)
    return planned


def _merged_tree(
    listed: Mapping[str, Any], planned: Mapping[str, Any], fresh: Mapping[str, Any]
) -> dict[str, Any]:
    keys = [*planned, *(key for key in fresh if key not in planned)]
    found = {
        key: _merged_value(
            listed.get(key, _ABSENT), planned.get(key, _ABSENT), fresh.get(key, _ABSENT)
        )
        for key in keys
    }
    return {key: value for key, value in found.items() if value is not _ABSENT}


def changes_between(old: Database, new: Database) -> tuple[Change, ...]:
    """List every leaf in which two resources differ, sorted by JSON Pointer."""
    if old == new:
        return ()
    found = _differences("", old.document(), new.document())
    return tuple(sorted(found, key=lambda change: change.field))


def _differences(pointer: str, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in old.keys() | new.keys():
            escaped = str(key).replace("~", "~0").replace("/", "~1")
            yield from _differences(f"{pointer}/{escaped}", old.get(key), new.get(key))
    elif old != new:
        yield Change(pointer, old, new)


def address_of(uri: str) -> str:
    """Read host and port, in lower case, from a URI in any form that Teleport takes.

    For `redis` (teleport/README: Validation).
    """
    place = re.split("[/?]", uri.rpartition("://")[2], maxsplit=1)[0].lower()
    host, colon, port = place.rpartition(":")
    return place if colon and port.isdigit() and host else f"{place.rstrip(':')}:{_DEFAULT_PORT}"
