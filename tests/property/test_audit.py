"""An audit and a sweep of the same moment have one plan, which is what then happens: whatever a
killed process left open, and whatever the agent's role lets it see."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from discovery.control_plane.base import AlreadyExists, ClusterInfo, Denied, NotFound
from discovery.model.codes import Action, Reason
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Database, ResourceName, Scanned, Served
from discovery.plan.item import Item
from discovery.plan.lookups import new_names
from discovery.plan.plan import Plan, make_plan
from discovery.sweep.context import SweepContext, SweepRequest
from discovery.sweep.current_state import read_current_state
from discovery.sweep.open_intents import close_open_intents, preview_closed_intents
from discovery.sweep.run import SweepRun
from discovery.sweep.scan import Scan
from discovery.sweep.sweep import apply_changes, plan_changes
from state.records import Intent, IntentKind, Registration, RememberedState, SweepOutcome
from state.store import Store, load_state
from tests.support.pure_cloud import (
    NOW,
    STRANGE,
    TARGETS,
    World,
    all_complete,
    any_results,
    mostly,
    ours,
    rules,
    stranger,
    strangers,
)
from tests.support.state_records import IDENTITY, record_of

pytestmark = pytest.mark.slow

KINDS = (
    IntentKind.CREATE,
    IntentKind.UPDATE,
    IntentKind.DELETE,
    IntentKind.RENAME,
    IntentKind.REPLACE,
)


@dataclass(frozen=True)
class Wreck:
    """A world in which a process was killed between its intents and their outcomes."""

    world: World
    intents: tuple[Intent, ...]


@st.composite
def wrecks(draw: st.DrawFn) -> Wreck:
    world = World({each.name: each for each in draw(strangers())})
    for _ in range(draw(st.integers(1, 2))):
        _, world = world.sweep(draw(all_complete()), rules())
    listed, registrations = dict(world.listed), dict(world.state.registrations)
    intents: list[Intent] = []
    assume(ours(listed))
    for name in sorted(ours(listed)):
        if draw(mostly(True, False)):
            kind, landed = draw(st.sampled_from(KINDS)), draw(st.integers(0, 2))
            intents.append(_intent(kind, listed[name], len(intents)))
            _leave(intents[-1], landed, listed, registrations)
    state = replace(world.state, registrations=registrations)
    return Wreck(World(listed, state), tuple(intents))


def _intent(kind: IntentKind, database: Database, number: int) -> Intent:
    cache = parse_cache_arn(database.labels["cachemuster/arn"])
    assert cache is not None
    action = {IntentKind.CREATE: Action.CREATE, IntentKind.DELETE: Action.DELETE}
    renames = kind is IntentKind.RENAME
    return Intent(
        sweep_id="killed",
        kind=kind,
        action=action.get(kind, Action.UPDATE),
        reason=Reason.RENAMED if renames else Reason.DRIFT,
        arn=cache.arn,
        scope=cache.scope,
        name=database.name,
        previous_name=ResourceName(f"earlier-{number}") if renames else None,
        database=database,
        at=NOW - timedelta(minutes=number),
    )


def _leave(
    intent: Intent,
    landed: int,
    listed: dict[str, Database],
    registrations: dict[ResourceName, Registration],
) -> None:
    """The list and the state as the killed process left them: nothing of its write had happened,
    half of it, or all."""
    known = registrations.pop(intent.name, None)
    if intent.kind is IntentKind.RENAME:
        assert intent.database is not None
        assert intent.previous_name is not None
        earlier = replace(intent.database, name=intent.previous_name)
        if known is not None:
            registrations[earlier.name] = replace(known, name=earlier.name, database=earlier)
        if landed < 2:
            listed[earlier.name] = earlier
        if landed == 0:
            del listed[intent.name]
        return
    if known is not None and intent.kind is not IntentKind.CREATE:
        registrations[intent.name] = known
    if (intent.kind is IntentKind.CREATE) == (landed == 0):
        del listed[intent.name]


@contextmanager
def stored(wreck: Wreck) -> Iterator[Path]:
    """A state file that holds the state and the open intents."""
    state = wreck.world.state
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state.db"
        with Store.open(path) as store:
            for number in range(state.finished_sweeps):
                store.record(_outcome(state, number))
            store.write(wreck.intents)
        yield path


def _outcome(state: RememberedState, number: int) -> SweepOutcome:
    return SweepOutcome(
        record=record_of(number),
        identity=IDENTITY,
        matching_digest=state.matching_digest or "",
        scopes=tuple(state.scopes.values()),
        caches_seen=tuple(state.caches.values()),
        registrations_inherited=tuple(state.registrations.values()),
        pending_removals=tuple(state.pending_removals.values()),
    )


def run_of(state: RememberedState, results: tuple[Scanned, ...], *, dry_run: bool) -> SweepRun:
    """A sweep or audit that has scanned."""
    by = rules(budget=replace(rules().budget, window=timedelta(hours=1), max_count=3))
    context = SweepContext(config=None, rules=by, cloud=None, clock=lambda: NOW)  # type: ignore[arg-type]
    run = SweepRun.start(context, SweepRequest(), state, dry_run=dry_run)
    run.scan = Scan(TARGETS, results)
    return run


@dataclass
class Fenced:
    """A control plane whose bot may not see everything, and whose list lags at that."""

    stands: dict[str, Database]
    unseen: frozenset[str] = frozenset()
    """Names that the role does not show; what is made in one of them is the bot's own."""
    unlisted: frozenset[str] = frozenset()
    """Names that the role shows, and the list does not."""

    async def list_databases(self) -> tuple[Database, ...]:
        hidden = self.unseen | self.unlisted
        return tuple(each for name, each in self.stands.items() if name not in hidden)

    async def get(self, name: ResourceName) -> Database | None:
        if name in self.stands and name in self.unseen:
            raise Denied(f"not for you: {name}")
        return self.stands.get(name)

    async def ping(self) -> ClusterInfo:
        return ClusterInfo(kind="teleport", cluster="one")

    async def served(self) -> tuple[Served, ...]:
        return ()

    async def create(self, database: Database) -> None:
        if database.name in self.stands:
            raise AlreadyExists(database.name)
        self.stands[database.name] = database

    async def update(self, database: Database) -> None:
        if await self.get(database.name) is None:
            raise NotFound(database.name)
        self.stands[database.name] = database

    async def delete(self, name: ResourceName) -> None:
        if await self.get(name) is None:
            raise NotFound(name)
        del self.stands[name]


