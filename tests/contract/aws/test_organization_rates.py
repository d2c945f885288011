"""Accounts of an AWS Organization as targets: how fast they are listed, and in every partition."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from discovery.aws.clients import open_clients
from discovery.aws.rate_limiter import RateLimiter
from discovery.model.values import AccountId, Complete, Scope
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import Account, World
from discovery.sweep.scan import Scan
from tests.contract.aws.conftest import HOME, HUB, Site, result_of
from tests.support.organization import ROLE, Fleet, SimulatedTime, number

pytestmark = pytest.mark.slow

A = number(1)
STRANGER = "888888888888"


class Rationed:
    """An organization of a thousand accounts in an AWS that throttles at the published rates, in a
    time that passes only while the agent waits."""

    def __init__(self, aws: SimulatedAws, site: Site) -> None:
        self.aws = aws
        self.fleet = Fleet(site)
        units = [self.fleet.organization.add_unit(f"unit {n}") for n in range(50)]
        for n in range(1, 1000):
            self.fleet.organization.join(number(n), parent=units[n % 50])

    async def scan(self, **entry: Any) -> Scan:
        """The accounts are listed; the part is such that none of them is entered."""
        nobody = ScopeFilter((Scope(AccountId(STRANGER), None),))
        return await self.fleet.scan(more={"scope_filter": nobody}, **entry)

    @property
    def errors(self) -> list[str | None]:
        return [call.error for call in self.aws.calls.of(service="organizations")]


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
async def rationed(time: SimulatedTime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rationed]:
    aws = SimulatedAws(time.world())
    async with aws.serve() as url:
        agent_of(aws.world.account(HUB), url, HOME, monkeypatch)
        site = Site(aws, url)
        site.rate_limiter = time.rate_limiter
        yield Rationed(aws, site)


def agent_of(hub: Account, url: str, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent has a key of that account."""
    key = hub.add_key()
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)


async def test_a_thousand_accounts_in_one_list(rationed: Rationed, time: SimulatedTime) -> None:
    found = await rationed.scan()
    assert rationed.errors == [None] * 50
    assert len(found.targets.accounts) == 1000
    assert found.targets.accounts_complete
    assert 5 < time.slept_s < 6


async def test_a_thousand_accounts_in_a_tree(rationed: Rationed, time: SimulatedTime) -> None:
    found = await rationed.scan(exclude_ous=[rationed.fleet.organization.add_unit("empty")])
    assert rationed.errors == [None] * (1 + 51 + 53)  # root, accounts of 51 places, their units
    assert len(found.targets.accounts) == 1000
    assert found.targets.accounts_complete
    assert 8 < time.slept_s < 12


async def test_sweep_after_sweep_of_one_process(rationed: Rationed, time: SimulatedTime) -> None:
    for _ in range(3):
        await rationed.scan()
    assert rationed.errors == [None] * 150
    assert time.slept_s > 18


async def test_who_does_not_wait_is_throttled(rationed: Rationed) -> None:
    async def hurry(_: float) -> None:
        return

    rationed.fleet.site.rate_limiter = RateLimiter(sleep=hurry)
    found = await rationed.scan()
    assert "TooManyRequestsException" in rationed.errors
    assert not found.targets.accounts_complete


@pytest.mark.parametrize(
    ("partition", "region", "endpoint"),
    [
        ("aws", "eu-west-1", "organizations.us-east-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "organizations.cn-northwest-1.amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-east-1", "organizations.us-gov-west-1.amazonaws.com"),
    ],
)
async def test_roles_and_endpoints_are_those_of_the_partition(
    monkeypatch: pytest.MonkeyPatch, partition: str, region: str, endpoint: str
) -> None:

    aws = SimulatedAws(World())
    hub = aws.world.account(HUB, partition=partition)
    member = aws.world.account(A, partition=partition)
    member.add_role(ROLE, trusted=[HUB])
    member.region(region).add_cache("one")
    aws.world.organize(HUB).join(A)
    async with aws.serve() as url:
        agent_of(hub, url, region, monkeypatch)
        found = await Site(aws, url).scan(
            accounts=[{"organization": {"role_name": ROLE}}], regions=f"{region[:3]}*"
        )
    result = result_of(found, A, region)
    assert isinstance(result, Complete)
    assert [cache.partition for cache in result.caches] == [partition]
    [assumed] = aws.calls.of("AssumeRole")
    assert assumed.members["RoleArn"] == f"arn:{partition}:iam::{A}:role/{ROLE}"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    async with open_clients(None, pool=1) as clients:
        client = await clients.get("organizations", region)
        assert client.meta.endpoint_url == f"https://{endpoint}"
