"""What the server reads out of the address of a serverless cache (teleport/README: Endpoint)."""

from __future__ import annotations

import re
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class ServerlessEndpoint:
    """A cache's name and region, as its address spells them."""

    cache_name: str
    region: str


def parse_endpoint(uri: str) -> ServerlessEndpoint | None:
    """The cache behind `uri`, or None when it is no address of a serverless cache."""
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
