"""Reads that lag behind writes as a real cluster's do: lists and gets follow in steps of a second,
and update and delete say NOT_FOUND of what is younger than that."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from discovery.control_plane.base import AlreadyExists, Denied, NotFound
from discovery.control_plane.teleport.errors import ReadsLag
from discovery.control_plane.teleport.reader import LAG_READS
from discovery.model.codes import Action, Reason
from discovery.model.values import AccountId, Arn, Region, ResourceName, Scope
from discovery.plan.item import Item
from discovery.sandbox.teleport import changes
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect, Fault
from discovery.sandbox.teleport.server import SimulatedTeleport
from discovery.sandbox.teleport.store import MEASURED_STEP
from discovery.sweep.apply import apply
from state.store import Store
from tests.support.command_line import FRANKFURT, HUB
from tests.support.teleport_site import (
    ACCOUNT,
    REGION,
    Site,
    registration,
    with_labels,
)
from tests.support.teleport_sweeps import agent, by_name

ORDERS = registration().name
ARN = f"arn:aws:elasticache:{FRANKFURT}:{HUB}:serverlesscache:orders"


@pytest.fixture
def teleport() -> SimulatedTeleport:
    return SimulatedTeleport(Cluster(read_step=MEASURED_STEP))


def removal() -> Item:
    live = registration()
    return Item(
        scope=Scope(AccountId(ACCOUNT), Region(REGION)),
        arn=Arn(live.labels["cachemuster/arn"]),
        cache="orders",
        name=live.name,
        action=Action.DELETE,
        reason=Reason.ABSENT,
        message="as planned",
        database=live,
        live=live,
    )


def outcomes(site: Site, method: str) -> list[str]:
    return [call.outcome for call in site.teleport.calls.of(method)]


def says_not_found(site: Site, method: str, times: int = 1) -> None:
    """Another Auth Service answers, whose cache is behind."""
    fault = Fault(effect=Effect.ERROR, status="NOT_FOUND", method=method, times=times)
    site.teleport.faults.add(fault)


async def test_what_was_made_a_moment_ago_can_be_changed_and_removed(site: Site) -> None:
    site.cluster.store.lag = timedelta(seconds=1)
    async with site.client() as client:
        await client.create(registration())
        await client.update(registration(new="label"))
        assert site.kept("orders")["metadata"]["labels"]["new"] == "label"
        await client.create(registration("carts"))
        await client.delete(registration("carts").name)
    assert list(site.cluster.databases) == ["orders"]
    assert outcomes(site, "DeleteDatabase")[0] == "NOT_FOUND"
    assert outcomes(site, "DeleteDatabase")[-1] == "OK"


@pytest.mark.parametrize("method", ["UpdateDatabase", "DeleteDatabase"])
async def test_a_listed_resource_that_is_said_not_to_be_there_is_asked_for_again(
    site: Site, method: str
) -> None:
    site.cluster.place(registration())
    site.cluster.store.catch_up()
    async with site.client() as client:
        await client.list_databases()
        says_not_found(site, method)
        if method == "UpdateDatabase":
            await client.update(registration(new="label"))
            assert site.kept("orders")["metadata"]["labels"]["new"] == "label"
        else:
            await client.delete(ORDERS)
            assert not site.cluster.databases
    assert outcomes(site, method) == ["NOT_FOUND", "OK"]


async def test_a_listed_resource_that_one_get_does_not_find_is_looked_for_again(
    site: Site,
) -> None:
    site.cluster.place(registration())
    site.cluster.store.catch_up()
    async with site.client() as client:
        await client.list_databases()
        says_not_found(site, "GetDatabase", times=3)
        assert await client.get(ORDERS) is not None


async def test_what_was_really_removed_after_the_list_is_believed_in_the_end(
    site: Site,
) -> None:
    site.cluster.place(registration())
    site.cluster.store.catch_up()
    async with site.client() as client:
        await client.list_databases()
        changes.Remove(name="orders").do(site.cluster, "")
        with pytest.raises(NotFound):
            await client.delete(ORDERS)
        assert await client.get(ORDERS) is None
        assert outcomes(site, "DeleteDatabase") == ["NOT_FOUND"] * (LAG_READS + 1)


async def test_what_nobody_made_is_believed_at_once(site: Site) -> None:
    async with site.client() as client:
        await client.list_databases()
        for _ in range(2):
            with pytest.raises(NotFound):
                await client.delete(ResourceName("nobody"))
        with pytest.raises(NotFound):
            await client.update(registration("nobody"))
        assert await client.get(ResourceName("nobody")) is None
    assert len(outcomes(site, "DeleteDatabase")) == 2
    assert len(outcomes(site, "UpdateDatabase")) == 1
    assert len(outcomes(site, "GetDatabase")) == 1


async def test_a_removal_that_only_met_the_lag_is_not_counted_as_done(site: Site) -> None:
    """Longer than anybody waits: the item says so, and its intent stays open."""
    site.cluster.store.lag = timedelta(hours=1)
    with Store.open(site.directory / "state.db") as store:
        async with site.client() as client:
            await client.create(registration())
            with pytest.raises(ReadsLag, match="Its reads lag"):
                await client.delete(ORDERS)
            [item] = await apply(
                [removal()],
                control_plane=client,
                journal=store,
                group="prod",
                sweep_id="1",
                clock=site.now,
                sleep=site.pause,
            )
        assert (item.applied, item.error and item.error.code) == (False, "READS_LAG")
        assert len(store.load().open_intents) == 1
    assert list(site.cluster.databases) == ["orders"]


async def test_what_somebody_made_anew_after_our_removal_is_seen(site: Site) -> None:
    async with site.client() as client:
        await client.create(registration())
        await client.get(ORDERS)
        await client.delete(ORDERS)
        site.cluster.place(with_labels(registration(), whose="theirs"))
        site.cluster.store.catch_up()
        found = await client.get(ORDERS)
        assert found is not None
        assert found.labels["whose"] == "theirs"
        says_not_found(site, "DeleteDatabase")
        await client.delete(ORDERS)
    assert not site.cluster.databases


@pytest.mark.slow
def test_a_command_right_after_a_sweep_sees_what_that_one_wrote(tmp_path: Path) -> None:
    """Two processes, one after the other; without a wait the second list would be the old one."""
    with agent(tmp_path, Cluster(read_step=timedelta(seconds=1))) as shown:
        run, _ = shown.sweep()
        assert run.code == 0, run
        assert len(shown.databases) == 3
        for command in ("audit", "sweep"):
            _, document = shown.sweep(command)
            assert [item["action"] for item in by_name(document)] == ["keep"] * 3
        shown.cli.configure(
            (shown.cli.directory / "cachemuster.yaml").read_text()
            + 'matchers: [{name: all, exclude_tags: {teleport: "off"}}]\n'
        )
        shown.cli.region().set_tags(ARN, {"teleport": "off"}, lag=timedelta(0))
        shown.sweep()  # with other matchers a removal waits once
        removed = [item for item in shown.sweep()[1]["items"] if item["cache"] == "orders"]
        again = [item for item in shown.sweep("audit")[1]["items"] if item["cache"] == "orders"]
        said = [f"{item['action']}/{item['reason']}" for item in (*removed, *again)]
        assert said == ["delete/EXCLUDED", "skipped/EXCLUDED"]
        exported = shown.cli.run("export", "--registered")
        assert exported.out.count("kind: db\n") == 2, exported


@pytest.mark.slow
def test_a_locked_bot_is_refused_every_call_and_told_of_locks(tmp_path: Path) -> None:
    with agent(tmp_path, Cluster()) as shown:
        shown.teleport.cluster.locked.add("bot-cachemuster")
        run = shown.cli.run("audit", "--format", "json")
    assert run.code == 1
    assert "may be locked (`tctl get locks`)" in run.err
    assert {item["reason"] for item in json.loads(run.out)["items"]} == {"REGISTRY_UNREAD"}


async def test_a_fenced_bot_finds_ours_is_denied_anothers_and_told_that_nobodys_is_not_there(
    site: Site,
) -> None:
    site.cluster.place(registration())
    site.cluster.place(registration("theirs", **{"managed-by": "terraform"}))
    site.cluster.store.catch_up()
    async with site.client() as client:
        assert [each.name for each in await client.list_databases()] == ["orders"]
        assert await client.get(ORDERS) is not None
        with pytest.raises(Denied):
            await client.get(ResourceName("theirs"))
        assert await client.get(ResourceName("nobodys")) is None
        with pytest.raises(AlreadyExists):
            await client.create(registration("theirs"))
    assert site.kept("theirs")["metadata"]["labels"]["managed-by"] == "terraform"
    assert outcomes(site, "GetDatabase") == ["OK", "PERMISSION_DENIED", "NOT_FOUND"]
