"""A `db` on its way in: what the server adds, what it refuses, what it has no field for.

Sources: teleport/README: Validation and teleport/README: Endpoint. The rules are those of the
embedded registry, written once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from discovery.control_plane.embedded.validation import ORIGIN_LABEL, validated
from discovery.model.values import Database, ResourceName
from discovery.sandbox.teleport.messages import Message, fill, to_document

KIND, VERSION, NAMESPACE = "db", "v3", "default"

_SUFFIXES = (".amazonaws.com.cn", ".amazonaws.com")
_DIRECTIONS = {
    "nw": "northwest",
    "ne": "northeast",
    "se": "southeast",
    "sw": "southwest",
    "n": "north",
    "e": "east",
    "w": "west",
    "s": "south",
    "c": "central",
}
_SHORT_REGION = re.compile(
    rf"(?P<area>usg|cn|[a-z]{{2}})(?P<direction>{'|'.join(_DIRECTIONS)})(?P<number>[0-9]+)"
)


def prepare_database(sent: Message, *, knows_serverless: bool) -> Message:
    """Return the resource as it is stored. Raises control_plane.base.Rejected."""
    message = type(sent)()
    message.CopyFrom(sent)
    if ORIGIN_LABEL not in message.metadata.labels:
        message.metadata.labels[ORIGIN_LABEL] = "dynamic"
    validated(database_of(message))
    message.kind, message.version, message.metadata.namespace = KIND, VERSION, NAMESPACE
    if knows_serverless:
        _read_endpoint(message)
    else:
        message.spec.aws.ClearField("elasticache_serverless")
        message.status.aws.ClearField("elasticache_serverless")
    return fill(message)


def database_of(message: Message) -> Database:
    """Return the resource as the rules read it."""
    document = to_document(message)
    metadata: dict[str, Any] = document.get("metadata", {})
    return Database(
        name=ResourceName(metadata.get("name", "")),
        labels=metadata.get("labels", {}),
        description=metadata.get("description", ""),
        spec=document.get("spec", {}),
        metadata={"namespace": metadata.get("namespace", "")},
    )


def _read_endpoint(message: Message) -> None:
    """Fill in what the address of a serverless cache says, where nothing was said."""
    endpoint = parse_endpoint(message.spec.uri)
    if endpoint is None:
        return
    aws = message.spec.aws
    aws.region = aws.region or endpoint.region
    serverless = aws.elasticache_serverless
    serverless.cache_name = serverless.cache_name or endpoint.cache_name


@dataclass(frozen=True, slots=True)
class ServerlessEndpoint:
    """A cache's name and region, as its address spells them."""

    cache_name: str
    region: str


def parse_endpoint(uri: str) -> ServerlessEndpoint | None:
    """Return the cache behind `uri`, or None when it is no address of a serverless cache."""
    host = re.sub(r"^rediss?://", "", uri).partition("?")[0].rpartition(":")[0] or uri
    suffix = next((end for end in _SUFFIXES if host.endswith(end)), None)
    if suffix is None:
        return None
    match host.removesuffix(suffix).split("."):
        case [name, "serverless", short, "cache"]:
            region = _region(short.lower())
            cache_name = name.rpartition("-")[0] or name
            return ServerlessEndpoint(cache_name, region) if region else None
        case _:
            return None


def _region(short: str) -> str | None:
    match = _SHORT_REGION.fullmatch(short)
    if match is None:
        return None
    area = {"usg": "us-gov"}.get(match["area"], match["area"])
    return f"{area}-{_DIRECTIONS[match['direction']]}-{match['number']}"
