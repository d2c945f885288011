"""One sweep, top to bottom: scan, list, plan, confirm, apply, record.

See discovery/README: One sweep. `audit` takes the same steps and can only read (R5). The service
scans beside other sweeps, and calls `finish_sweep` once it has the lock.
"""

from __future__ import annotations

import asyncio

from discovery.control_plane.base import ControlPlane, Reader
from discovery.plan.plan import Plan, make_plan
from discovery.plan.recheck import recheck, rename_check
from discovery.reports.report import Report
from discovery.sweep.apply import apply
from discovery.sweep.cancellation import run_or_stop
from discovery.sweep.confirm import confirm_removals
from discovery.sweep.context import SweepContext, SweepRequest
from discovery.sweep.current_state import CurrentState, check_new_names, list_current_state
from discovery.sweep.identity import IdentityCheck, check_state_identity
from discovery.sweep.open_intents import close_open_intents, preview_closed_intents
from discovery.sweep.record import prune, record
from discovery.sweep.result import report_of
from discovery.sweep.run import SweepRun
from discovery.sweep.scan import scan
from state.records import RememberedState
from state.store import Store


async def sweep(
    context: SweepContext, request: SweepRequest, *, control_plane: ControlPlane, store: Store
) -> Report:
    """Make what is registered equal to what AWS has and the configuration wants; record it.

    Raises: WrongState or StateError, before anything is written.
    """
    run = SweepRun.start(context, request, await asyncio.to_thread(store.load))
    check = await check_state_identity(run, control_plane)
    await scan_scopes(run)
    return await finish_sweep(run, check, control_plane, store)


async def audit(
    context: SweepContext, request: SweepRequest, *, control_plane: Reader, state: RememberedState
) -> Report:
    """Report what a sweep would do now; write nothing. Raises: WrongState, before AWS is asked."""
    run = SweepRun.start(context, request, state, dry_run=True)
    check = await check_state_identity(run, control_plane)
    await scan_scopes(run)
    return await finish_audit(run, check, control_plane)


async def scan_scopes(run: SweepRun) -> None:
    """Scan every scope of the run, unless the stop event is set first."""
    request, rules = run.request, run.rules
    scanning = scan(
        run.context.cloud,
        scope_filter=request.scope_filter,
        state=run.state,
        changed_caches=request.changed_caches,
        users=rules.asks_for_users,
        refresh_users=request.refresh_users or rules.requires_users,
        refresh_regions=request.refresh_regions,
        use_backoff=request.use_backoff,
        at=run.started_at,
        deadline=request.scan_deadline,
        on_progress=run.context.on_progress,
        workers=run.context.workers,
    )
    with run.recording_early_end():
        run.scan = await run_or_stop(run.context.stop, scanning)


async def finish_sweep(
    run: SweepRun, check: IdentityCheck, control_plane: ControlPlane, store: Store
) -> Report:
    """List, plan, confirm and apply; then record how the sweep ended, however it did."""
    current = None
    # Two blocks, so that old history is pruned also where the control plane could not be listed.
    with run.recording_early_end():
        current = await list_current_state(run, check, control_plane)
    with run.recording_early_end():
        await prune(run, store)
        if current is not None:
            await asyncio.to_thread(store.bind, check.identity)
            closed = await close_open_intents(
                store, run.state, current.databases, run.rules.group, run.context.clock()
            )
            run.state = check.reset_if_rebound(closed)
            if await plan_and_confirm(run, current, control_plane):
                await apply_changes(run, control_plane, store)
    return await record(run, check.identity, store)


async def finish_audit(run: SweepRun, check: IdentityCheck, control_plane: Reader) -> Report:
    """List, plan and confirm as a sweep with this scan would do now."""
    with run.recording_early_end():
        current = await list_current_state(run, check, control_plane)
        if current is not None:
            run.state = preview_closed_intents(
                run.state, current.databases, run.rules.group, run.context.clock()
            )
            await plan_and_confirm(run, current, control_plane)
    return report_of(run)


async def plan_and_confirm(run: SweepRun, current: CurrentState, control_plane: Reader) -> bool:
    """Plan, and hold each removal and rename that AWS does not confirm at this moment (R3).

    Returns: whether a sweep may apply the plan; if it may not, nothing is confirmed.
    """
    plan = await plan_changes(run, current, control_plane)
    if run.plan_changed or run.is_paused:
        return False
    cloud, rules = run.context.cloud, run.rules
    confirming = confirm_removals(
        plan.items, cloud, recheck=recheck(plan, rules), rename_holds=rename_check(plan, rules)
    )
    run.items = await run_or_stop(run.context.stop, confirming)
    return True


async def plan_changes(run: SweepRun, current: CurrentState, control_plane: Reader) -> Plan:
    """Make the plan, and look up each name that it would take (R10)."""
    plan = make_plan(run.plan_input(current.databases, current.served), run.rules)
    checking = check_new_names(plan, run.rules, control_plane, sleep=run.context.sleep)
    run.plan = plan = await run_or_stop(run.context.stop, checking)
    run.items = plan.items
    return plan


async def apply_changes(run: SweepRun, control_plane: ControlPlane, store: Store) -> None:
    """Carry out the items; once the stop event is set, finish only the writes in progress."""
    run.items = await apply(
        run.items,
        control_plane=control_plane,
        journal=store,
        group=run.rules.group,
        sweep_id=run.sweep_id,
        clock=run.context.clock,
        sleep=run.context.sleep,
        on_write=run.context.on_write,
        known_failures=run.state.failed_writes,
        stop=run.context.stop,
        remote_journal=store.remote_journal,
    )
    run.interrupted = run.context.stop.is_set()
    run.wrote = not run.interrupted
