"""Several processes, each with its part of the accounts and a memory of its own; one registry.

While the number of parts changes, old and new ones run side by side: every part of a sweep (scan,
list and plan, write) of one may fall between those of any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from discovery.model.codes import Action, Reason, ScopeReason
from discovery.model.values import (
    AccountId,
    Arn,
    Cache,
    Complete,
    Database,
    Failed,
    Scanned,
    Scope,
    Tags,
)
from discovery.plan.inputs import PlanInput
from discovery.plan.item import Item
from discovery.plan.plan import Plan, make_plan
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter, Targets
from discovery.sweep.write import Writer
from discovery.sweep.write_strategy import SweepStrategy
from matchers.regions import RegionList
from state.records import RememberedState
from tests.support.pure_cloud import (
    GROUP,
    NOW,
    REGIONS,
    World,
    complete_scans,
    ours,
    remembering,
    rules,
    scans,
    strangers,
)
from tests.support.simulated_control_plane import SimulatedControlPlane

ACCOUNTS = tuple(AccountId(f"{number}11122223333") for number in range(1, 6))
SCOPES = tuple(Scope(account, REGIONS[0]) for account in ACCOUNTS)
SPAN = timedelta(minutes=5)


def shards(count: int) -> list[Shard]:
    return [Shard(index, count) for index in range(count)]


def targets_of(shard: Shard | None) -> Targets:
    return Targets(
        accounts={each: RegionList(frozenset(REGIONS[:1]), complete=True) for each in ACCOUNTS},
        accounts_complete=True,
        scope_filter=ScopeFilter(shard=shard),
    )


def seen_by(shard: Shard | None, results: Iterable[Scanned]) -> tuple[Scanned, ...]:
    return tuple(each for each in results if ScopeFilter(shard=shard).covers(each.scope))


@st.composite
def clouds(draw: st.DrawFn, *, whole: bool = True) -> tuple[Scanned, ...]:
    """Every account scanned. A name given by tag is wanted in one account only: of two that want
    it, a process sees the other's once it is registered, and one process alone at once."""
    kind = complete_scans if whole else scans
    return tuple(_with_own_names(draw(kind(scope))) for scope in SCOPES)


def _with_own_names(result: Scanned) -> Scanned:
    if not isinstance(result, Complete):
        return result
    return replace(result, caches=tuple(_with_own_name(cache) for cache in result.caches))


def _with_own_name(cache: Cache) -> Cache:
    if not isinstance(cache.tags, Tags) or "TeleportDatabaseName" not in cache.tags.values:
        return cache
    name = f"{cache.tags.values['TeleportDatabaseName']}-of-{cache.account_id}"
    return replace(
        cache,
        tags=replace(cache.tags, values={**cache.tags.values, "TeleportDatabaseName": name}),
    )


def shown(items: Iterable[Item]) -> list[str]:
    """What a plan says of caches and of our registrations, in an order that both sides have."""
    return sorted(
        repr((item.arn, item.name, item.action, item.reason, item.message, item.changes))
        for item in items
        if item.arn is not None
    )


def is_its_own(shard: Shard, item: Item) -> bool:
    return ScopeFilter(shard=shard).covers(item.scope)


@st.composite
def lived_in(draw: st.DrawFn) -> World:
    world = World({each.name: each for each in draw(strangers())})
    for _ in range(draw(st.integers(0, 2))):
        _, world = world.sweep(draw(clouds(whole=False)), rules(), targets=targets_of(None))
    return world


@pytest.mark.slow
@given(lived_in(), clouds(whole=False), st.integers(1, 4))
def test_the_parts_together_plan_what_one_process_plans(
    world: World, results: tuple[Scanned, ...], count: int
) -> None:
    whole = make_plan(world.plan_input(results, targets=targets_of(None)), rules())
    event(f"{sum(item.action.writes for item in whole.items)} writes")
    parts = {
        shard: make_plan(
            world.plan_input(seen_by(shard, results), targets=targets_of(shard)), rules()
        )
        for shard in shards(count)
    }
    own = [item for shard, plan in parts.items() for item in plan.items if is_its_own(shard, item)]
    assert shown(own) == shown(whole.items)
    for shard, plan in parts.items():
        theirs = [item for item in plan.items if not is_its_own(shard, item)]
        assert {item.action for item in theirs} <= {Action.HELD, Action.CONFLICT}


@pytest.mark.slow
@given(st.lists(clouds(whole=False), min_size=1, max_size=3), st.integers(2, 4))
def test_sweep_after_sweep_the_parts_write_what_one_process_writes(
    rounds: list[tuple[Scanned, ...]], count: int
) -> None:
    alone = World()
    listed: Mapping[str, Database] = {}
    memories = {shard: RememberedState() for shard in shards(count)}
    for number, results in enumerate(rounds):
        now = NOW + number * SPAN
        written: list[Item] = []
        plan, alone = alone.sweep(results, rules(), targets=targets_of(None), now=now)
        for shard, state in memories.items():
            seen = seen_by(shard, results)
            part, after = World(listed, state).sweep(
                seen, rules(), targets=targets_of(shard), now=now
            )
            listed, memories[shard] = after.listed, after.state
            written += [item for item in part.items if item.action.writes]
        assert shown(written) == shown(item for item in plan.items if item.action.writes)
        assert listed == alone.listed


