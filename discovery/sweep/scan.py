"""Scan all accounts and regions at once; one that hangs or fails stops no other.

Accounts are listed, their roles assumed and their regions scanned in one pipeline, so a slow
account delays only its own scopes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from discovery.aws.accounts import Account
from discovery.aws.answer_dates import collect_dates
from discovery.aws.cloud import Cloud
from discovery.aws.error_codes import UNKNOWN_KEY_CODES
from discovery.aws.errors import AwsError, version_1_token
from discovery.aws.regions import AccountRegions, EnabledRegions
from discovery.aws.scope_reader import ScopeQuery, ScopeReading, read_scope
from discovery.config.partitions import can_be_disabled
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Arn, Failed, Region, Scanned, Scope
from discovery.plan.account_names import NOT_LISTED, ListedNames
from discovery.plan.backoff import Backoff, backoffs
from discovery.plan.targets import ScopeFilter, Targets, registered_regions
from discovery.sweep.scan_results import ScanResultBuilder
from discovery.sweep.scan_targets import AccountEnumerator, in_time_limit
from state.records import RememberedRegions, RememberedState

OnProgress = Callable[[int, int, int], None]
"""Receives the number of scopes done, of those that failed, and of those known so far."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Results of a scan, and the targets it had."""

    targets: Targets
    results: tuple[Scanned, ...]
    """Sorted by `Scope.key`, each scope of the run once. An organization that was not listed to its
    end is a failed result of the agent's own account, without a region."""
    regions_read: tuple[RememberedRegions, ...] = ()
    """Lists of enabled regions that were read anew and are worth remembering."""
    listed_names: ListedNames = NOT_LISTED
    aws_time: datetime | None = None
    """The latest `Date` header of AWS's answers to this scan, by which this machine's clock is
    checked. None: AWS answered nothing."""


async def scan(
    cloud: Cloud,
    *,
    scope_filter: ScopeFilter,
    state: RememberedState,
    changed_caches: frozenset[Arn] = frozenset(),
    users: bool = True,
    refresh_users: bool = False,
    refresh_regions: bool = False,
    use_backoff: bool = False,
    at: datetime | None = None,
    deadline: timedelta | None = None,
    on_progress: OnProgress | None = None,
) -> Scan:
    """Scan every scope that `scope_filter` covers; one that could not be read becomes `Failed`.

    `at`: when tags and users count as read (None: now); one instant for the whole scan, so that a
    sweep that finds no change writes little to state. `deadline`: what was not read so long after
    the start is not in this run (R9). The rest is as in `SweepRequest`.
    Raises: nothing that AWS can cause.
    """
    skips = use_backoff and not scope_filter.only
    waiting = backoffs(state.scopes.values(), cloud.clock()) if skips else {}
    query = ScopeQuery(
        tags=cloud.settings.read_tags,
        users=users,
        refresh_users=refresh_users,
        changed_caches=changed_caches,
        remembered=state.caches,
        now=at or cloud.clock(),
    )
    scanning = _Scanning(
        cloud, scope_filter, state, waiting, query, on_progress, refresh_regions=refresh_regions
    )
    with collect_dates() as dates:
        await scanning.run(deadline)
    return Scan(
        scanning.targets,
        tuple(sorted(scanning.results.values(), key=lambda result: result.scope.key)),
        regions_read=scanning.regions_read,
        listed_names=scanning.listed_names,
        aws_time=dates.value,
    )


