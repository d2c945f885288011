"""Scan all accounts and regions at once; one that hangs or fails stops no other.

Accounts are listed, their roles assumed and their regions scanned in one pipeline, so a slow
account delays only its own scopes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from discovery.aws.answer_dates import collect_dates, note_time
from discovery.aws.cloud import Cloud
from discovery.aws.errors import AwsError
from discovery.aws.scope_reader import ScopeQuery
from discovery.model.values import AccountId, Arn, Failed, Scanned, Scope
from discovery.plan.account_names import NOT_LISTED, ListedNames
from discovery.plan.backoff import backoffs
from discovery.plan.targets import ScopeFilter, Targets
from discovery.sweep.account_scan import AccountScan, AccountTargets, AccountTask, ScanQuery
from discovery.sweep.account_tasks import AccountTasks, expected_scopes
from discovery.sweep.scan_results import ScanResultBuilder
from discovery.sweep.scan_targets import AccountEnumerator
from discovery.sweep.scan_workers import ScanWorkers, WorkerScan
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
    workers: ScanWorkers | None = None,
) -> Scan:
    """Scan every scope that `scope_filter` covers; one that could not be read becomes `Failed`.

    `at`: when tags and users count as read (None: now); one instant for the whole scan, so that a
    sweep that finds no change writes little to state. `deadline`: what was not read so long after
    the start is not in this run (R9). The rest is as in `SweepRequest`.
    Raises: nothing that AWS can cause.
    """
    skips = use_backoff and not scope_filter.only
    waiting = backoffs(state.scopes.values(), cloud.clock()) if skips else {}
    query = ScanQuery(
        scope_filter=scope_filter,
        scopes=ScopeQuery(
            tags=cloud.settings.read_tags,
            users=users,
            refresh_users=refresh_users,
            changed_caches=changed_caches,
            now=at or cloud.clock(),
        ),
        refresh_regions=refresh_regions,
    )
    shared = None
    if workers is not None and not scope_filter.only:
        shared = await workers.start_scan(query, expected_scopes(cloud, state))
    tasks = AccountTasks(cloud, query, state, waiting)
    scanning = _Scanning(cloud, query, tasks, shared, on_progress)
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
        query: ScanQuery,
        tasks: AccountTasks,
        shared: WorkerScan | None,
        on_progress: OnProgress | None,
    ) -> None:
        """`shared`: who scans the accounts, if it is not this process."""
        self.results: dict[Scope, Scanned] = {}
        self._cloud = cloud
        self._query = query
        self._tasks = tasks
        self._shared = shared
        self._on_progress = on_progress
        self._enumerator = AccountEnumerator(
            cloud,
            frozenset(scope.account_id for scope in query.scope_filter.only),
            start=self._start_account,
        )
        self._accounts: dict[AccountId, AccountTargets] = {}
        self._known_scopes: set[Scope] = set()
        self._failed_scopes: set[Scope] = set()
        self._slots = asyncio.Semaphore(cloud.settings.concurrency)
        self._group = asyncio.TaskGroup()

    @property
    def targets(self) -> Targets:
        return Targets(
            accounts={account_id: each.regions for account_id, each in self._accounts.items()},
            accounts_complete=self._enumerator.complete,
            scope_filter=self._query.scope_filter,
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
        finally:
            if self._shared is not None:
                self._shared.stop()

    def _mark_unreached(self, builder: ScanResultBuilder, limit: timedelta) -> None:
        """Add a result that says "not in this run" for every scope that has none yet."""
        self._enumerator.complete = False
        account_scopes = {
            Scope(account_id, None)
            for account_id, targets in self._accounts.items()
            if not targets.entered
        }
        if not self._enumerator.has_ended:
            account_scopes.add(Scope(self._cloud.identity.account_id, None))
        for scope in sorted(account_scopes | self._known_scopes, key=lambda scope: scope.key):
            if scope not in self.results and self._query.scope_filter.covers(scope):
                self.add_result(builder.not_reached(scope, limit))

    async def _scan_all(self) -> None:
        async with self._group:
            self._enumerator.start_configured()
            listing = self._group.create_task(self._enumerator.start_organization())
        for failed in listing.result():
            own = self.results.get(failed.scope)
            # The account may have failed as well, and it has one result for both.
            also = f". {own.message}" if own is not None else ""
            self.add_result(replace(failed, message=failed.message + also))

    def _start_account(self, account_id: AccountId) -> None:
        task = self._tasks.make(account_id)
        regions = task.regions(self._cloud.regions, self._query)
        self._accounts[account_id] = AccountTargets(account_id, regions.known)
        if self._query.scope_filter.covers(Scope(account_id, None)):
            if self._shared is None:
                scanning = AccountScan(self._cloud, self._query, task, self._slots, self).run()
            else:
                scanning = self._scan_elsewhere(self._shared, task)
            self._group.create_task(scanning)

    async def _scan_elsewhere(self, shared: WorkerScan, task: AccountTask) -> None:
        """Have an account scanned by another process; what that leaves out has failed."""
        builder = ScanResultBuilder(self._cloud.clock)
        outcome = await shared.scan(task, self)
        if not isinstance(outcome, AwsError):
            note_time(outcome)
            return
        account_scope = Scope(task.account_id, None)
        for scope in self._accounts[task.account_id].started or (account_scope,):
            if scope not in self.results:
                self.add_result(builder.failed(scope, outcome, 0))

    def set_targets(self, targets: AccountTargets) -> None:
        """Take what is known of an account's scopes now."""
        self._accounts[targets.account_id] = targets
        self._known_scopes.update(targets.started)

    def add_result(self, result: Scanned) -> None:
        """Take the result of a scope, or of an account that has none."""
        self.results[result.scope] = result
        self._known_scopes.add(result.scope)
        if isinstance(result, Failed):
            self._failed_scopes.add(result.scope)
        if self._on_progress is not None:
            self._on_progress(len(self.results), len(self._failed_scopes), len(self._known_scopes))
