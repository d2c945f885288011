"""Check permissions by calls that only read: any answer but a refusal proves one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Iterator, Mapping
from datetime import timedelta
from typing import Final, TypeVar

from discovery.aws.caches import LIST
from discovery.aws.error_codes import NO_SUCH_CACHE
from discovery.aws.errors import AwsCallFailed, AwsError
from discovery.aws.session import Answer, Session
from discovery.aws.subnets import SUBNETS
from discovery.aws.tags import BULK, SINGLE
from discovery.aws.users import GROUPS, USERS
from discovery.model.codes import ScopeReason
from discovery.policies.usage import AwsUsage

CODES_AFTER_PERMISSION: Final = frozenset({NO_SUCH_CACHE, "InvalidServerlessCacheStateFault"})
"""Error codes that AWS returns only after it found the permission."""

INCONCLUSIVE: Final = frozenset(
    {ScopeReason.THROTTLED, ScopeReason.TIMEOUT, ScopeReason.SERVER_ERROR}
)
"""Errors that say nothing about what is allowed."""

Read = TypeVar("Read")
"""Result of a read."""
PermissionResults = Mapping[str, AwsError | None]
"""By action, why it failed; None when it is allowed."""


async def with_timeout(work: Awaitable[Read], limit: timedelta) -> Read | AwsError:
    """Await a read for at most the time of one scope; returns its result or its error."""
    try:
        async with asyncio.timeout(limit.total_seconds()):
            return await work
    except AwsCallFailed as failed:
        return failed.error
    except TimeoutError:
        message = f"no answer within {limit.total_seconds():g} s; raise aws.scope_timeout"
        return AwsError(ScopeReason.TIMEOUT, message)


async def try_permissions(session: Session, usage: AwsUsage, limit: timedelta) -> PermissionResults:
    """Try every permission that a scan of one scope uses."""
    listed = await with_timeout(session.call(LIST, MaxResults=20), limit)
    found: dict[str, AwsError | None] = {LIST: listed if isinstance(listed, AwsError) else None}
    tried = dict(_calls(session, usage, _cache_to_try(session, listed)))
    answers = await asyncio.gather(*(with_timeout(call, limit) for call in tried.values()))
    for action, answer in zip(tried, answers, strict=True):
        failed = isinstance(answer, AwsError) and answer.code not in CODES_AFTER_PERMISSION
        found[action] = answer if isinstance(answer, AwsError) and failed else None
    return found


def _calls(session: Session, usage: AwsUsage, arn: str) -> Iterator[tuple[str, Awaitable[Answer]]]:
    if usage.reads_tags:
        yield SINGLE, session.call(SINGLE, ResourceName=arn)
        filters = ["elasticache:serverlesscache"]
        yield BULK, session.call(BULK, ResourceTypeFilters=filters, ResourcesPerPage=1)
    if usage.reads_users:
        yield USERS, session.call(USERS, MaxRecords=20)
        yield GROUPS, session.call(GROUPS, MaxRecords=20)
    yield SUBNETS, session.call(SUBNETS, MaxResults=5)


def _cache_to_try(session: Session, listed: Answer | AwsError) -> str:
    """ARN of a cache that exists, else of one that does not.

    That a cache is not found is said only to those who may ask.
    """
    caches = () if isinstance(listed, AwsError) else listed.get("ServerlessCaches") or ()
    arns = (each.get("ARN") for each in caches if each.get("Status") == "available")
    name = f"cachemuster-doctor-{secrets.token_hex(4)}"
    place = f"arn:{session.partition}:elasticache:{session.region}:{session.account_id}"
    return next((arn for arn in arns if arn), f"{place}:serverlesscache:{name}")
