"""Several processes sweep one cloud into one simulated Teleport, all at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from discovery.cli.interruption import Interruption
from discovery.cli.setup import run_sweep
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter
from discovery.reports.report import Report
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sweep.context import SweepRequest
from tests.support.command_line import FRANKFURT, HUB
from tests.support.teleport_sweeps import TeleportAgent, agent

pytestmark = pytest.mark.slow

MEMBERS = tuple(f"{number}22233334444" for number in range(1, 6))
CONFIGURATION = """\
version: 1
group: prod
state: {path: %s.db}
aws:
  regions: [eu-central-1]
  accounts: [%s]
deregistration: {missed_sweeps: 1, grace: 0s, max_percent: 100}
out_of_scope: remove
control_plane: %s
"""


class Fleet:
    """Shards, each with a configuration and a state file of its own."""

    def __init__(self, agent: TeleportAgent) -> None:
        self.agent = agent
        self.plane = _control_plane_of(agent.cli.directory / "cachemuster.yaml")
        world = agent.cli.aws.world
        self.roles = {
            account: world.account(account, regions=(FRANKFURT,))
            .add_role("cachemuster", trusted=[HUB])
            .arn
            for account in MEMBERS
        }
        for account in MEMBERS:
            self.add(account, "orders")

    def add(self, account: str, name: str) -> None:
        self.agent.cli.region(FRANKFURT, account).add_cache(name)

    def at_once(self, *shards: Shard) -> list[Report]:
        """Sweeps of all of them, each begun before any has ended."""
        with (
            contextlib.chdir(self.agent.cli.directory),
            patch.dict(os.environ, self.agent.cli.environment, clear=True),
        ):
            return asyncio.run(self._at_once(shards))

    async def _at_once(self, shards: tuple[Shard, ...]) -> list[Report]:
        return await asyncio.gather(*(self._sweep(shard) for shard in shards))

    async def _sweep(self, shard: Shard) -> Report:
        return await run_sweep(
            self._configuration(shard),
            SweepRequest(scope_filter=ScopeFilter(shard=shard)),
            Interruption(),
            None,
            lock_timeout=timedelta(seconds=60),
        )

    def _configuration(self, shard: Shard) -> Path:
        name = f"shard-{shard.index}-of-{shard.count}"
        accounts = ", ".join(
            f'{{id: "{account}", role_arn: "{role}"}}' for account, role in self.roles.items()
        )
        path = self.agent.cli.directory / f"{name}.yaml"
        path.write_text(CONFIGURATION % (name, accounts, self.plane))
        return path

    @property
    def registered(self) -> dict[str, str]:
        """The cache behind each name."""
        databases = self.agent.databases
        return {
            name: database["metadata"]["labels"]["cachemuster/arn"]
            for name, database in databases.items()
        }


def _control_plane_of(path: Path) -> str:
    return path.read_text().partition("control_plane:")[2].strip()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with agent(tmp_path, Cluster()) as shown:
        yield Fleet(shown)


def parts(count: int) -> list[Shard]:
    return [Shard(index, count) for index in range(count)]


def test_the_parts_together_register_every_cache_once(fleet: Fleet) -> None:
    reports = fleet.at_once(*parts(3))
    assert sum(report.summary["create"] for report in reports) == len(MEMBERS)
    assert {report.summary["failed"] for report in reports} == {0}
    assert len(set(fleet.registered.values())) == len(fleet.registered) == len(MEMBERS)
    assert fleet.agent.writes() == ["CreateDatabase"] * len(MEMBERS)


@pytest.mark.parametrize(("before", "after"), [(2, 3), (3, 2)], ids=["grows", "shrinks"])
def test_old_and_new_parts_side_by_side(fleet: Fleet, before: int, after: int) -> None:
    old, new = parts(before), parts(after)
    fleet.at_once(*old)
    alive = fleet.registered
    for account in MEMBERS:
        fleet.add(account, "ledger")  # both generations find it at the same time
    for _ in range(2):
        reports = fleet.at_once(*new, *old)
        assert sum(report.summary["delete"] + report.summary["failed"] for report in reports) == 0
        assert alive.items() <= fleet.registered.items()
    assert len(set(fleet.registered.values())) == len(fleet.registered) == 2 * len(MEMBERS)
    assert fleet.agent.writes().count("DeleteDatabase") == 0

    fleet.agent.cli.region(FRANKFURT, MEMBERS[0]).remove_cache("orders")
    fleet.at_once(*new)  # the old ones have ended; what is gone, goes
    assert len(fleet.registered) == 2 * len(MEMBERS) - 1
    reports = fleet.at_once(*new)
    assert sum(report.summary["keep"] for report in reports) == len(fleet.registered)
