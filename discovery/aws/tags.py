"""Read the tags of caches: in bulk where that can be trusted, one by one where it cannot.

The tagging API gives a hundred caches a page, but it lags behind new caches, remembers deleted
ones, and leaves out those that never had a tag (aws/README: Tagging API). So it answers
only for caches that this program has known for a while, and its silence means nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from discovery.aws.caches import check_place
from discovery.aws.errors import AwsCallFailed, AwsError, malformed_response
from discovery.aws.scan_cache import KnownCache, UntaggedCaches
from discovery.aws.session import Session
from discovery.model.codes import ScopeReason
from discovery.model.interning import intern_text
from discovery.model.values import UNKNOWN, Arn, Cache, Tags

BULK = "tag:GetResources"
SINGLE = "elasticache:ListTagsForResource"

TAG_INDEX_LAG = timedelta(hours=24)
"""How long the tagging API may lack a new cache, or show tags of an earlier one of its name."""

AT_ONCE = 8
"""Single reads in flight in one scope."""

_RESOURCE_TYPE = "elasticache:serverlesscache"
_PAGE = 100


@dataclass(frozen=True, slots=True)
class TagReading:
    """What was read of the tags of a scope's caches."""

    tags: Mapping[Arn, Tags]
    """By cache, where they were read; those of other caches are unknown, not empty."""
    errors: tuple[AwsError, ...] = ()
    """Why tags are unknown, one for each cache."""
    bulk_error: AwsError | None = None
    """Why caches that the bulk answer should have had were asked one by one."""


async def read_tags(
    session: Session,
    caches: Iterable[Cache],
    remembered: Mapping[Arn, KnownCache],
    untagged: UntaggedCaches,
    now: datetime,
    changed_caches: frozenset[Arn] = frozenset(),
) -> TagReading:
    """Read the tags of these caches: in bulk where that can be trusted, else one by one.

    `untagged`: caches known to have no tags, so that they are not asked each time.
    `changed_caches`: reported as changed by an event; the bulk answer may be older than that.

    Raises: AwsCallFailed for WRONG_ACCOUNT only.
    """
    every = tuple(caches)
    indexed = [
        cache
        for cache in every
        if cache.arn not in changed_caches and is_indexed(cache, remembered.get(cache.arn), now)
    ]
    # For a single cache a bulk read costs as much as reading its own tags, which is more exact.
    bulk = await _read_bulk_or_error(session) if len(indexed) > 1 else _BulkAnswer()
    known = {
        cache.arn: Tags(bulk.tags[cache.arn], now, confirmed=False)
        for cache in indexed
        if cache.arn in bulk.tags
    }
    for cache in indexed if bulk.is_read else ():  # the bulk answer shows if one got tags
        if cache.arn not in known and (none := untagged.tags_of(cache, now)) is not None:
            known[cache.arn] = none
    rest = tuple(cache for cache in every if cache.arn not in known)
    singly = await _read_one_by_one(session, (cache.arn for cache in rest), now)
    for cache in rest:
        if cache.arn in singly.tags:
            untagged.note(cache, singly.tags[cache.arn])
    return TagReading({**known, **singly.tags}, singly.errors, bulk.error)


def is_indexed(cache: Cache, remembered: KnownCache | None, now: datetime) -> bool:
    """Tell whether the tagging API can be trusted about a cache.

    It can once a day has passed since the cache was created, and if it is the remembered one (R1).
    """
    if remembered is None or cache.created_at is None or cache.created_at is UNKNOWN:
        return False
    return remembered.created_at == cache.created_at and now - cache.created_at >= TAG_INDEX_LAG


async def read_cache_tags(session: Session, arn: Arn, now: datetime) -> Tags:
    """Read the tags of one cache itself; they count as confirmed.

    Raises: AwsCallFailed, also for a cache that is not available just now.
    """
    answer = await session.call(SINGLE, ResourceName=arn)
    values = _tag_values(answer.get("TagList") or ())  # the SDK shows an empty list as none
    if values is None:
        what = "a tag without a key, or two values of one key"
        raise malformed_response(what, SINGLE, str(session.scope))
    return Tags(values, now, confirmed=True)


@dataclass(frozen=True, slots=True)
class _BulkAnswer:
    """Answer of the tagging API; empty when it was not asked."""

    tags: Mapping[Arn, Mapping[str, str]] = field(default_factory=dict)
    is_read: bool = False
    error: AwsError | None = None


async def _read_bulk_or_error(session: Session) -> _BulkAnswer:
    """Read tags in bulk; after a failure nothing is known, and every cache is asked singly."""
    try:
        return await _read_bulk(session)
    except AwsCallFailed as failed:
        if failed.error.reason is ScopeReason.WRONG_ACCOUNT:
            raise
        return _BulkAnswer(error=failed.error)


async def _read_bulk(session: Session) -> _BulkAnswer:
    entries = await session.entries(
        BULK,
        "ResourceTagMappingList",
        ("PaginationToken", "PaginationToken"),
        ResourceTypeFilters=[_RESOURCE_TYPE],
        ResourcesPerPage=_PAGE,
    )
    found: dict[Arn, Mapping[str, str]] = {}
    malformed: AwsError | None = None
    contradicted: set[Arn] = set()
    for entry in entries:
        arn = entry.get("ResourceARN") if isinstance(entry, Mapping) else None
        values = None
        if isinstance(arn, str) and arn:
            check_place(arn, BULK, session)
            values = _tag_values(entry.get("Tags"))
            if values is None or found.setdefault(Arn(arn), values) != values:
                contradicted.add(Arn(arn))
        if values is None:
            malformed = malformed_response(
                "an entry without ARN or tags", BULK, str(session.scope)
            ).error
    # A cache without usable tags, or with two answers, is asked singly, as if it was not listed.
    usable = {arn: values for arn, values in found.items() if arn not in contradicted}
    if malformed is None and contradicted:
        malformed = malformed_response("two answers for one ARN", BULK, str(session.scope)).error
    return _BulkAnswer(usable, is_read=True, error=malformed)


async def _read_one_by_one(session: Session, arns: Iterable[Arn], now: datetime) -> TagReading:
    slots = asyncio.Semaphore(AT_ONCE)

    async def read(arn: Arn) -> Tags | AwsError:
        async with slots:
            try:
                return await read_cache_tags(session, arn, now)
            except AwsCallFailed as failed:
                return failed.error

    asked = tuple(arns)
    async with asyncio.TaskGroup() as group:
        reads = [group.create_task(read(arn)) for arn in asked]
    results = [task.result() for task in reads]
    tags = {
        arn: result for arn, result in zip(asked, results, strict=True) if isinstance(result, Tags)
    }
    return TagReading(tags, tuple(result for result in results if isinstance(result, AwsError)))


def _tag_values(entries: Any) -> dict[str, str] | None:
    """Read tags as a mapping; None when they were left out, or one is unusable.

    Unusable is one without a key or with a value that is no text, and one key with two values. A
    value that is missing is empty: so AWS documents it.
    """
    if not isinstance(entries, list | tuple):
        return None
    values: dict[str, str] = {}
    for entry in entries:
        key = entry.get("Key") if isinstance(entry, Mapping) else None
        value = entry.get("Value", "") if isinstance(entry, Mapping) else None
        if not isinstance(key, str) or not key or not isinstance(value, str):
            return None
        if values.setdefault(intern_text(key), intern_text(value)) != value:
            return None
    return values
