"""An organization around the agent's own account, for tests of the targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from discovery.aws.rate_limiter import RateLimiter
from discovery.model.values import AccountId, Complete, Region, Scope
from discovery.sandbox.aws.organization import ROOT, Organization
from discovery.sandbox.aws.world import World
from discovery.sweep.scan import Scan
from matchers.regions import ScopeMembership
from tests.contract.aws.conftest import HOME, HUB, Site

ROLE = "cachemuster"
EPOCH = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def number(n: int) -> str:
    """The id of the n-th account."""
    return f"{n:012d}"


class Fleet:
    """The organization whose management account is the agent's own."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.organization: Organization = site.aws.world.organize(HUB)

    def join(self, *accounts: str, parent: str = ROOT, role: str = ROLE) -> None:
        """These accounts are in a unit, and let the agent in."""
        for account_id in accounts:
            self.site.aws.world.account(account_id).add_role(role, trusted=[HUB])
            self.organization.join(account_id, parent=parent)

    async def scan(
        self,
        *,
        beside: Iterable[object] = (),
        more: Mapping[str, Any] = MappingProxyType({}),
        **entry: object,
    ) -> Scan:
        """A scan of the organization's entry and those beside it."""
        organization = {"organization": {"role_name": ROLE, **entry}}
        return await self.site.scan(accounts=[*beside, organization], **more)


def read(found: Scan, region: str = HOME) -> set[str]:
    """The accounts of which the region was read completely."""
    return {
        result.scope.account_id
        for result in found.results
        if isinstance(result, Complete) and result.scope.region == region
    }


def standing(found: Scan, account_id: str, region: str = HOME) -> ScopeMembership:
    return found.targets.membership(Scope(AccountId(account_id), Region(region)))


class SimulatedTime:
    """Time that passes only while somebody sleeps, and at once."""

    def __init__(self) -> None:
        self.slept_s = 0.0

    def world(self) -> World:
        return World(lambda: EPOCH + timedelta(seconds=self.slept_s))

    @property
    def rate_limiter(self) -> RateLimiter:
        return RateLimiter(now_s=lambda: self.slept_s, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept_s += seconds