SEEN, UNSEEN, UNLISTED = "seen", "unseen", "unlisted"


@st.composite
def fenced(draw: st.DrawFn, wreck: Wreck, results: tuple[Scanned, ...]) -> Fenced:
    """What stands, seen as a role shows it: mostly what is the agent's own, and nothing else.
    Strangers stand in some of the names that a plan would take."""
    listed = dict(wreck.world.listed)
    wanted = new_names(make_plan(wreck.world.plan_input(results), rules()).items)
    for name in sorted(wanted - listed.keys()):
        if draw(st.booleans()):
            listed[name] = stranger(name, *draw(st.sampled_from(STRANGE)))
    own = ours(listed)
    shown = {
        name: draw(
            st.sampled_from([SEEN] * 6 + [UNSEEN, UNLISTED])
            if name in own
            else mostly(UNSEEN, SEEN, UNLISTED)
        )
        for name in sorted(listed)
    }
    hidden, late = ({n for n, how in shown.items() if how == what} for what in (UNSEEN, UNLISTED))
    return Fenced(listed, frozenset(hidden), frozenset(late))


async def plan_audit(run: SweepRun, plane: Fenced) -> Plan:
    """The plan of an audit."""
    current = await read_current_state(plane, run.state, run.rules.group)
    run.state = preview_closed_intents(run.state, current.databases, run.rules.group, NOW)
    return await plan_changes(run, current, plane)


async def apply_sweep(run: SweepRun, plane: Fenced, store: Store) -> tuple[Plan, tuple[Item, ...]]:
    """The plan of a sweep, and its items once they were carried out."""
    current = await read_current_state(plane, run.state, run.rules.group)
    run.state = await close_open_intents(store, run.state, current.databases, run.rules.group, NOW)
    plan = await plan_changes(run, current, plane)
    await apply_changes(run, plane, store)
    return plan, run.items


@settings(max_examples=40)  # each has a file of its own, synced to the disk
@given(st.data(), wrecks(), any_results())
def test_an_audit_and_the_sweep_after_it_are_one_whatever_the_role_lets_them_see(
    data: st.DataObject, wreck: Wreck, results: tuple[Scanned, ...]
) -> None:
    plane = data.draw(fenced(wreck, results))
    with stored(wreck) as path:
        audit = run_of(load_state(path), results, dry_run=True)
        shown = asyncio.run(plan_audit(audit, plane))
        with Store.open(path) as store:
            sweep = run_of(store.load(), results, dry_run=False)
            plan, items = asyncio.run(apply_sweep(sweep, plane, store))
    event(f"{len(wreck.intents)} left open")
    reasons = {item.reason for item in items}
    event(f"taken unseen: {Reason.NAME_TAKEN_UNSEEN in reasons}")
    event(f"unseen: {len(plane.unseen)}, unlisted: {len(plane.unlisted)}")
    assert shown.checksum == plan.checksum
    assert shown.items == plan.items
    assert shown.guard == plan.guard
    # What was planned is what happens: no write meets what the audit did not show.
    assert [(each.action, each.reason, each.name) for each in items] == [
        (each.action, each.reason, each.name) for each in shown.items
    ]
    assert not [item for item in items if item.error is not None]
