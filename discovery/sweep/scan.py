"""Scan all accounts and regions at once; one that hangs or fails ends only itself.

Accounts are listed, entered and their regions scanned in one pipeline: an account that takes its
time is one more scope that does, and holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from discovery.aws.accounts import Account
from discovery.aws.answer_dates import collect_dates
from discovery.aws.cloud import Cloud
from discovery.aws.error_codes import UNKNOWN_KEY_CODES
from discovery.aws.errors import AwsCallFailed, AwsError, version_1_token
from discovery.aws.regions import AccountRegions, EnabledRegions
from discovery.aws.scope_reader import ScopeQuery, ScopeReading, read_scope
from discovery.aws.sdk_session import Unsigned
from discovery.config.partitions import can_be_disabled
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Arn, Failed, Region, Scanned, Scope
from discovery.plan.backoff import Pause, pauses
from discovery.plan.defect import defect
from discovery.plan.targets import ScopeFilter, Targets, registered_regions
from discovery.sweep.scan_results import ScanResultBuilder
from discovery.sweep.scan_targets import AccountEnumerator
from state.records import RememberedRegions, RememberedState

OnProgress = Callable[[int, int, int], None]
"""Receives the number of scopes done, of those that failed, and of those known so far."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Scan:
    """Results of a scan, and the targets it had."""

    targets: Targets
    results: tuple[Scanned, ...]
    """Sorted by `Scope.key`, each scope of the run once. Where an organization was not listed to
    its end, the agent's own account has a failed entry that says so."""
    regions_read: tuple[RememberedRegions, ...] = ()
    """Lists of enabled regions that were read anew and are worth remembering."""
    aws_time: datetime | None = None
    """The latest `Date` of AWS's answers to this scan: what this machine's clock can be held
    against. None: AWS answered nothing."""


async def scan(
    cloud: Cloud,
    *,
    part: ScopeFilter,
    state: RememberedState,
    named: frozenset[Arn] = frozenset(),
    users: bool = True,
    refresh_users: bool = False,
    refresh_regions: bool = False,
    use_backoff: bool = False,
    at: datetime | None = None,
    deadline: timedelta | None = None,
    on_progress: OnProgress | None = None,
) -> Scan:
    """Scan every scope of this part; a scope that could not be read says why.

    `named`: caches whose tags are read one by one, because an event told of a change.
    `refresh_users`: what earlier scans of this process know of users and groups does not serve.
    `refresh_regions`: lists of enabled regions from earlier runs do not serve.
    `use_backoff`: scopes that keep failing are left alone for a while, unless the part names them.
    `at`: the instant that tags and users count as read; None: now. One for all, not the moment of
    each answer, so that a sweep without news writes next to nothing to state.
    `deadline`: what was not read so long after the beginning is not in this run.
    Raises: nothing that AWS can cause.
    """
    paused = pauses(state.scopes.values(), cloud.clock()) if use_backoff and not part.only else {}
    query = ScopeQuery(
        tags=cloud.settings.read_tags,
        users=users,
        refresh_users=refresh_users,
        named=named,
        remembered=state.caches,
        now=at or cloud.clock(),
    )
    scanning = _Scanning(
        cloud, part, state, paused, query, on_progress, refresh_regions=refresh_regions
    )
    with collect_dates() as dates:
        await scanning.run(deadline)
    return Scan(
        scanning.targets,
        tuple(sorted(scanning.results.values(), key=lambda result: result.scope.key)),
        regions_read=scanning.regions_read,
        aws_time=dates.value,
    )