class _Scanning:
    """One scan in progress."""

    def __init__(
        self,
        cloud: Cloud,
        scope_filter: ScopeFilter,
        state: RememberedState,
        waiting: Mapping[Scope, Backoff],
        query: ScopeQuery,
        on_progress: OnProgress | None,
        *,
        refresh_regions: bool,
    ) -> None:
        self.results: dict[Scope, Scanned] = {}
        self._cloud = cloud
        self._scope_filter = scope_filter
        self._state = state
        self._registered = registered_regions(state)
        self._backoffs = waiting
        self._query = query
        self._on_progress = on_progress
        self._refresh_regions = refresh_regions
        self._enumerator = AccountEnumerator(
            cloud,
            frozenset(scope.account_id for scope in scope_filter.only),
            start=self._start_account,
        )
        self._accounts: dict[AccountId, AccountRegions] = {}
        self._entered_accounts: set[AccountId] = set()
        self._known_scopes: set[Scope] = set()
        self._failed_scopes: set[Scope] = set()
        self._slots = asyncio.Semaphore(cloud.settings.concurrency)
        self._group = asyncio.TaskGroup()

    @property
    def targets(self) -> Targets:
        return Targets(
            accounts={account_id: each.known for account_id, each in self._accounts.items()},
            accounts_complete=self._enumerator.complete,
            scope_filter=self._scope_filter,
        )

    @property
    def listed_names(self) -> ListedNames:
        return ListedNames(self._enumerator.names, self._enumerator.complete)

    @property
    def regions_read(self) -> tuple[RememberedRegions, ...]:
        lists = (each.read_anew for each in self._accounts.values())
        return tuple(each for each in lists if each is not None)

    async def run(self, limit: timedelta | None) -> None:
        """Scan everything, or as much as the deadline allows."""
        builder = ScanResultBuilder(self._cloud.clock)
        try:
            async with asyncio.timeout(limit.total_seconds() if limit else None) as deadline:
                await self._scan_all()
        except TimeoutError:
            if limit is None or not deadline.expired():
                raise
            self._mark_unreached(builder, limit)

    def _mark_unreached(self, builder: ScanResultBuilder, limit: timedelta) -> None:
        """Add a result that says "not in this run" for every scope that has none yet."""
        self._enumerator.complete = False
        account_scopes = {
            Scope(account_id, None) for account_id in self._accounts.keys() - self._entered_accounts
        }
        if not self._enumerator.has_ended:
            account_scopes.add(Scope(self._cloud.identity.account_id, None))
        for scope in sorted(account_scopes | self._known_scopes, key=lambda scope: scope.key):
            if scope not in self.results and self._scope_filter.covers(scope):
                self._add_result(builder.not_reached(scope, limit))

    async def _scan_all(self) -> None:
        async with self._group:
            self._enumerator.start_configured()
            listing = self._group.create_task(self._enumerator.start_organization())
        for failed in listing.result():
            own = self.results.get(failed.scope)
            # The account may have failed as well, and it has one result for both.
            also = f". {own.message}" if own is not None else ""
            self._add_result(replace(failed, message=failed.message + also))

    def _start_account(self, account_id: AccountId) -> None:
        regions = AccountRegions(
            account_id,
            self._cloud.regions,
            self._state.regions.get(account_id),
            self._registered.get(account_id, frozenset()) | self._named_regions(account_id),
            fresh=self._refresh_regions,
        )
        self._accounts[account_id] = regions
        if self._scope_filter.covers(Scope(account_id, None)):
            self._group.create_task(self._scan_account(account_id, regions))

    async def _scan_account(self, account_id: AccountId, regions: AccountRegions) -> None:
        """Assume the role of one account, find its regions and start their scans."""
        account_scope = Scope(account_id, None)
        backoff = self._backoff_of(account_scope)
        builder = ScanResultBuilder(self._cloud.clock)
        if backoff is not None:
            self._add_result(builder.backing_off(account_scope, backoff))
            if backoff.reason is not ScopeReason.REGIONS_UNREADABLE:
                return
        async with self._slots:
            account = await in_time_limit(
                self._cloud, self._cloud.accounts.authenticate(account_id)
            )
            if isinstance(account, AwsError):
                self._add_result(builder.failed(account_scope, account, 0))
                return
            enabled = self._cloud.enabled_regions(account)
            if backoff is not None:
                regions.use_earlier_list(builder.started_at)
            else:
                await self._resolve_regions(account_scope, regions, enabled, builder)
        for scope in self._covered_scopes(account_id, regions.not_enabled):
            self._add_result(builder.not_enabled(scope, 0))
        self._start_regions(account, regions, enabled)

    def _backoff_of(self, account_scope: Scope) -> Backoff | None:
        """Find the back-off of an account.

        None for the agent's own: its failed result may be that of the organization's list.
        """
        if account_scope.account_id == self._cloud.identity.account_id:
            return None
        return self._backoffs.get(account_scope)

    async def _resolve_regions(
        self,
        account_scope: Scope,
        regions: AccountRegions,
        enabled: EnabledRegions,
        builder: ScanResultBuilder,
    ) -> None:
        error = await in_time_limit(self._cloud, regions.resolve(enabled, builder.started_at))
        if error is not None:
            unreadable = AwsError(ScopeReason.REGIONS_UNREADABLE, error.message)
            self._add_result(builder.failed(account_scope, unreadable, enabled.requests))

    def _named_regions(self, account_id: AccountId) -> frozenset[Region]:
        """Return the regions of the account that `--only` or an event names."""
        only = (each for each in self._scope_filter.only if each.account_id == account_id)
        return frozenset(each.region for each in only if each.region is not None)

    def _covered_scopes(self, account_id: AccountId, regions: Iterable[Region]) -> list[Scope]:
        scopes = (Scope(account_id, region) for region in regions)
        return sorted(filter(self._scope_filter.covers, scopes), key=lambda scope: scope.key)

    def _start_regions(
        self, account: Account, regions: AccountRegions, enabled: EnabledRegions
    ) -> None:
        """Start the scan of each region of the account that was not started before."""
        self._entered_accounts.add(account.account_id)
        for scope in self._covered_scopes(account.account_id, regions.known.listed):
            if scope not in self._known_scopes:
                self._known_scopes.add(scope)
                self._group.create_task(self._scan_scope(account, scope, regions, enabled))

    async def _scan_scope(
        self, account: Account, scope: Scope, regions: AccountRegions, enabled: EnabledRegions
    ) -> None:
        assert scope.region is not None  # noqa: S101 - it is one of the account's regions
        backoff = self._backoffs.get(scope)
        if backoff is not None:
            self._add_result(ScanResultBuilder(self._cloud.clock).backing_off(scope, backoff))
            return
        async with self._slots:
            builder = ScanResultBuilder(self._cloud.clock)
            session = account.session(scope.region)
            reading = await in_time_limit(
                self._cloud, read_scope(session, self._query, self._cloud.scan_cache)
            )
            if isinstance(reading, ScopeReading):
                self._add_result(builder.complete(scope, reading, session.requests))
                return
            is_off: bool | AwsError | None = None
            if reading.code in UNKNOWN_KEY_CODES:
                is_off = await in_time_limit(
                    self._cloud, regions.is_disabled(scope.region, enabled, builder.started_at)
                )
        if is_off is False and can_be_disabled(scope.region):
            reading = version_1_token(reading)
        if is_off is True:
            self._add_result(builder.not_enabled(scope, session.requests))
            self._start_regions(account, regions, enabled)
        else:
            self._add_result(builder.failed(scope, reading, session.requests))

    def _add_result(self, result: Scanned) -> None:
        self.results[result.scope] = result
        self._known_scopes.add(result.scope)
        if isinstance(result, Failed):
            self._failed_scopes.add(result.scope)
        if self._on_progress is not None:
            self._on_progress(len(self.results), len(self._failed_scopes), len(self._known_scopes))
