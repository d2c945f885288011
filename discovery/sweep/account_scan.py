"""Scan one account: assume its role, find its regions, and read each of its scopes.

What it is asked and what it tells are plain values, so another process can do it as well
(`scan_workers`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from discovery.aws.accounts import Account
from discovery.aws.cloud import Cloud
from discovery.aws.error_codes import UNKNOWN_KEY_CODES
from discovery.aws.errors import AwsError, version_1_token
from discovery.aws.regions import AccountRegions, EnabledRegions
from discovery.aws.scan_cache import KnownCache
from discovery.aws.scope_reader import ScopeQuery, ScopeReading, read_scope
from discovery.config.aws import Account as AccountEntry
from discovery.config.partitions import can_be_disabled
from discovery.config.regions import RegionChoice
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Arn, Region, Scanned, Scope
from discovery.plan.backoff import Backoff
from discovery.plan.targets import ScopeFilter
from discovery.sweep.scan_results import ScanResultBuilder
from discovery.sweep.scan_targets import in_time_limit
from matchers.regions import RegionList
from state.records import RememberedRegions


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanQuery:
    """What a scan asks of every account."""

    scope_filter: ScopeFilter
    scopes: ScopeQuery
    refresh_regions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTask:
    """One account to scan, and what is known of it already."""

    account_id: AccountId
    entry: AccountEntry | None
    """How to enter it, where an organization's list named it."""
    remembered_regions: RememberedRegions | None
    evidence: frozenset[Region]
    """Regions in which something is registered, has changed, or is asked for."""
    backoffs: Mapping[Scope, Backoff]
    caches: Mapping[Arn, KnownCache]

    def regions(self, choice: RegionChoice, query: ScanQuery) -> AccountRegions:
        """What is known of its regions before it is entered."""
        return AccountRegions(
            self.account_id,
            choice,
            self.remembered_regions,
            self.evidence,
            fresh=query.refresh_regions,
        )


@dataclass(frozen=True, slots=True)
class AccountTargets:
    """The scopes of one account, as far as they are known."""

    account_id: AccountId
    regions: RegionList
    read_anew: RememberedRegions | None = None
    """The list of its enabled regions, when it was read in this scan and is worth remembering."""
    entered: bool = False
    started: tuple[Scope, ...] = ()
    """The scopes whose scan was started."""


class ScanEvents(Protocol):
    """Whom the scan of an account tells what it finds, as it finds it."""

    def add_result(self, result: Scanned) -> None:
        """Take the result of one scope, or of the account."""
        ...

    def set_targets(self, targets: AccountTargets) -> None:
        """Take what is known of the account's scopes now."""
        ...


class AccountScan:
    """The scan of one account, once."""

    def __init__(
        self,
        cloud: Cloud,
        query: ScanQuery,
        task: AccountTask,
        slots: asyncio.Semaphore,
        events: ScanEvents,
    ) -> None:
        """`slots`: how many scopes are read at once, over all accounts."""
        self._cloud = cloud
        self._task = task
        self._filter = query.scope_filter
        self._query = replace(query.scopes, remembered=task.caches)
        self._regions = task.regions(cloud.regions, query)
        self._slots = slots
        self._events = events
        self._started: dict[Scope, None] = {}
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """Scan all of it. Raises: nothing that AWS can cause."""
        async with self._group:
            await self._enter()

    async def _enter(self) -> None:
        """Assume the role, find the regions and start their scans."""
        account_scope = Scope(self._task.account_id, None)
        backoff = self._account_backoff(account_scope)
        builder = ScanResultBuilder(self._cloud.clock)
        if backoff is not None:
            self._events.add_result(builder.backing_off(account_scope, backoff))
            if backoff.reason is not ScopeReason.REGIONS_UNREADABLE:
                return
        async with self._slots:
            authenticating = self._cloud.accounts.authenticate(self._task.account_id)
            account = await in_time_limit(self._cloud, authenticating)
            if isinstance(account, AwsError):
                self._events.add_result(builder.failed(account_scope, account, 0))
                return
            enabled = self._cloud.enabled_regions(account)
            if backoff is not None:
                self._regions.use_earlier_list(builder.started_at)
            else:
                await self._resolve_regions(account_scope, enabled, builder)
        for scope in self._covered_scopes(self._regions.not_enabled):
            self._events.add_result(builder.not_enabled(scope, 0))
        self._start_regions(account, enabled)

    def _account_backoff(self, account_scope: Scope) -> Backoff | None:
        """Find the back-off of the account.

        None for the agent's own: its failed result may be that of the organization's list.
        """
        if account_scope.account_id == self._cloud.identity.account_id:
            return None
        return self._task.backoffs.get(account_scope)

    async def _resolve_regions(
        self, account_scope: Scope, enabled: EnabledRegions, builder: ScanResultBuilder
    ) -> None:
        resolving = self._regions.resolve(enabled, builder.started_at)
        error = await in_time_limit(self._cloud, resolving)
        if error is not None:
            unreadable = AwsError(ScopeReason.REGIONS_UNREADABLE, error.message)
            self._events.add_result(builder.failed(account_scope, unreadable, enabled.requests))

    def _covered_scopes(self, regions: Iterable[Region]) -> list[Scope]:
        scopes = (Scope(self._task.account_id, region) for region in regions)
        return sorted(filter(self._filter.covers, scopes), key=lambda scope: scope.key)

    def _start_regions(self, account: Account, enabled: EnabledRegions) -> None:
        """Start the scan of each region that was not started before."""
        for scope in self._covered_scopes(self._regions.known.listed):
            if scope not in self._started:
                self._started[scope] = None
                self._group.create_task(self._scan_scope(account, scope, enabled))
        self._events.set_targets(
            AccountTargets(
                self._task.account_id,
                self._regions.known,
                self._regions.read_anew,
                entered=True,
                started=tuple(self._started),
            )
        )

    async def _scan_scope(self, account: Account, scope: Scope, enabled: EnabledRegions) -> None:
        assert scope.region is not None  # noqa: S101 - it is one of the account's regions
        backoff = self._task.backoffs.get(scope)
        if backoff is not None:
            builder = ScanResultBuilder(self._cloud.clock)
            self._events.add_result(builder.backing_off(scope, backoff))
            return
        async with self._slots:
            builder = ScanResultBuilder(self._cloud.clock)
            session = account.session(scope.region)
            reading = await in_time_limit(
                self._cloud, read_scope(session, self._query, self._cloud.scan_cache)
            )
            if isinstance(reading, ScopeReading):
                self._events.add_result(builder.complete(scope, reading, session.requests))
                return
            is_off: bool | AwsError | None = None
            if reading.code in UNKNOWN_KEY_CODES:
                checking = self._regions.is_disabled(scope.region, enabled, builder.started_at)
                is_off = await in_time_limit(self._cloud, checking)
        if is_off is False and can_be_disabled(scope.region):
            reading = version_1_token(reading)
        if is_off is True:
            self._events.add_result(builder.not_enabled(scope, session.requests))
        else:
            self._events.add_result(builder.failed(scope, reading, session.requests))
        if is_off is not None:  # the list was read once more, and may hold others
            self._start_regions(account, enabled)
