"""What a shard remembers of accounts that another shard has taken over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from discovery.model.codes import Action, NoteCode, Reason
from discovery.model.values import AccountId, Complete, Endpoint, Scope, Tags
from discovery.model.values import Cache as FoundCache
from discovery.plan.item import Item
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter, Targets
from matchers.regions import RegionList
from tests.support.pure_cloud import DIRECTORY, NOW, REGIONS, World, arn_of, rules

ACCOUNT = AccountId("111122223333")
SCOPE = Scope(ACCOUNT, REGIONS[0])
HIS, MINE = sorted((Shard(0, 2), Shard(1, 2)), key=lambda shard: shard.owns(ACCOUNT))
"""The shard that does not look after the account, and the one that does."""

ORDERS = FoundCache(
    arn=arn_of(SCOPE, "orders"),
    partition="aws",
    account_id=ACCOUNT,
    region=REGIONS[0],
    name="orders",
    status="available",
    engine="valkey",
    engine_version="8.1",
    endpoint=Endpoint("orders-abc123.serverless.euc1.cache.amazonaws.com", 6379),
    created_at=NOW - timedelta(days=400),
    user_group_id="people",
    tags=Tags({"env": "prod"}, NOW, confirmed=True),
    vpc_id="vpc-1",
)


def targets(shard: Shard) -> Targets:
    known = {ACCOUNT: RegionList(frozenset(REGIONS[:1]), complete=True)}
    return Targets(accounts=known, accounts_complete=True, scope_filter=ScopeFilter(shard=shard))


def sweep_shard(
    world: World, shard: Shard, *caches: FoundCache, now: datetime = NOW
) -> tuple[Sequence[Item], World]:
    """The items and the world of one sweep of this shard, to which two complete scans count."""
    seen = (Complete(scope=SCOPE, started_at=now, caches=caches, users_and_groups=DIRECTORY),)
    plan, world = world.sweep(
        seen if shard.owns(ACCOUNT) else (), rules(missed_sweeps=2), targets=targets(shard), now=now
    )
    return plan.items, world


def test_what_was_missed_before_an_account_left_does_not_count_when_it_comes_back() -> None:
    _, world = sweep_shard(World(), MINE, ORDERS)
    (item,), world = sweep_shard(world, MINE)
    assert (item.reason, item.missed and item.missed.scans) == (Reason.WAITING, 1)
    (item,), world = sweep_shard(world, HIS)
    assert (item.action, item.reason) == (Action.HELD, Reason.NOT_IN_RUN)
    (item,), world = sweep_shard(world, MINE, now=NOW + timedelta(days=90))
    assert (item.reason, item.missed and item.missed.scans) == (Reason.WAITING, 1)


def test_of_an_account_that_another_shard_has_taken_over_nothing_is_remembered() -> None:
    _, world = sweep_shard(World(), MINE, ORDERS)
    assert world.state.caches
    assert world.state.registrations
    assert world.state.scopes
    _, world = sweep_shard(world, HIS)
    state = world.state
    assert (state.caches, state.registrations, state.scopes) == ({}, {}, {})


def test_an_account_that_comes_back_is_inherited() -> None:
    _, world = sweep_shard(World(), MINE, ORDERS)
    _, world = sweep_shard(world, HIS)
    (item,), world = sweep_shard(world, MINE, ORDERS)
    assert item.reason is Reason.UNCHANGED
    assert [note.code for note in item.notes] == [NoteCode.INHERITED]
    assert [each.inherited for each in world.state.registrations.values()] == [False]
    (item,), _ = sweep_shard(world, MINE, ORDERS)
    assert item.notes == ()


def test_a_shard_does_not_say_that_it_inherits_what_another_looks_after() -> None:
    _, world = sweep_shard(World(), MINE, ORDERS)
    (item,), world = sweep_shard(world.forgetful(), HIS)
    assert (item.reason, item.notes) == (Reason.NOT_IN_RUN, ())
    assert world.state.registrations == {}
