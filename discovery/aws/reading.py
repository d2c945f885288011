"""Everything a sweep wants to know of one scope: caches first, the rest where there are any."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from discovery.aws.caches import list_caches
from discovery.aws.faults import AwsFault
from discovery.aws.session import Session
from discovery.aws.subnets import Vpcs
from discovery.aws.tags import read_tags
from discovery.aws.users import read_directory
from discovery.codes import ScopeReason
from discovery.model import UNKNOWN, Arn, Cache, Directory, Tags, UnknownType
from state.records import RememberedCache

Read = TypeVar("Read")

_ENGINES = ("redis", "valkey")
_NEVER_REGISTERED = ("creating", "deleting", "create-failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be read besides the caches, and what is remembered of them."""

    tags: bool
    """False: tags are switched off, and every cache counts as untagged."""
    users: bool
    remembered: Mapping[Arn, RememberedCache]
    now: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a scope."""

    caches: tuple[Cache, ...]
    directory: Directory | UnknownType
    remarks: tuple[str, ...]
    """What could not be read besides, and what to do about it."""


async def read_scope(session: Session, question: Question, vpcs: Vpcs) -> Reading:
    """All caches of the scope, with what else was readable; the rest is unknown.

    Raises: AwsFault when the caches cannot be listed, or anything answers for another account.
    """
    caches = await list_caches(session)
    candidates = tuple(cache for cache in caches if may_be_registered(cache))
    if not candidates:
        return Reading(caches, UNKNOWN, ())
    remarks: list[str] = []
    tags = await _tags(session, candidates, question, remarks)
    subnets = await _or_unknown(vpcs.read(session, candidates), "subnets", remarks)
    directory: Directory | UnknownType = UNKNOWN
    if question.users:
        reading = read_directory(session, question.now)
        directory = await _or_unknown(reading, "users and user groups", remarks)
    completed = {
        cache.arn: replace(
            cache,
            tags=tags.get(cache.arn, UNKNOWN),
            vpc_id=_vpc_of(cache, vpcs, subnets_known=subnets is not UNKNOWN),
        )
        for cache in candidates
    }
    return Reading(
        tuple(completed.get(cache.arn, cache) for cache in caches), directory, tuple(remarks)
    )


def may_be_registered(cache: Cache) -> bool:
    """False for caches that no tag and no user can make a database of."""
    return cache.engine.lower() in _ENGINES and cache.status not in _NEVER_REGISTERED


async def _tags(
    session: Session, candidates: Sequence[Cache], question: Question, remarks: list[str]
) -> Mapping[Arn, Tags]:
    if not question.tags:
        return {cache.arn: Tags({}, question.now, confirmed=True) for cache in candidates}
    reading = await read_tags(session, candidates, question.remembered, question.now)
    if reading.faults:
        unknown = f"tags are unknown for {len(reading.faults)} of {len(candidates)} caches"
        remarks.append(f"{unknown}: {reading.faults[0].message}")
    return reading.tags


def _vpc_of(cache: Cache, vpcs: Vpcs, *, subnets_known: bool) -> str | None | UnknownType:
    vpc_id = vpcs.of(cache)
    if vpc_id is None and cache.subnet_ids and not subnets_known:
        return UNKNOWN
    return vpc_id


async def _or_unknown(
    reading: Awaitable[Read], what: str, remarks: list[str]
) -> Read | UnknownType:
    try:
        return await reading
    except AwsFault as error:
        if error.fault.reason is ScopeReason.WRONG_ACCOUNT:
            raise
        remarks.append(f"{what} are unknown: {error.fault.message}")
        return UNKNOWN