# -- from n to n±1 -------------------------------------------------------------------------------


@dataclass
class Cloud:
    """What exists, and how it looks to whoever scans it now."""

    results: tuple[Scanned, ...]

    def scan(self, unread: frozenset[Scope]) -> tuple[Scanned, ...]:
        return tuple(
            Failed(scope=each.scope, started_at=NOW, reason=ScopeReason.DENIED)
            if each.scope in unread
            else each
            for each in self.results
        )

    def holds(self, arn: Arn | None) -> bool:
        caches = (c for each in self.results if isinstance(each, Complete) for c in each.caches)
        return any(cache.arn == arn for cache in caches)


@dataclass
class Process:
    """One shard, somewhere in a sweep."""

    shard: Shard
    state: RememberedState = field(default_factory=RememberedState)
    scanned: tuple[Scanned, ...] | None = None
    plan: Plan | None = None

    async def step(
        self, cloud: Cloud, plane: SimulatedControlPlane, now: datetime, unread: frozenset[Scope]
    ) -> None:
        """Scans, else lists and plans, else asks once more and writes, by the real writer."""
        if self.scanned is None:
            self.scanned = seen_by(self.shard, cloud.scan(unread))
        elif self.plan is None:
            plan_input = PlanInput(
                results=self.scanned,
                targets=targets_of(self.shard),
                listed=await plane.list_databases(),
                state=self.state,
                now=now,
            )
            self.plan = make_plan(plan_input, rules())
        else:
            items = [await self._carried_out(item, cloud, plane) for item in self.plan.items]
            self.state = remembering(self.state, self.plan, items, rules(), now)
            self.scanned = self.plan = None

    async def _carried_out(self, item: Item, cloud: Cloud, plane: SimulatedControlPlane) -> Item:
        if not item.action.writes or (item.reason is Reason.ABSENT and cloud.holds(item.arn)):
            return item  # the proof of R3 keeps it
        writer = Writer(plane, GROUP, SweepStrategy(GROUP), asyncio.sleep, asyncio.Event())
        return (await writer.write(item)).item


@st.composite
def growing_clouds(draw: st.DrawFn) -> tuple[Cloud, Cloud]:
    """A cloud, and the same one when more caches have been made."""
    after = draw(clouds())
    before = tuple(
        replace(each, caches=each.caches[: draw(st.integers(0, len(each.caches)))])
        for each in after
        if isinstance(each, Complete)
    )
    return Cloud(before), Cloud(after)


Step = tuple[int, bool, bool, frozenset[Scope]]

steps = st.tuples(
    st.integers(0, 20),
    st.integers(0, 15).map(lambda n: n == 0),
    st.integers(0, 5).map(lambda n: n == 0),
    st.frozensets(st.sampled_from(SCOPES), max_size=1),
)
"""Which process goes on, whether its memory is lost before, whether the cloud has grown by then,
and which account cannot be read just now."""


def wanted(clouds: Iterable[Cloud], strange: Iterable[Database]) -> list[tuple[Arn, str]]:
    """What one process alone makes of these clouds, one after the other."""
    world = World({each.name: each for each in strange})
    for cloud in clouds:
        for _ in range(2):
            _, world = world.sweep(cloud.results, rules(), targets=targets_of(None))
    return sorted((arn, name) for name, arn in ours(world.listed).items())


def registered(plane: SimulatedControlPlane) -> list[tuple[Arn, str]]:
    return sorted((arn, name) for name, arn in ours(plane.resources).items())


@pytest.mark.slow
@given(
    growing_clouds(), strangers(), st.integers(1, 4), st.booleans(), st.lists(steps, max_size=40)
)
def test_while_their_number_changes_nothing_alive_goes_and_nothing_comes_twice(
    pair: Any, strange: Any, count: int, grows: bool, schedule: Any
) -> None:
    asyncio.run(
        _resharded(pair, strange, count, count + 1 if grows else max(1, count - 1), schedule)
    )


async def _resharded(
    pair: tuple[Cloud, Cloud],
    strange: Sequence[Database],
    before: int,
    after: int,
    schedule: Sequence[Step],
) -> None:
    plane = SimulatedControlPlane()
    plane.put(*strange)
    old, new = ([Process(shard) for shard in shards(n)] for n in (before, after))
    clock = _ticks()
    for process in [*old, *old]:
        for _ in range(3):
            await process.step(pair[0], plane, next(clock), frozenset())
    assert registered(plane) == wanted(pair[:1], strange)

    grown, alive = False, {arn for arn, _ in registered(plane)}
    for number, loses_memory, grows, unread in schedule:
        grown = grown or grows
        process = (old + new)[number % (before + after)]
        if loses_memory:
            process.state = RememberedState()
        await process.step(pair[grown], plane, next(clock), unread)
        arns = [arn for arn, _ in registered(plane)]
        assert len(arns) == len(set(arns)), "registered twice"
        assert alive <= set(arns), "a live cache was deregistered"
        alive = set(arns)
    for process in [*new, *new, *new]:  # the old ones have ended
        for _ in range(3):
            await process.step(pair[1], plane, next(clock), frozenset())
    assert registered(plane) == wanted(pair, strange)


def _ticks() -> Iterator[datetime]:
    at = NOW
    while True:
        at += SPAN
        yield at
