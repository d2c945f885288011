"""Scans all accounts and regions at once. One that hangs, fails or lies ends only itself.

Accounts are entered and their regions scanned in one pipeline: an account that takes its time is
one more scope that does, and holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from discovery.aws.accounts import Account
from discovery.aws.cloud import Cloud
from discovery.aws.faults import STRANGER_CODES, AwsFault, Fault
from discovery.aws.reading import Question, Reading, read_scope
from discovery.aws.regions import EnabledRegions
from discovery.codes import ScopeReason
from discovery.enrollment.targets import Part, RegionList, Targets
from discovery.model import (
    AccountId,
    Arn,
    Clock,
    Complete,
    Failed,
    Region,
    Scanned,
    Scope,
    Skipped,
)
from state.records import RememberedCache

OnProgress = Callable[[int, int, int], None]
"""Called with how many scopes are done, how many of those failed, and how many are known of."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found, and what it was about."""

    targets: Targets
    results: tuple[Scanned, ...]
    """Sorted by `Scope.key`, each scope of the run once."""


async def scan(
    cloud: Cloud,
    *,
    part: Part,
    remembered: Mapping[Arn, RememberedCache],
    users: bool = True,
    on_progress: OnProgress | None = None,
) -> Scan:
    """Every scope of this part, scanned; a scope that could not be read says why.

    Raises: nothing that AWS can cause.
    """
    scanning = _Scanning(cloud, part, remembered, users=users, on_progress=on_progress)
    async with asyncio.TaskGroup() as group:
        for account_id in cloud.accounts.entries:
            group.create_task(scanning.account(account_id, group))
    targets = Targets(
        accounts=scanning.regions, accounts_complete=cloud.accounts.complete, part=part
    )
    return Scan(targets, tuple(sorted(scanning.results, key=lambda result: result.scope.key)))


class _Scanning:
    """One scan under way."""

    def __init__(
        self,
        cloud: Cloud,
        part: Part,
        remembered: Mapping[Arn, RememberedCache],
        *,
        users: bool,
        on_progress: OnProgress | None,
    ) -> None:
        self.regions: dict[AccountId, RegionList] = {}
        self.results: list[Scanned] = []
        self._cloud = cloud
        self._part = part
        self._remembered = remembered
        self._users = users
        self._on_progress = on_progress
        self._known = 0
        self._failed = 0
        self._slots = asyncio.Semaphore(cloud.settings.concurrency)

    async def account(self, account_id: AccountId, group: asyncio.TaskGroup) -> None:
        """Enters one account and starts the scan of its regions."""
        entrance = Scope(account_id, None)
        choice = self._cloud.regions
        globs = tuple(glob.text for glob in choice.globs)
        self.regions[account_id] = RegionList(choice.literals, complete=not globs, globs=globs)
        if not self._part.covers(entrance):
            return
        async with self._slots:
            watch = _Watch(self._cloud.clock)
            account = await self._within(self._cloud.accounts.enter(account_id))
            if isinstance(account, Fault):
                self._finish(watch.failed(entrance, account, 0))
                return
            enabled = EnabledRegions(account.session(self._cloud.home_region))
            if globs:
                await self._resolve(entrance, enabled, watch)
        listed = (Scope(account_id, region) for region in self.regions[account_id].listed)
        for scope in sorted(filter(self._part.covers, listed), key=lambda scope: scope.key):
            self._known += 1
            group.create_task(self._scope(account, scope, enabled))

    async def _resolve(self, entrance: Scope, enabled: EnabledRegions, watch: _Watch) -> None:
        """Settles which regions the globs take in this account."""
        choice = self._cloud.regions
        regions = await self._within(enabled.read())
        if isinstance(regions, Fault):
            self.regions[entrance.account_id] = RegionList(choice.literals, complete=False)
            unreadable = Fault(ScopeReason.REGIONS_UNREADABLE, regions.message)
            self._finish(watch.failed(entrance, unreadable, enabled.requests))
            return
        self.regions[entrance.account_id] = RegionList(choice.among(regions), complete=True)
        for region in choice.literals - regions:
            scope = Scope(entrance.account_id, region)
            if self._part.covers(scope):
                self._finish(watch.not_enabled(scope, 0))

    async def _scope(self, account: Account, scope: Scope, enabled: EnabledRegions) -> None:
        assert scope.region is not None  # noqa: S101 - it is one of the account's regions
        async with self._slots:
            watch = _Watch(self._cloud.clock)
            session = account.session(scope.region)
            question = Question(
                tags=self._cloud.settings.read_tags,
                users=self._users,
                remembered=self._remembered,
                now=watch.started_at,
            )
            reading = await self._within(read_scope(session, question, self._cloud.vpcs))
            if isinstance(reading, Reading):
                self._finish(watch.complete(scope, reading, session.requests), known=True)
            elif reading.code in STRANGER_CODES and await self._is_off(scope.region, enabled):
                self._leave_out(account.account_id, scope.region)
                self._finish(watch.not_enabled(scope, session.requests), known=True)
            else:
                self._finish(watch.failed(scope, reading, session.requests), known=True)

    async def _is_off(self, region: Region, enabled: EnabledRegions) -> bool:
        regions = await self._within(enabled.read())
        return not isinstance(regions, Fault) and region not in regions

    def _leave_out(self, account_id: AccountId, region: Region) -> None:
        before = self.regions[account_id]
        self.regions[account_id] = RegionList(before.listed - {region}, before.complete)

    async def _within(self, work: Awaitable[Result]) -> Result | Fault:
        """What the work gives, or why it gave nothing, within the time of one scope."""
        limit = self._cloud.settings.scope_timeout
        try:
            async with asyncio.timeout(limit.total_seconds()) as deadline:
                return await work
        except AwsFault as error:
            return error.fault
        except TimeoutError:
            if not deadline.expired():
                raise
            return Fault(
                ScopeReason.TIMEOUT,
                f"not read within {limit.total_seconds():g} s; raise aws.scope_timeout if AWS is "
                "merely slow",
            )

    def _finish(self, result: Scanned, *, known: bool = False) -> None:
        self.results.append(result)
        self._known += not known
        self._failed += isinstance(result, Failed)
        if self._on_progress is not None:
            self._on_progress(len(self.results), self._failed, self._known)


class _Watch:
    """Takes the time of one scope and words its result."""

    def __init__(self, clock: Clock) -> None:
        self.started_at = clock()
        self._started_s = asyncio.get_running_loop().time()

    def _took_s(self) -> float:
        return round(asyncio.get_running_loop().time() - self._started_s, 3)

    def complete(self, scope: Scope, reading: Reading, calls: int) -> Complete:
        return Complete(
            scope=scope,
            started_at=self.started_at,
            duration_s=self._took_s(),
            calls=calls,
            message="; ".join(reading.remarks),
            caches=reading.caches,
            directory=reading.directory,
        )

    def failed(self, scope: Scope, fault: Fault, calls: int) -> Failed:
        return Failed(
            scope=scope,
            started_at=self.started_at,
            duration_s=self._took_s(),
            calls=calls,
            message=f"{fault.message}. Nothing registered there is removed or changed",
            reason=fault.reason,
        )

    def not_enabled(self, scope: Scope, calls: int) -> Skipped:
        return Skipped(
            scope=scope,
            started_at=self.started_at,
            duration_s=self._took_s(),
            calls=calls,
            message=f"region {scope.region} is not enabled in account {scope.account_id}",
            reason=ScopeReason.REGION_NOT_ENABLED,
        )
