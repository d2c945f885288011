"""Taking over and letting go, told top to bottom: look, plan; and once a person has agreed: lock,
look again, journal, write (R2).

The first half is handed a reader and cannot write. The second writes what was agreed to and
nothing else: whatever is another since then is left alone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from discovery.adopt.transfer import TransferWriter
from discovery.aws.cloud import Cloud
from discovery.control_plane.base import ControlPlane, Denied, Reader
from discovery.model.values import Clock, Database, ItemError, ResourceName, Scanned
from discovery.plan.adoption.adoption import adoption, own_to_claim, refused_unowned, unseen
from discovery.plan.adoption.identify import part_to_scan
from discovery.plan.adoption.release import release
from discovery.plan.adoption.transfer import Handover, is_same, not_found
from discovery.plan.identity import refuse_other_identity
from discovery.plan.inputs import ObservedState, PlanInput, observe
from discovery.plan.item import Item
from discovery.plan.rules import Rules
from discovery.plan.targets import ScopeFilter
from discovery.sweep.apply import apply
from discovery.sweep.cancellation import drain_on_stop
from discovery.sweep.open_intents import close_open_intents
from discovery.sweep.scan import OnProgress, Scan, scan
from matchers.matcher import IamUsers
from state.records import IntentKind, RememberedState, StateIdentity
from state.store import Store

Replan = Callable[[tuple[Database, ...], RememberedState], Handover]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptRequest:
    """What a person asks to have taken over."""

    name: ResourceName | None = None
    """None: everything that stands in the computed name of a cache."""
    from_group: str | None = None
    """The cachemuster group that has it; None: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPlan:
    """A plan to be shown, and what it takes to make it again."""

    kind: IntentKind
    handover: Handover
    identity: StateIdentity
    replan: Replan
    scopes: tuple[Scanned, ...] = ()
    """What was scanned for it."""
    unfinished: bool = False
    """True when a process that did the same was killed, and state does not know how it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferContext:
    """What both halves need to know of the configuration."""

    rules: Rules
    kind: str
    """The kind of control plane."""
    simulated_aws: bool | None = None
    """True when an AWS endpoint override is in force; None when AWS is not asked anything."""

    def identity(self, cluster: str, remembered: StateIdentity | None) -> StateIdentity:
        """What a state file for this belongs to."""
        is_simulated = self.simulated_aws
        if is_simulated is None:
            is_simulated = remembered is not None and remembered.endpoint_override
        return StateIdentity(
            control_plane=self.kind,
            cluster=cluster,
            group=self.rules.group,
            endpoint_override=is_simulated,
        )


async def prospect_of_adoption(
    wish: AdoptRequest,
    setting: TransferContext,
    *,
    cloud: Cloud,
    registry: Reader,
    memory: RememberedState,
    clock: Clock,
    on_progress: OnProgress | None = None,
) -> TransferPlan:
    """What taking over means now, from a fresh scan of where the cache is. Nothing is written.

    Raises: WrongState, ControlPlaneError.
    """
    rules = setting.rules
    identity = await _met(registry, memory, setting)
    listed = await registry.list_databases()
    part = await _part(wish, rules, listed, registry, memory)
    if isinstance(part, Handover):
        return TransferPlan(
            kind=IntentKind.ADOPT, handover=part, identity=identity, replan=lambda *_: part
        )
    scanned = await _scanned(part, rules, cloud, memory, on_progress)
    surveyed = partial(_surveyed, scanned, rules, clock)

    def replan(listed: tuple[Database, ...], memory: RememberedState) -> Handover:
        return adoption(surveyed(listed, memory), rules, name=wish.name, from_group=wish.from_group)

    handover = replan(listed, memory)
    if wish.name is not None and not any(each.name == wish.name for each in listed):
        handover = Handover(refused=(unseen(wish.name, surveyed(listed, memory)),))
    return TransferPlan(
        kind=IntentKind.ADOPT,
        handover=handover,
        identity=identity,
        replan=replan,
        scopes=surveyed(listed, memory).plan_input.results,
    )


async def prospect_of_release(
    name: ResourceName | None,
    setting: TransferContext,
    *,
    registry: Reader,
    memory: RememberedState,
) -> TransferPlan:
    """What letting go of a resource means now, or of all of ours. AWS is not asked, and nothing is
    written.

    Raises: WrongState, ControlPlaneError.
    """
    identity = await _met(registry, memory, setting)

    def replan(listed: tuple[Database, ...], _memory: RememberedState) -> Handover:
        return release(listed, setting.rules.group, name)

    handover = replan(await registry.list_databases(), memory)
    kind = IntentKind.RELEASE
    return TransferPlan(
        kind=kind,
        handover=handover,
        identity=identity,
        replan=replan,
        unfinished=any(each.intent.kind is kind for each in memory.open_intents),
    )


async def apply_transfer(
    prospect: TransferPlan,
    setting: TransferContext,
    *,
    control_plane: ControlPlane,
    store: Store,
    clock: Clock,
    stop: asyncio.Event,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
) -> Handover:
    """The plan with an outcome for each resource; what changed since it was shown is left alone.
    Intents of a process that was killed get their outcome first.

    Told to stop, it ends the write in hand. Raises: WrongState, ControlPlaneError, StateError,
    each before anything is written.
    """
    memory = await asyncio.to_thread(store.memory)
    identity = await _met(control_plane, memory, setting)
    refuse_other_identity(prospect.identity, identity)
    listed = await control_plane.list_databases()
    if setting.simulated_aws is not None:
        await asyncio.to_thread(store.bind, identity)
    memory = await close_open_intents(store, memory, listed, setting.rules.group, clock())
    again = {item.name: item for item in prospect.replan(listed, memory).items}
    unchanged = [each for each in prospect.handover.items if is_same(each, again.get(each.name))]
    writing = apply(
        unchanged,
        control_plane=control_plane,
        journal=store,
        group=setting.rules.group,
        sweep_id=secrets.token_hex(8),
        clock=clock,
        concurrency=1,
        sleep=sleep,
        writer=partial(TransferWriter, kind=prospect.kind),
    )
    applied, _ = await drain_on_stop(stop, writing)
    done = {item.name: item for item in applied}
    items = (done.get(each.name) or _plan_changed(each) for each in prospect.handover.items)
    return replace(prospect.handover, items=tuple(items))


def _plan_changed(item: Item) -> Item:
    text = "it, or its cache, changed after the plan was shown; it is as it was. Look again"
    return replace(item, applied=False, error=ItemError("PLAN_CHANGED", text, retryable=True))


async def _met(
    registry: Reader, memory: RememberedState, setting: TransferContext
) -> StateIdentity:
    """What the state is to belong to. Raises: WrongState, ControlPlaneError."""
    identity = setting.identity((await registry.ping()).cluster, memory.identity)
    refuse_other_identity(memory.identity, identity)
    return identity


async def _part(
    wish: AdoptRequest,
    rules: Rules,
    listed: tuple[Database, ...],
    registry: Reader,
    memory: RememberedState,
) -> ScopeFilter | Handover:
    """Where to scan; or what there is to say without a scan."""
    if wish.name is None:
        return ScopeFilter()
    live = next((each for each in listed if each.name == wish.name), None)
    if live is not None and own_to_claim(live, rules.group, memory) is not None:
        return part_to_scan(live, memory)
    if live is not None:
        refused = refused_unowned(live, rules.group, wish.from_group)
        return Handover(refused=(refused,)) if refused else part_to_scan(live, memory)
    try:
        await registry.get(wish.name)
    except Denied:
        return ScopeFilter()  # it is there; whoever wants its name can be found all the same
    return Handover(refused=(not_found(wish.name),))


async def _scanned(
    part: ScopeFilter,
    rules: Rules,
    cloud: Cloud,
    memory: RememberedState,
    on_progress: OnProgress | None,
) -> Scan:
    wishes = {matcher.iam_users for matcher in rules.matchers}
    return await scan(
        cloud,
        part=part,
        memory=memory,
        users=bool(wishes - {IamUsers.IGNORE}),
        refresh_users=IamUsers.REQUIRE in wishes,
        on_progress=on_progress,
    )


def _surveyed(
    scanned: Scan, rules: Rules, clock: Clock, listed: tuple[Database, ...], memory: RememberedState
) -> ObservedState:
    plan_input = PlanInput(
        results=scanned.results,
        targets=scanned.targets,
        listed=listed,
        memory=memory,
        now=clock(),
    )
    return observe(plan_input, rules)
