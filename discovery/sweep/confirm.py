"""Ask AWS again, just before the write, for the one fact that a removal or rename rests on.

R3 and R12: any other answer than the expected one, and no answer, leaves the registration
as it is. Nothing here is taken from the scan that the plan was made from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from discovery.aws.caches import describe_cache
from discovery.aws.cloud import Cloud
from discovery.aws.errors import AwsCallFailed
from discovery.aws.sdk_session import Unsigned
from discovery.aws.session import Session
from discovery.aws.tags import read_cache_tags
from discovery.aws.users import read_users_and_groups
from discovery.model.codes import Action, Reason
from discovery.model.ownership import CacheArn, parse_cache_arn
from discovery.model.values import UNKNOWN, Cache, Scope, Tags, UnknownType, UsersAndGroups
from discovery.plan.defect import defect
from discovery.plan.item import Item, hold_instead
from discovery.plan.recheck import Recheck, RenameHolds

_DEPENDS_ON_TAGS = (Reason.UNMATCHED, Reason.EXCLUDED)
_CONCURRENCY = 16


async def confirm_removals(
    items: Sequence[Item],
    cloud: Cloud,
    *,
    recheck: Recheck,
    rename_holds: RenameHolds,
) -> tuple[Item, ...]:
    """Return the items in order; an unconfirmed removal or rename becomes `held/PROOF_FAILED`.

    `OUT_OF_SCOPE` rests on configuration, so nothing is asked for it.
    Raises: nothing that AWS can cause.
    """
    confirming = _Confirming(cloud, recheck, rename_holds)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(confirming.confirm(item)) for item in items]
    return tuple(task.result() for task in tasks)


@dataclass(frozen=True, slots=True)
class _ConfirmationFailure:
    """Why a removal or rename is not confirmed: what was asked, and what came back."""

    message: str


class _Confirming:
    """The confirmations of one sweep in progress."""

    def __init__(self, cloud: Cloud, recheck: Recheck, rename_holds: RenameHolds) -> None:
        self._cloud = cloud
        self._recheck = recheck
        self._rename_holds = rename_holds
        self._slots = asyncio.Semaphore(_CONCURRENCY)
        self._users: dict[Scope, _UsersOfScope] = {}

    async def confirm(self, item: Item) -> Item:
        """Return the item as it is, or held when its reason is not confirmed."""
        if not item.removes or item.reason is Reason.OUT_OF_SCOPE:
            return item
        failure = await self._failure_of(item)
        return item if failure is None else _held(item, failure)

    async def _failure_of(self, item: Item) -> _ConfirmationFailure | None:
        arn = parse_cache_arn(item.arn or "")
        if arn is None:
            return _ConfirmationFailure("the registration names no cache that could be asked about")
        limit = self._cloud.settings.scope_timeout.total_seconds()
        async with self._slots:
            try:
                async with asyncio.timeout(limit) as deadline:
                    account = await self._cloud.accounts.authenticate(arn.account_id)
                    return await self._check(item, arn, account.session(arn.region))
            except AwsCallFailed as failed:
                return _ConfirmationFailure(failed.error.message)
            except Unsigned:
                raise
            except TimeoutError:
                if not deadline.expired():
                    raise
                return _ConfirmationFailure(f"AWS did not answer within {limit:g} s")
            except Exception as error:
                return _ConfirmationFailure(defect("it", "judged", error))

    async def _check(
        self, item: Item, arn: CacheArn, session: Session
    ) -> _ConfirmationFailure | None:
        if item.action is not Action.DELETE:
            return await self._check_rename(item, session)
        cache = await describe_cache(session, arn)
        if cache is None:
            if item.reason in (Reason.ABSENT, Reason.DELETING):
                return None
            return _ConfirmationFailure(
                "AWS does not list it any more; the next sweep counts it as absent"
            )
        status = "in no state that AWS tells" if cache.status is UNKNOWN else cache.status
        if item.reason is Reason.ABSENT:
            return _ConfirmationFailure(f"AWS lists it, as {status}")
        if item.reason is Reason.DELETING:
            return None if status == "deleting" else _ConfirmationFailure(f"it is {status} now")
        return await self._check_reason(item, cache, session)

    async def _check_reason(
        self, item: Item, cache: Cache, session: Session
    ) -> _ConfirmationFailure | None:
        users_and_groups: UsersAndGroups | UnknownType = UNKNOWN
        cache = _with_scanned_facts(cache, item.found)
        if item.reason in _DEPENDS_ON_TAGS:
            cache = replace(cache, tags=await self._tags(session, cache))
        if item.reason is Reason.UNREADY:
            users_and_groups = await self._users_and_groups(session)
        reason = self._recheck(cache, users_and_groups)
        if reason is item.reason:
            return None
        return _ConfirmationFailure(
            f"as it is now, the reason is {reason.value}"
            if reason is not None
            else "as it is now, nothing speaks for its removal"
        )

    async def _check_rename(self, item: Item, session: Session) -> _ConfirmationFailure | None:
        if item.found is None:
            return _ConfirmationFailure(
                "the cache that gives the new name was not found in this scan"
            )
        if not self._cloud.settings.read_tags:
            return None  # then names rest on configuration alone, and there is nothing to ask
        tags = await self._tags(session, item.found)
        if self._rename_holds(replace(item.found, tags=tags)):
            return None
        return _ConfirmationFailure("its tags have changed since they were scanned")

    async def _tags(self, session: Session, cache: Cache) -> Tags:
        """Read the tags of a cache again; none where the configuration switches tags off.

        Raises: AwsCallFailed.
        """
        now = self._cloud.clock()
        if not self._cloud.settings.read_tags:
            return Tags({}, now, confirmed=True)
        return await read_cache_tags(session, cache.arn, now)

    async def _users_and_groups(self, session: Session) -> UsersAndGroups:
        """Read the users and groups of a scope again, once for all items that rest on them."""
        one = self._users.setdefault(session.scope, _UsersOfScope(self._cloud))
        return await one.read(session)


class _UsersOfScope:
    """Users and groups of one scope, read once for all confirmations of a sweep."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._reading = asyncio.Lock()
        self._read: UsersAndGroups | None = None

    async def read(self, session: Session) -> UsersAndGroups:
        """Return the users and groups, reading them when first asked. Raises: AwsCallFailed."""
        async with self._reading:
            if self._read is None:
                self._read = await read_users_and_groups(session, self._cloud.clock())
            return self._read


def _with_scanned_facts(cache: Cache, found: Cache | None) -> Cache:
    """Take what is not asked again from the scan, if it is still the same cache (R1)."""
    if found is None or cache.created_at is UNKNOWN or found.created_at != cache.created_at:
        return cache
    return replace(cache, tags=found.tags, vpc_id=found.vpc_id)


def _held(item: Item, failure: _ConfirmationFailure) -> Item:
    """Replace a removal or rename by an item that leaves the registration as it is."""
    planned = f"{item.action.value}/{item.reason.value}"
    return hold_instead(
        item,
        Reason.PROOF_FAILED,
        f"{planned} was asked about once more and not confirmed: {failure.message}. The "
        "registration stays as it is; the next sweep decides anew",
    )
