"""List and describe serverless caches. A list is returned only when read to its end (R1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from discovery.aws.error_codes import NO_SUCH_CACHE
from discovery.aws.errors import AwsCallFailed, AwsError, malformed_response
from discovery.aws.session import Session, deduplicate
from discovery.model.cache_status import HAS_ENDPOINT, is_port_number
from discovery.model.codes import ScopeReason
from discovery.model.interning import intern_text
from discovery.model.ownership import CacheArn, parse_cache_arn
from discovery.model.values import UNKNOWN, Arn, Cache, Endpoint, UnknownType

LIST = "elasticache:DescribeServerlessCaches"
_PAGE = 100
"""The most that the service allows; it refuses more instead of clamping (aws/README: Calls)."""

LONGEST_TEXT = 255
"""Longest status, engine, version or host name that is accepted; real ones are far shorter."""

_EARLIEST_YEAR, _LATEST_YEAR = 2000, 2200
"""No create time lies outside, and arithmetic with extreme years overflows."""


async def list_caches(session: Session) -> tuple[Cache, ...]:
    """List every serverless cache of the scope, by name.

    One that moved from page to page while they were read counts once.
    Raises: AwsCallFailed, and then nothing is known about any of them.
    """
    token = ("NextToken", "NextToken")
    entries = await session.entries(LIST, "ServerlessCaches", token, MaxResults=_PAGE)
    found = _caches_of(entries, session)
    return tuple(sorted(found.values(), key=lambda cache: cache.name))


async def describe_cache(session: Session, arn: CacheArn) -> Cache | None:
    """Describe one cache as it is now; None when AWS says that it does not exist.

    Raises: AwsCallFailed.
    """
    try:
        answer = await session.call(LIST, ServerlessCacheName=arn.name)
    except AwsCallFailed as failed:
        if failed.error.code == NO_SUCH_CACHE:
            return None
        raise
    return _caches_of(answer.get("ServerlessCaches") or (), session).get(arn.arn)


def check_place(arn: str, action: str, session: Session) -> None:
    """Check that an ARN in an answer lies in the scope that was asked (R11).

    Raises: AwsCallFailed, WRONG_ACCOUNT when it names another partition, region or account.
    """
    parts = arn.split(":")
    place = tuple(parts[1:2] + parts[3:5])
    if place != (session.partition, session.region, session.account_id):
        raise AwsCallFailed(
            AwsError(
                ScopeReason.WRONG_ACCOUNT,
                f"{action} in {session.scope} answered with {arn}, which lies elsewhere; look at "
                "the role and at endpoint overrides",
            )
        )


def _caches_of(entries: Iterable[Mapping[str, Any]], session: Session) -> dict[Arn, Cache]:
    """Raises: AwsCallFailed, also when one cache is described twice and not alike."""
    caches = (_cache(entry, session) for entry in entries)
    return deduplicate(((cache.arn, cache) for cache in caches), LIST, session)


def _cache(entry: Mapping[str, Any], session: Session) -> Cache:
    text, name = _text(entry, "ARN"), _text(entry, "ServerlessCacheName")
    if not isinstance(text, str) or not isinstance(name, str):
        raise malformed_response("a cache without ARN or name", LIST, str(session.scope))
    if text.count(":") >= 5:
        check_place(text, LIST, session)
    arn = parse_cache_arn(text)
    if arn is None or arn.name != name:
        raise malformed_response(f"cache {name} has the ARN {text}", LIST, str(session.scope))
    read = {member: reader(entry, member) for member, reader in READERS.values()}
    read["UserGroupId"] = group = _lowered(entry, "UserGroupId")
    bad = tuple(name for name, value in read.items() if isinstance(value, _Malformed))
    facts = {
        field: UNKNOWN if member in bad else read[member] for field, (member, _) in READERS.items()
    }
    return Cache(
        arn=arn.arn,
        partition=arn.partition,
        account_id=arn.account_id,
        region=arn.region,
        name=arn.name,
        **facts,
        major_engine_version=_or_none(_text(entry, "MajorEngineVersion")) or UNKNOWN,
        user_group_id=_or_none(group),
        subnet_ids=_subnets(entry, facts["endpoint"]),
        malformed=bad,
    )


class _Malformed(Enum):
    """Marks a member whose value AWS cannot have meant; the value itself is dropped."""

    MALFORMED = "malformed"


def _text(entry: Mapping[str, Any], name: str) -> str | UnknownType | _Malformed:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        return UNKNOWN
    return intern_text(value) if len(value) <= LONGEST_TEXT else _Malformed.MALFORMED


def _lowered(entry: Mapping[str, Any], name: str) -> str | UnknownType | _Malformed:
    value = _text(entry, name)
    return intern_text(value.lower()) if isinstance(value, str) else value


def _or_none(value: str | UnknownType | _Malformed) -> str | None:
    return value if isinstance(value, str) else None


def _endpoint(entry: Mapping[str, Any], name: str) -> Endpoint | None | UnknownType | _Malformed:
    """Read an endpoint; None if it is left out and the status is one that has none."""
    value = entry.get(name)
    held = value if isinstance(value, Mapping) else {}
    address, port = _text(held, "Address"), held.get("Port")
    if address is _Malformed.MALFORMED or not (port is None or is_port_number(port)):
        return _Malformed.MALFORMED
    if isinstance(address, str) and port is not None:
        return Endpoint(address, port)
    status = _lowered(entry, "Status")
    return None if isinstance(status, str) and status not in HAS_ENDPOINT else UNKNOWN


def _time(entry: Mapping[str, Any], name: str) -> datetime | UnknownType | _Malformed:
    value = entry.get(name)
    if not isinstance(value, datetime):
        return UNKNOWN
    if not _EARLIEST_YEAR <= value.year <= _LATEST_YEAR:
        return _Malformed.MALFORMED
    return value.astimezone(UTC)


READERS: Mapping[str, tuple[str, Callable[[Mapping[str, Any], str], Any]]] = {
    "status": ("Status", _lowered),
    "engine": ("Engine", _text),
    "engine_version": ("FullEngineVersion", _text),
    "endpoint": ("Endpoint", _endpoint),
    "created_at": ("CreateTime", _time),
}
"""How each fact is read: AWS's name and a reader, by its field of `Cache`."""


def _subnets(
    entry: Mapping[str, Any], endpoint: Endpoint | None | UnknownType
) -> tuple[str, ...] | UnknownType:
    """Read the subnets; a public cache has none, and those of any other are unknown if left out."""
    values = entry.get("SubnetIds")
    if isinstance(values, list | tuple):
        return tuple(intern_text(subnet) for subnet in values if subnet)
    return () if isinstance(endpoint, Endpoint) and endpoint.is_public else UNKNOWN
