"""Adopt and release registrations: plan, and once a person agrees, plan again and write (R2).

The first half has a reader and cannot write. The second writes what was agreed to and nothing
else: what has changed since then is left alone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from discovery.adopt.transfer import TransferStrategy
from discovery.aws.cloud import Cloud
from discovery.control_plane.base import ControlPlane, Denied, Reader
from discovery.model.values import Clock, Database, ItemError, ResourceName, Scanned
from discovery.plan.account_names import known_names
from discovery.plan.adoption.adoption import adoption, own_to_claim, refused_unowned, unseen
from discovery.plan.adoption.identify import scope_filter_for
from discovery.plan.adoption.release import release
from discovery.plan.adoption.transfer import Transfer, is_same, not_found
from discovery.plan.identity import refuse_other_identity
from discovery.plan.inputs import ObservedState, PlanInput, observe
from discovery.plan.item import Item
from discovery.plan.rules import Rules
from discovery.plan.targets import ScopeFilter
from discovery.sweep.apply import apply
from discovery.sweep.open_intents import close_open_intents
from discovery.sweep.scan import OnProgress, Scan, scan
from discovery.sweep.write_result import failed
from state.records import IntentKind, RememberedState, StateIdentity
from state.store import Store

Replan = Callable[[tuple[Database, ...], RememberedState], Transfer]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptRequest:
    """What a person asks to adopt."""

    name: ResourceName | None = None
    """None for everything that has the computed name of a cache."""
    from_group: str | None = None
    """The cachemuster group that owns it now, None if no group does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPlan:
    """A plan to show to a person, and what it takes to make it again."""

    kind: IntentKind
    transfer: Transfer
    identity: StateIdentity
    replan: Replan
    scopes: tuple[Scanned, ...] = ()
    """Results of the scan that the plan rests on."""
    unfinished: bool = False
    """True when an earlier process was killed while it did the same, and left open intents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferContext:
    """What planning and applying need of the configuration."""

    rules: Rules
    kind: str
    """The kind of control plane."""
    simulated_aws: bool | None = None
    """True when an AWS endpoint override is in force; None when AWS is not asked anything."""

    def identity(self, cluster: str, remembered: StateIdentity | None) -> StateIdentity:
        """Return what a state file for this configuration belongs to."""
        is_simulated = self.simulated_aws
        if is_simulated is None:
            is_simulated = remembered is not None and remembered.endpoint_override
        return StateIdentity(
            control_plane=self.kind,
            cluster=cluster,
            group=self.rules.group,
            endpoint_override=is_simulated,
        )


async def plan_adoption(
    request: AdoptRequest,
    context: TransferContext,
    *,
    cloud: Cloud,
    registry: Reader,
    state: RememberedState,
    clock: Clock,
    on_progress: OnProgress | None = None,
) -> TransferPlan:
    """Plan an adoption from a fresh scan of the cache's scope. Nothing is written.

    Raises: WrongState, ControlPlaneError.
    """
    rules = context.rules
    identity = await _check_identity(registry, state, context)
    listed = await registry.list_databases()
    where = await _scope_filter_for(request, rules, listed, registry, state)
    if isinstance(where, Transfer):
        return TransferPlan(
            kind=IntentKind.ADOPT, transfer=where, identity=identity, replan=lambda *_: where
        )
    scanned = await _scan(where, rules, cloud, state, on_progress)
    observe_with = partial(_observe, scanned, rules, clock)

    def replan(listed: tuple[Database, ...], state: RememberedState) -> Transfer:
        return adoption(
            observe_with(listed, state), rules, name=request.name, from_group=request.from_group
        )

    transfer = replan(listed, state)
    if request.name is not None and not any(each.name == request.name for each in listed):
        transfer = Transfer(refused=(unseen(request.name, observe_with(listed, state)),))
    return TransferPlan(
        kind=IntentKind.ADOPT,
        transfer=transfer,
        identity=identity,
        replan=replan,
        scopes=observe_with(listed, state).plan_input.results,
    )


async def plan_release(
    name: ResourceName | None,
    context: TransferContext,
    *,
    registry: Reader,
    state: RememberedState,
) -> TransferPlan:
    """Plan the release of one resource, or of all of ours. AWS is not asked; nothing is written.

    Raises: WrongState, ControlPlaneError.
    """
    identity = await _check_identity(registry, state, context)

    def replan(listed: tuple[Database, ...], _state: RememberedState) -> Transfer:
        return release(listed, context.rules.group, name)

    transfer = replan(await registry.list_databases(), state)
    kind = IntentKind.RELEASE
    return TransferPlan(
        kind=kind,
        transfer=transfer,
        identity=identity,
        replan=replan,
        unfinished=any(each.intent.kind is kind for each in state.open_intents),
    )


async def apply_transfer(
    plan: TransferPlan,
    context: TransferContext,
    *,
    control_plane: ControlPlane,
    store: Store,
    clock: Clock,
    stop: asyncio.Event,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
) -> Transfer:
    """Apply a plan that a person has agreed to, and return it with an outcome for each resource.

    What changed since it was shown is left alone. Intents of a process that was killed get their
    outcome first. Told to stop, it ends the write in progress.

    Raises: WrongState, ControlPlaneError, StateError, each before anything is written.
    """
    state = await asyncio.to_thread(store.load)
    identity = await _check_identity(control_plane, state, context)
    refuse_other_identity(plan.identity, identity)
    listed = await control_plane.list_databases()
    if context.simulated_aws is not None:
        await asyncio.to_thread(store.bind, identity)
    state = await close_open_intents(store, state, listed, context.rules.group, clock())
    again = {item.name: item for item in plan.replan(listed, state).items}
    unchanged = [each for each in plan.transfer.items if is_same(each, again.get(each.name))]
    applied = await apply(
        unchanged,
        control_plane=control_plane,
        journal=store,
        group=context.rules.group,
        sweep_id=secrets.token_hex(8),
        clock=clock,
        concurrency=1,
        sleep=sleep,
        strategy=TransferStrategy(plan.kind),
        stop=stop,
        remote_journal=store.remote_journal,
    )
    done = {item.name: item for item in applied}
    items = (done.get(each.name) or _plan_changed(each) for each in plan.transfer.items)
    return replace(plan.transfer, items=tuple(items))


def _plan_changed(item: Item) -> Item:
    text = "it, or its cache, changed after the plan was shown; it is as it was. Look again"
    return failed(item, ItemError("PLAN_CHANGED", text, retryable=True))


async def _check_identity(
    registry: Reader, state: RememberedState, context: TransferContext
) -> StateIdentity:
    """Check what the state belongs to. Raises: WrongState, ControlPlaneError."""
    identity = context.identity((await registry.ping()).cluster, state.identity)
    refuse_other_identity(state.identity, identity)
    return identity


async def _scope_filter_for(
    request: AdoptRequest,
    rules: Rules,
    listed: tuple[Database, ...],
    registry: Reader,
    state: RememberedState,
) -> ScopeFilter | Transfer:
    """Decide where to scan, or refuse without a scan."""
    if request.name is None:
        return ScopeFilter()
    live = next((each for each in listed if each.name == request.name), None)
    if live is not None and own_to_claim(live, rules.group, state) is not None:
        return scope_filter_for(live, state)
    if live is not None:
        refused = refused_unowned(live, rules.group, request.from_group)
        return Transfer(refused=(refused,)) if refused else scope_filter_for(live, state)
    try:
        await registry.get(request.name)
    except Denied:
        return ScopeFilter()  # it is there; whoever wants its name can be found all the same
    return Transfer(refused=(not_found(request.name),))


async def _scan(
    scope_filter: ScopeFilter,
    rules: Rules,
    cloud: Cloud,
    state: RememberedState,
    on_progress: OnProgress | None,
) -> Scan:
    return await scan(
        cloud,
        scope_filter=scope_filter,
        state=state,
        users=rules.asks_for_users,
        refresh_users=rules.requires_users,
        on_progress=on_progress,
    )


def _observe(
    scanned: Scan, rules: Rules, clock: Clock, listed: tuple[Database, ...], state: RememberedState
) -> ObservedState:
    plan_input = PlanInput(
        results=scanned.results,
        targets=scanned.targets,
        listed=listed,
        state=state,
        now=clock(),
        account_names=known_names(rules, state.account_names, scanned.listed_names),
    )
    return observe(plan_input, rules)
