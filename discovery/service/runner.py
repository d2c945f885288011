"""Run sweeps and re-scans of the service: scan in parallel, then lock, act and remember.

Acting needs the writer lock of the state file, so `sweep`, `adopt` and `release` of other processes
take turns with the runs of this one (discovery/README: Turns).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import structlog

from discovery.model.values import Arn, Scope
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter, Targets
from discovery.reports.report import Report
from discovery.service.connections import Connections, ReloadableConnections
from discovery.service.notifications import Notifications
from discovery.service.scan_sequencer import ScanSequencer
from discovery.snapshot.state import load_remembered, open_locked
from discovery.sweep.cancellation import Stopped, run_or_stop
from discovery.sweep.context import SweepContext, SweepKind, SweepRequest
from discovery.sweep.identity import check_state_identity
from discovery.sweep.run import SweepRun
from discovery.sweep.scan import Scan
from discovery.sweep.sweep import finish_sweep, scan_scopes
from state.file_identity import FileIdentity
from state.lock import HeldLock, this_process, writer_lock
from state.store import Store

log = structlog.get_logger()

LOCK_TIMEOUT: Final = timedelta(minutes=1)
"""How long a run waits for another process before it is skipped; the next one comes soon."""


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """A sweep or re-scan that ended with a report."""

    kind: SweepKind
    report: Report
    targets: Targets


@dataclass(slots=True)
class SweepRunner:
    """Run the sweeps and re-scans of one service: they scan in parallel and act one by one."""

    connections: ReloadableConnections
    shard: Shard | None = None
    service_lock: HeldLock | None = None
    """Keeps other services off this state file; None: nothing does."""
    notifications: Notifications | None = None
    """Tells people of each run; None: nobody."""
    on_progress: Callable[[int, int, int], None] = lambda done, failed, known: None
    """Called as a sweep's scan proceeds: scopes done, failed, known."""
    on_activity: Callable[[], None] = lambda: None
    """Called whenever a step of a run ends: a scope, a write, the wait for the lock."""
    ignore_backoff: bool = False
    """The next sweep also reads scopes that back off: set by a reload, because whoever reloads has
    repaired something.
    """
    _sequencer: ScanSequencer = field(default_factory=ScanSequencer)
    _last_connections: Connections | None = None
    """Those of the last sweep; the first sweep with a configuration lists regions again."""
    _apply_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _state: FileIdentity | None = None
    """The state file of the last run that opened it."""

    async def check_state_identity(self) -> None:
        """Check that the state file belongs to this configuration, or to nothing yet.

        A control plane that does not answer is no reason to fail. Raises: WrongState, StateError.
        """
        async with self.connections.hold() as current:
            state = await load_remembered(current.place, current.context.clock)
            run = SweepRun.start(current.context, SweepRequest(), state)
            await check_state_identity(run, current.control_plane)

    async def sweep(self) -> ScheduledRun | None:
        """Scan all scopes of this process and act upon them; None when stopped before acting.

        Raises: StateError, Locked among them; WrongState.
        """
        async with self.connections.hold() as current:
            request = SweepRequest(
                scope_filter=ScopeFilter(shard=self.shard),
                use_backoff=not self.ignore_backoff,
                refresh_regions=current is not self._last_connections,
                scan_deadline=current.config.service.sweep_timeout,
            )
            self.ignore_backoff = False
            context = replace(
                current.context, on_progress=self._progress, on_write=self.on_activity
            )
            done = await self._run(SweepKind.SWEEP, current, context, request)
            if done is not None:
                self._last_connections = current
            return done

    async def rescan(
        self, scopes: Iterable[Scope], changed_caches: frozenset[Arn]
    ) -> ScheduledRun | None:
        """Scan some scopes again and act upon them; None when stopped before acting.

        Tags of `changed_caches` are read one by one, users and groups anew. Raises: as `sweep`.
        """
        async with self.connections.hold() as current:
            request = SweepRequest(
                scope_filter=ScopeFilter(only=tuple(scopes), shard=self.shard, from_event=True),
                changed_caches=changed_caches,
                refresh_users=True,
                scan_deadline=current.config.service.sweep_timeout,
            )
            return await self._run(SweepKind.RESCAN, current, current.context, request)

    async def _run(
        self, kind: SweepKind, current: Connections, context: SweepContext, request: SweepRequest
    ) -> ScheduledRun | None:
        self._check_files()
        scan_number = self._sequencer.begin_scan()
        run = SweepRun.start(context, request, await load_remembered(current.place, context.clock))
        await scan_scopes(run)
        if run.scan is None:
            return None
        try:
            async with self._hold_store(current) as store:
                report = await self._finish(run, run.scan, scan_number, current, store)
        except Stopped:
            return None
        return ScheduledRun(kind, report, run.scan.targets)

    async def write_state(self, current: Connections, write: Callable[[Store], None]) -> None:
        """Write to the state file between two runs. Raises: StateError, Stopped."""
        self._check_files()
        async with self._hold_store(current) as store:
            await asyncio.to_thread(write, store)

    def _check_files(self) -> None:
        """Check that the state file and the service's lock are those of the run before.

        A lock file that somebody removed is made and locked again, unless another service was
        quicker. Raises: Replaced, Locked, Unwritable.
        """
        if self.service_lock is not None and self.service_lock.retake():
            log.warning(
                "state.lock_replaced",
                path=str(self.service_lock.path),
                why="it was removed or replaced while the service ran; it was locked anew",
                next="leave lock files where they are: without one, a second service can start",
            )
        if self._state is not None:
            self._state.check()

    async def _finish(
        self, run: SweepRun, scan: Scan, scan_number: int, current: Connections, store: Store
    ) -> Report:
        """Act on the scan results that are still current, judged by the state as it is now."""
        now = await asyncio.to_thread(store.load)
        results = self._sequencer.drop_outdated(
            scan_number, scan.results, state_before=run.state, state_now=now
        )
        run.state, run.scan = now, replace(scan, results=results)
        check = await check_state_identity(run, current.control_plane)
        report = await finish_sweep(run, check, current.control_plane, store)
        self._sequencer.record_applied(scan_number, results, now, run.started_at)
        if self.notifications is not None:
            is_whole = not run.request.scope_filter.from_event
            await self.notifications.after_run(report, run.rules.group, store, whole=is_whole)
        return report

    @asynccontextmanager
    async def _hold_store(self, current: Connections) -> AsyncIterator[Store]:
        """Hold the state, open for writing. Raises: Stopped; StateError, Locked among them."""
        place, context = current.place, current.context
        stop, holder = context.stop, this_process("run", context.clock())
        lock = writer_lock(place.file, wait=LOCK_TIMEOUT, holder=holder)
        async with AsyncExitStack() as taken:
            await run_or_stop(stop, taken.enter_async_context(self._apply_lock))
            held = await run_or_stop(stop, taken.enter_async_context(lock))
            self.on_activity()
            self._check_files()
            opening = taken.enter_async_context(
                open_locked(place, held, wait=LOCK_TIMEOUT, holder=holder, clock=context.clock)
            )
            # Another machine may have the lease for long; a file is opened at once.
            store = await (opening if place.snapshot is None else run_or_stop(stop, opening))
            self.on_activity()
            # The copy of a snapshot is another file each time.
            self._state = store.identity if place.snapshot is None else None
            yield store

    def _progress(self, done: int, failed: int, known: int) -> None:
        self.on_activity()
        self.on_progress(done, failed, known)
