"""The serverless caches of a scope. Only a list that was read to its end is returned (R1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from discovery.aws.faults import NO_SUCH_CACHE, AwsFault, Fault, nonsense
from discovery.aws.session import Session
from discovery.codes import ScopeReason
from discovery.enrollment.ownership import CacheArn, parse_cache_arn
from discovery.model import Arn, Cache, Endpoint
from discovery.texts import once

LIST = "elasticache:DescribeServerlessCaches"
_PAGE = 100
"""The most that the service allows; it refuses more instead of clamping (reference §1)."""


async def list_caches(session: Session) -> tuple[Cache, ...]:
    """Every serverless cache of the scope, in the order of their names.

    One that moved from page to page while they were read counts once, as it was described last.
    Raises: AwsFault, and then nothing is known about any of them.
    """
    found: dict[Arn, Cache] = {}
    token = ("NextToken", "NextToken")
    for entry in await session.entries(LIST, "ServerlessCaches", token, MaxResults=_PAGE):
        cache = _cache(entry, session)
        found[cache.arn] = cache
    return tuple(sorted(found.values(), key=lambda cache: cache.name))


async def describe_cache(session: Session, arn: CacheArn) -> Cache | None:
    """One cache as it is now; None when AWS says that it does not exist.

    Raises: AwsFault
    """
    try:
        answer = await session.call(LIST, ServerlessCacheName=arn.name)
    except AwsFault as error:
        if error.fault.code == NO_SUCH_CACHE:
            return None
        raise
    described = [_cache(entry, session) for entry in answer.get("ServerlessCaches") or ()]
    return next((cache for cache in described if cache.arn == arn.arn), None)


def check_place(arn: str, action: str, session: Session) -> None:
    """Holds an ARN in an answer against the scope that was asked (R11).

    Raises: AwsFault, WRONG_ACCOUNT when it names another partition, region or account.
    """
    parts = arn.split(":")
    place = tuple(parts[1:2] + parts[3:5])
    if place != (session.partition, session.region, session.account_id):
        raise AwsFault(
            Fault(
                ScopeReason.WRONG_ACCOUNT,
                f"{action} in {session.scope} answered with {arn}, which lies elsewhere; look at "
                "the role and at endpoint overrides",
            )
        )


def _cache(entry: Mapping[str, Any], session: Session) -> Cache:
    text, name = _text(entry, "ARN"), _text(entry, "ServerlessCacheName")
    if not text or not name:
        raise nonsense("a cache without ARN or name", LIST, str(session.scope))
    if text.count(":") >= 5:
        check_place(text, LIST, session)
    arn = parse_cache_arn(text)
    if arn is None or arn.name != name:
        raise nonsense(f"cache {name} has the ARN {text}", LIST, str(session.scope))
    return Cache(
        arn=arn.arn,
        partition=arn.partition,
        account_id=arn.account_id,
        region=arn.region,
        name=arn.name,
        status=_text(entry, "Status").lower(),
        engine=_text(entry, "Engine"),
        engine_version=_text(entry, "FullEngineVersion"),
        major_engine_version=_text(entry, "MajorEngineVersion"),
        endpoint=_endpoint(entry.get("Endpoint")),
        created_at=_time(entry.get("CreateTime")),
        user_group_id=_text(entry, "UserGroupId").lower() or None,
        subnet_ids=tuple(once(subnet) for subnet in entry.get("SubnetIds") or () if subnet),
    )


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return once(value) if isinstance(value, str) else ""


def _endpoint(value: Any) -> Endpoint | None:
    if not isinstance(value, Mapping) or not value.get("Address") or not value.get("Port"):
        return None
    return Endpoint(once(value["Address"]), value["Port"])


def _time(value: Any) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None