class _Scanning:
    """One scan in progress."""

    def __init__(
        self,
        cloud: Cloud,
        part: ScopeFilter,
        state: RememberedState,
        paused: Mapping[Scope, Pause],
        query: ScopeQuery,
        on_progress: OnProgress | None,
        *,
        refresh_regions: bool,
    ) -> None:
        self.results: dict[Scope, Scanned] = {}
        self._cloud = cloud
        self._part = part
        self._state = state
        self._registered = registered_regions(state)
        self._paused = paused
        self._query = query
        self._on_progress = on_progress
        self._fresh_regions = refresh_regions
        named = frozenset(scope.account_id for scope in part.only)
        self._enumerator = AccountEnumerator(cloud, named, within=self._within, start=self._begin)
        self._accounts: dict[AccountId, AccountRegions] = {}
        self._entered: set[AccountId] = set()
        self._known: set[Scope] = set()
        self._failed: set[Scope] = set()
        self._slots = asyncio.Semaphore(cloud.settings.concurrency)
        self._group = asyncio.TaskGroup()

    @property
    def targets(self) -> Targets:
        return Targets(
            accounts={account_id: each.known for account_id, each in self._accounts.items()},
            accounts_complete=self._enumerator.complete,
            part=self._part,
        )

    @property
    def regions_read(self) -> tuple[RememberedRegions, ...]:
        lists = (each.read_anew for each in self._accounts.values())
        return tuple(each for each in lists if each is not None)

    async def run(self, limit: timedelta | None) -> None:
        """Scan everything, or as much as the deadline allows."""
        watch = ScanResultBuilder(self._cloud.clock)
        try:
            async with asyncio.timeout(limit.total_seconds() if limit else None) as deadline:
                await self._everything()
        except TimeoutError:
            if limit is None or not deadline.expired():
                raise
            self._give_up(watch, limit)

    def _give_up(self, watch: ScanResultBuilder, limit: timedelta) -> None:
        """Mark what has no result yet, and accounts not listed yet, as not in this run."""
        self._enumerator.complete = False
        entrances = {
            Scope(account_id, None) for account_id in self._accounts.keys() - self._entered
        }
        if not self._enumerator.has_ended:
            entrances.add(Scope(self._cloud.identity.account_id, None))
        for scope in sorted(entrances | self._known, key=lambda scope: scope.key):
            if scope not in self.results and self._part.covers(scope):
                self._finish(watch.not_reached(scope, limit))

    async def _everything(self) -> None:
        async with self._group:
            self._enumerator.start_configured()
            listing = self._group.create_task(self._enumerator.start_organization())
        for failed in listing.result():
            own = self.results.get(failed.scope)
            also = f". {own.message}" if own is not None else ""
            self._finish(replace(failed, message=failed.message + also))

    # -- accounts --------------------------------------------------------------------------------

    def _begin(self, account_id: AccountId) -> None:
        regions = AccountRegions(
            account_id,
            self._cloud.regions,
            self._state.regions.get(account_id),
            self._registered.get(account_id, frozenset()) | self._named(account_id),
            fresh=self._fresh_regions,
        )
        self._accounts[account_id] = regions
        if self._part.covers(Scope(account_id, None)):
            self._group.create_task(self._account(account_id, regions))

    async def _account(self, account_id: AccountId, regions: AccountRegions) -> None:
        """Assume the role of one account and start the scan of its regions."""
        entrance = Scope(account_id, None)
        pause = self._pause_of(entrance)
        watch = ScanResultBuilder(self._cloud.clock)
        if pause is not None:
            self._finish(watch.backing_off(entrance, pause))
            if pause.reason is not ScopeReason.REGIONS_UNREADABLE:
                return
        async with self._slots:
            account = await self._within(self._cloud.accounts.enter(account_id))
            if isinstance(account, AwsError):
                self._finish(watch.failed(entrance, account, 0))
                return
            enabled = self._cloud.enabled_regions(account)
            if pause is not None:
                regions.use_earlier_list(watch.started_at)
            else:
                await self._resolve(entrance, regions, enabled, watch)
        for scope in self._covered(account_id, regions.not_enabled):
            self._finish(watch.not_enabled(scope, 0))
        self._start(account, regions, enabled)

    def _pause_of(self, entrance: Scope) -> Pause | None:
        """Return the back-off of an account.

        None for the agent's own: what failed there may have been its organization.
        """
        if entrance.account_id == self._cloud.identity.account_id:
            return None
        return self._paused.get(entrance)

    async def _resolve(
        self,
        entrance: Scope,
        regions: AccountRegions,
        enabled: EnabledRegions,
        watch: ScanResultBuilder,
    ) -> None:
        fault = await self._within(regions.resolve(enabled, watch.started_at))
        if fault is not None:
            unreadable = AwsError(ScopeReason.REGIONS_UNREADABLE, fault.message)
            self._finish(watch.failed(entrance, unreadable, enabled.requests))

    def _named(self, account_id: AccountId) -> frozenset[Region]:
        """Return the regions of the account that `--only` or an event names."""
        only = (each for each in self._part.only if each.account_id == account_id)
        return frozenset(each.region for each in only if each.region is not None)

    # -- scopes ----------------------------------------------------------------------------------

    def _covered(self, account_id: AccountId, regions: Iterable[Region]) -> list[Scope]:
        scopes = (Scope(account_id, region) for region in regions)
        return sorted(filter(self._part.covers, scopes), key=lambda scope: scope.key)

    def _start(self, account: Account, regions: AccountRegions, enabled: EnabledRegions) -> None:
        """Start the scan of each region of the account that is not scanned yet."""
        self._entered.add(account.account_id)
        for scope in self._covered(account.account_id, regions.known.listed):
            if scope not in self._known:
                self._known.add(scope)
                self._group.create_task(self._scope(account, scope, regions, enabled))

    async def _scope(
        self, account: Account, scope: Scope, regions: AccountRegions, enabled: EnabledRegions
    ) -> None:
        assert scope.region is not None  # noqa: S101 - it is one of the account's regions
        pause = self._paused.get(scope)
        if pause is not None:
            self._finish(ScanResultBuilder(self._cloud.clock).backing_off(scope, pause))
            return
        async with self._slots:
            watch = ScanResultBuilder(self._cloud.clock)
            session = account.session(scope.region)
            reading = await self._within(read_scope(session, self._query, self._cloud.scan_cache))
            if isinstance(reading, ScopeReading):
                self._finish(watch.complete(scope, reading, session.requests))
                return
            is_off: bool | AwsError | None = None
            if reading.code in UNKNOWN_KEY_CODES:
                is_off = await self._within(
                    regions.is_disabled(scope.region, enabled, watch.started_at)
                )
        if is_off is False and can_be_disabled(scope.region):
            reading = version_1_token(reading)
        if is_off is True:
            self._finish(watch.not_enabled(scope, session.requests))
            self._start(account, regions, enabled)
        else:
            self._finish(watch.failed(scope, reading, session.requests))

    async def _within(self, work: Awaitable[Result]) -> Result | AwsError:
        """Run work within the time limit of one scope, and turn its failure into a value."""
        limit = self._cloud.settings.scope_timeout
        try:
            async with asyncio.timeout(limit.total_seconds()) as deadline:
                return await work
        except AwsCallFailed as error:
            return error.fault
        except Unsigned:
            raise
        except TimeoutError:
            if not deadline.expired():
                raise
            return AwsError(
                ScopeReason.TIMEOUT,
                f"not read within {limit.total_seconds():g} s; raise aws.scope_timeout if AWS is "
                "merely slow",
            )
        except Exception as error:
            return AwsError(ScopeReason.MALFORMED, defect("what AWS answered", "read", error))

    def _finish(self, result: Scanned) -> None:
        self.results[result.scope] = result
        self._known.add(result.scope)
        if isinstance(result, Failed):
            self._failed.add(result.scope)
        if self._on_progress is not None:
            self._on_progress(len(self.results), len(self._failed), len(self._known))
