"""One sweep, told top to bottom: scan, list, plan, prove, apply, record (design §3).

`audit` is the same up to the proof, with nothing in its hands that could write (R5).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import structlog

from discovery.apply import apply
from discovery.aws.cloud import Cloud
from discovery.config.model import Config
from discovery.config.rules import widened
from discovery.control_plane.base import ControlPlane, ControlPlaneError, Reader
from discovery.enrollment.checksum import checksum_of
from discovery.enrollment.chronicle import chronicle
from discovery.enrollment.guard import GuardVerdict
from discovery.enrollment.identity import refuse_other_identity
from discovery.enrollment.item import Item
from discovery.enrollment.plan import Plan, make_plan
from discovery.enrollment.recollection import recollect, scope_memories, sightings
from discovery.enrollment.rejudge import rejudging, rename_check
from discovery.enrollment.removal import rules_changed
from discovery.enrollment.rules import Rules
from discovery.enrollment.survey import Situation
from discovery.enrollment.targets import Part
from discovery.enrollment.unfinished import settle
from discovery.model import AccountId, Clock, Database, Region, Scope
from discovery.prove import prove
from discovery.reports.exit import exit_code
from discovery.reports.report import Report
from discovery.scan import Scan, scan
from matchers.matcher import IamUsers
from state.records import Memory, Outcome, StateIdentity, SweepOutcome, SweepRecord
from state.store import Store

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """What is asked of one sweep, beyond the configuration."""

    part: Part = Part()
    allow_mass_removal: int | None = None
    prune: bool = False
    checksum: str | None = None
    """Apply only if the plan still has this checksum."""
    rebind_state: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a sweep stands on: the configuration, the cloud, the clock."""

    config: Config
    rules: Rules
    cloud: Cloud
    clock: Clock
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: no new scope is begun, the write in hand ends, the report says interrupted."""
    on_progress: Callable[[int, int, int], None] | None = None


class _Stopped(Exception):
    """The stop event was set while something was under way."""


async def audit(
    ground: Ground, request: SweepRequest, *, registry: Reader, memory: Memory
) -> Report:
    """What a sweep at this moment does, without doing it. Nothing is written anywhere.

    Raises: WrongState, before anything is read from AWS.
    """
    run = _begin(ground, request, dry_run=True)
    await run.meet(registry, memory)
    try:
        run.scanned = await run.scan(memory)
        run.plan = run.make_plan(await run.list_databases(registry), memory)
        run.items = await run.unless_stopped(run.prove(run.plan))
    except (_Stopped, ControlPlaneError) as reason:
        run.cut_short(reason)
    return run.report(memory)


async def sweep(
    ground: Ground, request: SweepRequest, *, control_plane: ControlPlane, store: Store
) -> Report:
    """The control plane is as the plan says, as far as calls succeeded, and state remembers.

    Raises: WrongState before anything is done; StateError when state cannot be written.
    """
    run = _begin(ground, request, dry_run=False)
    memory = await asyncio.to_thread(store.memory)
    identity = await run.meet(control_plane, memory)
    try:
        run.scanned = await run.scan(memory)
        listed = await run.list_databases(control_plane)
        memory = await run.settle_intents(store, memory, listed)
        run.plan = run.make_plan(listed, memory)
        if run.goes_ahead(run.plan):
            run.items = await run.unless_stopped(run.prove(run.plan))
            run.items = await run.apply(control_plane, store)
    except (_Stopped, ControlPlaneError) as reason:
        run.cut_short(reason)
    report = run.report(memory)
    await asyncio.to_thread(store.record, run.outcome(report, memory, identity))
    return report


def _begin(ground: Ground, request: SweepRequest, *, dry_run: bool) -> _Run:
    rules = widened(
        ground.rules, allow_mass_removal=request.allow_mass_removal, prune=request.prune
    )
    return _Run(ground, request, rules, dry_run, started_at=ground.clock())


@dataclass(slots=True)
class _Run:
    """One sweep or audit under way: what it was asked, and what it has found out so far."""

    ground: Ground
    request: SweepRequest
    rules: Rules
    dry_run: bool
    started_at: datetime
    sweep_id: str = field(default_factory=lambda: secrets.token_hex(8))
    scanned: Scan | None = None
    plan: Plan | None = None
    items: tuple[Item, ...] = ()
    error: str | None = None
    interrupted: bool = False
    plan_changed: bool = False
    _trouble: ControlPlaneError | None = None

    async def meet(self, registry: Reader, memory: Memory) -> StateIdentity:
        """What the state is bound to. A control plane that does not answer stops nothing yet:
        the scan is remembered all the same (R10).

        Raises: WrongState.
        """
        before = memory.identity
        kind = self.ground.config.control_plane.kind
        cluster = before.cluster if before is not None else ""
        try:
            cluster = (await registry.ping()).cluster
        except ControlPlaneError as error:
            self._trouble = error
        overridden = bool(self.ground.cloud.endpoints)
        identity = StateIdentity(
            control_plane=kind,
            cluster=cluster,
            group=self.rules.group,
            endpoint_override=overridden,
        )
        if not self.request.rebind_state:
            refuse_other_identity(before, identity)
        return identity

    async def scan(self, memory: Memory) -> Scan:
        """Every scope of this run, read or not. Raises: _Stopped."""
        wants_users = any(each.iam_users is not IamUsers.IGNORE for each in self.rules.matchers)
        return await self.unless_stopped(
            scan(
                self.ground.cloud,
                part=self.request.part,
                remembered=memory.caches,
                users=wants_users,
                on_progress=self.ground.on_progress,
            )
        )

    async def list_databases(self, registry: Reader) -> tuple[Database, ...]:
        """All that the control plane lists. Raises: ControlPlaneError, _Stopped."""
        if self._trouble is not None:
            raise self._trouble
        return await self.unless_stopped(registry.list_databases())

    async def settle_intents(
        self, store: Store, memory: Memory, listed: tuple[Database, ...]
    ) -> Memory:
        """The memory after the intents of a process that ended have an outcome (R6)."""
        if not memory.open_intents:
            return memory
        settled = settle(memory.open_intents, listed, self.rules.group)
        now = self.ground.clock()
        for each in settled.landed:
            await asyncio.to_thread(store.finish, each.intent_id, Outcome.DONE, None, now)
        ids = [each.intent_id for each in settled.abandoned]
        await asyncio.to_thread(store.abandon, ids, now)
        return await asyncio.to_thread(store.memory)

    def make_plan(self, listed: tuple[Database, ...], memory: Memory) -> Plan:
        """The plan of this moment; until it is proved, its items are this run's items."""
        assert self.scanned is not None  # noqa: S101 - the scan comes first
        situation = Situation(
            results=self.scanned.results,
            targets=self.scanned.targets,
            listed=listed,
            memory=memory,
            now=self.ground.clock(),
        )
        plan = make_plan(situation, self.rules)
        self.items = plan.items
        return plan

    def goes_ahead(self, plan: Plan) -> bool:
        """False when `--checksum` names another plan: then nothing is applied."""
        wanted = self.request.checksum
        self.plan_changed = wanted is not None and wanted.lower() != plan.checksum
        return not self.plan_changed

    async def prove(self, plan: Plan) -> tuple[Item, ...]:
        """The items, with every removal whose ground no longer holds taken back."""
        return await prove(
            plan.items,
            self.ground.cloud,
            rejudge=rejudging(plan, self.rules),
            rename_holds=rename_check(plan, self.rules),
        )

    async def apply(self, control_plane: ControlPlane, store: Store) -> tuple[Item, ...]:
        """The items with their outcomes. Told to stop, it ends the writes in hand and returns."""
        writing = asyncio.ensure_future(
            apply(
                self.items,
                control_plane=control_plane,
                journal=store,
                group=self.rules.group,
                sweep_id=self.sweep_id,
                clock=self.ground.clock,
            )
        )
        stopping = asyncio.ensure_future(self.ground.stop.wait())
        try:
            await asyncio.wait({writing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                self.interrupted = True
                writing.cancel()
            return await writing
        finally:
            stopping.cancel()

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns. Raises: _Stopped, when the stop event comes first."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self.ground.stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise _Stopped
            return await working
        finally:
            stopping.cancel()
            if not working.done():
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)

    def cut_short(self, reason: _Stopped | ControlPlaneError) -> None:
        """The run is over before its end; what was found out so far stands."""
        if isinstance(reason, _Stopped):
            self.interrupted = True
        else:
            self.error = f"{reason}. Nothing was written there; what was scanned is remembered"

    def report(self, memory: Memory) -> Report:
        """The report of this run as far as it came."""
        results = self.scanned.results if self.scanned is not None else ()
        failing = scope_memories(results, memory, self.started_at)
        return Report(
            sweep_id=self.sweep_id,
            started_at=self.started_at,
            finished_at=self.ground.clock(),
            dry_run=self.dry_run,
            checksum=self.plan.checksum if self.plan is not None else checksum_of(()),
            endpoints=self.ground.cloud.endpoints,
            scopes=results,
            items=self.items,
            guard=self.plan.guard if self.plan is not None else self._unasked_guard(),
            failing_since={
                each.scope: each.failing_since for each in failing if each.failing_since is not None
            },
            expected_failures=expected_failures(self.ground.config),
            error=self.error,
            plan_changed=self.plan_changed,
            interrupted=self.interrupted,
            stop_message="interrupted; what was not done yet stays as it was"
            if self.interrupted
            else "",
        )

    def _unasked_guard(self) -> GuardVerdict:
        return GuardVerdict(
            refused=False,
            code=None,
            removals=0,
            population=0,
            limit=0,
            window=self.rules.budget.window,
            message="not asked: there is no plan",
        )

    def outcome(self, report: Report, memory: Memory, identity: StateIdentity) -> SweepOutcome:
        """What state is to remember of this run."""
        record = SweepRecord(
            sweep_id=self.sweep_id,
            started_at=self.started_at,
            finished_at=report.finished_at,
            complete=report.complete,
            exit_code=int(exit_code(report)),
            checksum=report.checksum,
            summary=report.summary,
        )
        if self.plan is None:
            return SweepOutcome(
                record=record,
                identity=identity,
                finished=False,
                scopes=scope_memories(report.scopes, memory, self.started_at),
                caches_seen=sightings(report.scopes, memory, self.started_at),
            )
        changed = rules_changed(memory, self.rules)
        # A run over a part of the scopes has not seen every registration under the new rules.
        whole = not self.request.part.only
        digest = self.rules.matching_digest if whole else memory.matching_digest
        known = recollect(
            self.plan.survey, self.items, started_at=self.started_at, rules_changed=changed
        )
        return SweepOutcome(
            record=record,
            identity=identity,
            matching_digest=digest or "",
            scopes=known.scopes,
            caches_seen=known.caches_seen,
            caches_gone=known.caches_gone,
            registrations_forgotten=known.registrations_forgotten,
            registrations_inherited=known.registrations_inherited,
            misses=known.misses,
            history=chronicle(self.items, memory, sweep_id=self.sweep_id, at=report.finished_at),
        )


def expected_failures(config: Config) -> frozenset[Scope]:
    """The scopes of `aws.expected_failures`; one without a region is the whole account."""
    parts = (entry.partition("/") for entry in config.aws.expected_failures)
    return frozenset(
        Scope(AccountId(account), Region(region) if region else None)
        for account, _, region in parts
    )
