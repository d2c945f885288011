"""One sweep, told top to bottom: scan, list, plan, prove, apply, record.

See discovery/README: One sweep.

`audit` is the same up to the proof, with nothing in its hands that could write (R5). The service
scans first, beside others, and concludes when it has the turn: `begin`, `scan`, `conclude`.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime

from discovery.config.rules import with_overrides
from discovery.control_plane.base import ControlPlane, ControlPlaneError, Reader
from discovery.model.ownership import CacheArn, owner_of
from discovery.model.values import Database, Served
from discovery.plan.identity import refuse_other_identity
from discovery.plan.inputs import PlanInput
from discovery.plan.item import Item
from discovery.plan.plan import Plan, make_plan
from discovery.plan.recheck import recheck, rename_check
from discovery.plan.rules import Rules
from discovery.plan.targets import check_named_scopes, registered_scopes
from discovery.plan.unread import NOT_ASKED, NOT_READ, unread_items
from discovery.reports.report import Report
from discovery.sweep.apply import apply
from discovery.sweep.cancellation import Stopped, drain_on_stop, run_or_stop
from discovery.sweep.confirm import confirm_removals
from discovery.sweep.context import SweepContext, SweepRequest
from discovery.sweep.listing import list_registered
from discovery.sweep.new_names import check_new_names
from discovery.sweep.open_intents import close_open_intents, preview_closed_intents
from discovery.sweep.result import SweepResult, report_of, state_update
from discovery.sweep.scan import Scan, scan
from discovery.sweep.sweep_events import log_episodes
from matchers.matcher import IamUsers
from state.errors import StateError
from state.records import RememberedState, StateIdentity
from state.store import Store


async def audit(
    context: SweepContext, request: SweepRequest, *, registry: Reader, memory: RememberedState
) -> Report:
    """What a sweep at this moment does, without doing it. Nothing is written anywhere.

    Raises: WrongState, before anything is read from AWS.
    """
    run = begin(context, request, memory, dry_run=True)
    await run.check_state_identity(registry)
    await run.scan()
    return await run.finish_dry_run(registry)


async def sweep(
    context: SweepContext, request: SweepRequest, *, control_plane: ControlPlane, store: Store
) -> Report:
    """The control plane is as the plan says, as far as calls succeeded, and state remembers.

    Raises: WrongState or StateError before anything is done.
    """
    run = begin(context, request, await asyncio.to_thread(store.memory))
    await run.check_state_identity(control_plane)
    await run.scan()
    return await run.conclude(control_plane, store)


def begin(
    context: SweepContext, request: SweepRequest, memory: RememberedState, *, dry_run: bool = False
) -> Sweep:
    """A sweep that has found out nothing yet."""
    rules = with_overrides(
        context.rules, allow_mass_removal=request.allow_mass_removal, prune=request.prune
    )
    return Sweep(context, request, rules, memory, dry_run, started_at=context.clock())


@dataclass(slots=True)
class Sweep:
    """One sweep or audit under way: what it was asked, and what it has found out so far."""

    context: SweepContext
    request: SweepRequest
    rules: Rules
    memory: RememberedState
    dry_run: bool
    started_at: datetime
    sweep_id: str = field(default_factory=lambda: secrets.token_hex(8))
    scanned: Scan | None = None
    served: tuple[Served, ...] = ()
    """What Database Services serve, as far as it could be read."""
    plan: Plan | None = None
    items: tuple[Item, ...] = ()
    error: str | None = None
    interrupted: bool = False
    plan_changed: bool = False
    unread_code: str | None = None
    """The code of the error that kept the control plane unread."""
    wrote: bool = False
    """True once what was planned was tried, to the last item."""
    state_rebound: bool = False
    """True when the state belonged to something else until now (`--rebind-state`)."""
    ping_error: ControlPlaneError | None = None
    """Why the control plane did not say who it is."""
    identity: StateIdentity | None = None
    """What the state belongs to, once the control plane was met."""

    async def check_state_identity(self, registry: Reader) -> StateIdentity:
        """What the state belongs to. A control plane that does not answer, or is not to be asked,
        stops nothing yet: the scan is told and remembered all the same (R10).

        Raises: WrongState.
        """
        before = self.memory.identity
        cluster = before.cluster if before is not None else ""
        try:
            if self.request.asks_control_plane:
                cluster = (await registry.ping()).cluster
        except ControlPlaneError as error:
            self.ping_error = error
        identity = StateIdentity(
            control_plane=self.context.config.control_plane.kind,
            cluster=cluster,
            group=self.rules.group,
            endpoint_override=bool(self.context.cloud.endpoints),
        )
        if not self.request.rebind_state:
            refuse_other_identity(before, identity)
        self.state_rebound = before not in (None, identity)
        self.memory = self._reset_if_rebound(self.memory)
        self.identity = identity
        return identity

    def _reset_if_rebound(self, memory: RememberedState) -> RememberedState:
        """The memory, or what a rebound one is worth: what was made, removed or missed elsewhere
        was not here, and like a new state file it removes nothing at first (R2, R3)."""
        if not self.state_rebound:
            return memory
        registrations = {
            name: replace(each, inherited=True) for name, each in memory.registrations.items()
        }
        return replace(
            memory, registrations=registrations, removed={}, misses={}, taken={}, finished_sweeps=0
        )

    async def scan(self) -> None:
        """Every scope of this run was asked, unless the run was told to stop; `scanned` has it."""
        try:
            self.scanned = await run_or_stop(self.context.stop, self._scan())
        except Stopped as reason:
            self.end_early(reason)

    async def _scan(self) -> Scan:
        wishes = {matcher.iam_users for matcher in self.rules.matchers}
        return await scan(
            self.context.cloud,
            part=self.request.part,
            memory=self.memory,
            named=self.request.named,
            users=bool(wishes - {IamUsers.IGNORE}),
            refresh_users=self.request.refresh_users or IamUsers.REQUIRE in wishes,
            refresh_regions=self.request.refresh_regions,
            use_backoff=self.request.use_backoff,
            at=self.started_at,
            deadline=self.request.scan_deadline,
            on_progress=self.context.on_progress,
        )

    def use_fresh_state(self, memory: RememberedState, scanned: Scan) -> None:
        """What was scanned is judged by what is remembered now: time has passed since."""
        self.memory, self.scanned = memory, scanned

    async def finish_dry_run(self, registry: Reader) -> Report:
        """The report of what a sweep with this scan does now. Nothing is written anywhere."""
        try:
            if not self.interrupted:
                await self._preview(registry)
        except (Stopped, ControlPlaneError) as reason:
            self.end_early(reason)
        return self._report_of(self.result())

    async def _preview(self, registry: Reader) -> None:
        """List, plan, prove. Raises: Stopped, ControlPlaneError."""
        if not self.request.asks_control_plane:
            self.check_named_scopes(())
            self.items = unread_items(self.plan_input(), self.rules, NOT_ASKED)
            return
        listed = await self.listed(registry)
        self.check_named_scopes(listed)
        now, group = self.context.clock(), self.rules.group
        self.memory = preview_closed_intents(self.memory, listed, group, now)
        self.plan = await self.checked(self.planned(listed), registry)
        if self.check_plan_checksum(self.plan):
            self.items = await run_or_stop(self.context.stop, self.proved(self.plan))

    async def conclude(self, control_plane: ControlPlane, store: Store) -> Report:
        """What was scanned is acted upon and remembered, and so is how the sweep ended.

        Raises: WrongState or StateError before anything is done.
        """
        identity = self.identity or await self.check_state_identity(control_plane)
        try:
            if not self.interrupted:
                await self._act(control_plane, store, identity)
        except (Stopped, ControlPlaneError, StateError) as reason:
            self.end_early(reason)
        result = self.result()
        report = self._report_of(result)
        try:
            outcome = state_update(result, report, identity)
            await asyncio.to_thread(store.record, outcome)
        except StateError as error:
            # What was written is in the journal; the document is owed all the same.
            return replace(report, error=report.error or str(error))
        log_episodes(outcome.history)
        return report

    async def _act(
        self, control_plane: ControlPlane, store: Store, identity: StateIdentity
    ) -> None:
        """List, plan, prove, apply. Raises: Stopped, ControlPlaneError, StateError."""
        await self._prune(store)
        listed = await self.listed(control_plane)
        self.check_named_scopes(listed)
        await asyncio.to_thread(store.bind, identity)
        now, group = self.context.clock(), self.rules.group
        self.memory = self._reset_if_rebound(
            await close_open_intents(store, self.memory, listed, group, now)
        )
        self.plan = await self.checked(self.planned(listed), control_plane)
        if self.check_plan_checksum(self.plan) and self.pause is None:
            self.items = await run_or_stop(self.context.stop, self.proved(self.plan))
            self.items = await self.applied(control_plane, store)
            self.wrote = not self.interrupted

    async def _prune(self, store: Store) -> None:
        """Forget what is old by AWS's time, before anything new is recorded."""
        if self.scanned is None or self.scanned.aws_time is None:
            return
        await asyncio.to_thread(
            store.prune,
            self.scanned.aws_time,
            history=self.context.config.state.history,
            window=self.rules.budget.window,
        )

    async def listed(self, registry: Reader) -> tuple[Database, ...]:
        """All that the control plane shows. Raises: ControlPlaneError, Stopped."""
        if self.ping_error is not None:
            raise self.ping_error
        every = list_registered(registry, self.memory, self.rules.group)
        found = await run_or_stop(self.context.stop, every)
        self.served = await run_or_stop(self.context.stop, registry.served())
        return found

    def check_named_scopes(self, listed: tuple[Database, ...]) -> None:
        """Check that there is something in what a person named. Raises: NoSuchScope."""
        assert self.scanned is not None  # noqa: S101 - the scan comes first
        if self.request.part.from_event or not self.request.part.only:
            return
        owners = (owner_of(each, self.rules.group) for each in listed)
        ours = {each.scope for each in owners if isinstance(each, CacheArn)}
        check_named_scopes(
            self.scanned.targets,
            scanned={result.scope for result in self.scanned.results},
            registered=ours | registered_scopes(self.memory),
        )

    def plan_input(self, listed: tuple[Database, ...] = ()) -> PlanInput:
        """This moment."""
        assert self.scanned is not None  # noqa: S101 - the scan comes first
        return PlanInput(
            results=self.scanned.results,
            targets=self.scanned.targets,
            listed=listed,
            memory=self.memory,
            now=self.context.clock(),
            served=self.served,
        )

    def planned(self, listed: tuple[Database, ...]) -> Plan:
        """The plan of this moment, as far as the list tells."""
        return make_plan(self.plan_input(listed), self.rules)

    async def checked(self, plan: Plan, registry: Reader) -> Plan:
        """The plan once every new name was looked up; until it is proved, its items are this run's.

        Raises: ControlPlaneError, Stopped.
        """
        assert self.scanned is not None  # noqa: S101 - the scan comes first
        checking = check_new_names(plan, self.rules, registry)
        found = await run_or_stop(self.context.stop, checking)
        self.scanned = replace(self.scanned, results=found.observed.plan_input.results)
        self.items = found.items
        return found

    @property
    def pause(self) -> datetime | None:
        """Until when nothing is written; None when nothing is paused. Decided once, as of the
        beginning: a sweep is paused as a whole or not at all."""
        return self.memory.pause_at(self.started_at)

    def check_plan_checksum(self, plan: Plan) -> bool:
        """False when `--checksum` names another plan: then nothing is applied."""
        wanted = self.request.checksum
        self.plan_changed = wanted is not None and wanted.lower() != plan.checksum
        return not self.plan_changed

    async def proved(self, plan: Plan) -> tuple[Item, ...]:
        """The items, with every removal whose ground no longer holds taken back."""
        return await confirm_removals(
            plan.items,
            self.context.cloud,
            rejudge=recheck(plan, self.rules),
            rename_holds=rename_check(plan, self.rules),
        )

    async def applied(self, control_plane: ControlPlane, store: Store) -> tuple[Item, ...]:
        """The items with their outcomes; told to stop, the writes in hand end first."""
        writing = apply(
            self.items,
            control_plane=control_plane,
            journal=store,
            group=self.rules.group,
            sweep_id=self.sweep_id,
            clock=self.context.clock,
            on_write=self.context.on_write,
            known_failures=self.memory.failed_writes,
        )
        items, self.interrupted = await drain_on_stop(self.context.stop, writing)
        return items

    def end_early(self, reason: Stopped | ControlPlaneError | StateError) -> None:
        """The run is over before its end; what was found out so far stands."""
        if isinstance(reason, Stopped):
            self.interrupted = True
        elif isinstance(reason, ControlPlaneError):
            self.unread_code = reason.code
            kept = "shown" if self.dry_run else "remembered"
            self.error = f"{reason}. Nothing was written there; what was scanned is {kept}"
            if self.scanned is not None:
                self.items = unread_items(self.plan_input(), self.rules, NOT_READ)
        else:
            self.error = str(reason)

    def _report_of(self, result: SweepResult) -> Report:
        return report_of(result, self.context.config, dict(self.context.cloud.endpoints))

    def result(self) -> SweepResult:
        """How this run went."""
        return SweepResult(
            sweep_id=self.sweep_id,
            agent=self.context.agent,
            started_at=self.started_at,
            finished_at=self.context.clock(),
            dry_run=self.dry_run,
            results=self.scanned.results if self.scanned is not None else (),
            regions_read=self.scanned.regions_read if self.scanned is not None else (),
            plan=self.plan,
            items=self.items,
            memory=self.memory,
            rules=self.rules,
            whole=not self.request.part.only,
            unread_code=self.unread_code,
            wrote=self.wrote,
            proven_at=self.scanned.aws_time if self.scanned is not None else None,
            error=self.error,
            interrupted=self.interrupted,
            plan_changed=self.plan_changed,
            paused_until=self.pause,
        )
