"""Notice which fields a cluster drops of what is written, and put the cache's name back.

A server older than 18.2.2 drops `spec.aws.elasticache_serverless` without a word
(teleport/README: Versions). There the cache's name is neither compared nor used for identity: it is
put back on reading, from the label `cachemuster/arn`, as long as the URI is of that cache. As soon
as a list shows that the cluster keeps the field, for any database, nothing is put back any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from discovery.model.ownership import (
    ARN_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    CacheArn,
    parse_cache_arn,
)
from discovery.model.values import Database

SERVERLESS: Final = "/spec/aws/elasticache_serverless/cache_name"


class DroppedFields:
    """Whether one cluster keeps cache names, as its lists show."""

    def __init__(self) -> None:
        self._keeps_cache_name = False

    def restore_all(self, databases: Iterable[Database]) -> tuple[Database, ...]:
        """Restore cache names in a list, after learning from it whether the cluster keeps them."""
        found = tuple(databases)
        self._keeps_cache_name = any(_serverless(each.spec) for each in found)
        return tuple(self.restore(each) for each in found)

    def restore(self, database: Database) -> Database:
        """Put the cache's name back, where the cluster cannot have kept it."""
        if self._keeps_cache_name or _serverless(database.spec):
            return database
        cache = parse_cache_arn(database.labels.get(ARN_LABEL, ""))
        is_marked = database.labels.get(MANAGED_BY_LABEL) == MANAGED_BY
        if cache is None or not is_marked or not _is_endpoint_of(database, cache):
            return database
        aws = {**_tree(database.spec, "aws"), "elasticache_serverless": {"cache_name": cache.name}}
        return replace(database, spec={**database.spec, "aws": aws})


def dropped_pointers(sent: Database, read: Database) -> tuple[str, ...]:
    """JSON Pointers of what was sent and is not there when read back."""
    return tuple(sorted(_missing("/spec", sent.spec, read.spec)))


def _missing(pointer: str, sent: Mapping[str, Any], read: Mapping[str, Any]) -> Iterator[str]:
    for key, value in sent.items():
        if isinstance(value, Mapping):
            yield from _missing(f"{pointer}/{key}", value, _tree(read, key))
        elif value and not read.get(key):
            yield f"{pointer}/{key}"


def _is_endpoint_of(database: Database, cache: CacheArn) -> bool:
    """Tell whether the URI is of this cache: hosts begin with its name and a hyphen.

    Source: teleport/README: Endpoint.
    """
    host = database.uri.rpartition("://")[2]
    return host.lower().startswith(f"{cache.name.lower()}-")


def _serverless(spec: Mapping[str, Any]) -> dict[str, Any]:
    return _tree(_tree(spec, "aws"), "elasticache_serverless")


def _tree(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return dict(value) if isinstance(value, Mapping) else {}
