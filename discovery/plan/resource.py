"""A cache as a Teleport `db` resource, and how one resource differs from another.

See discovery/README: Registrations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from discovery.model.values import Change, Database, Document, KnownCache, ResourceName

_DEFAULT_PORT = "6379"
_OURS_IN_AWS = ("region", "account_id", "assume_role_arn", "external_id")


@dataclass(frozen=True, slots=True)
class Connect:
    """How a Database Service reaches a cache's account: the role it assumes, filled in."""

    assume_role_arn: str
    external_id: str | None = None


def desired_database(
    cache: KnownCache, name: ResourceName, labels: Mapping[str, str], connect: Connect | None
) -> Database:
    """The resource that stands for a cache (control_plane/README: Fields).

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


def merged(desired: Database, live: Database, keeps: Callable[[str], bool]) -> Database:
    """What to write so that `live` becomes `desired` and nobody else's settings are lost.

    Labels are ours as a whole, but for those whose key `keeps`; in `spec` what we do not set stays
    as read (R7).
    """
    kept = {key: value for key, value in live.labels.items() if keeps(key)}
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


def changes_between(old: Database, new: Database) -> tuple[Change, ...]:
    """Every leaf in which two resources differ, sorted by JSON Pointer."""
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
    """Host and port in lower case, of a URI in any form that Teleport takes for `redis`
    (teleport/README: Validation)."""
    place = re.split("[/?]", uri.rpartition("://")[2], maxsplit=1)[0].lower()
    host, colon, port = place.rpartition(":")
    return place if colon and port.isdigit() and host else f"{place.rstrip(':')}:{_DEFAULT_PORT}"
