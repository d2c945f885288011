"""A list of enabled regions serves for a day, but only one read in this run is evidence (R9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import (
    AccountId,
    Arn,
    Complete,
    Database,
    Failed,
    Region,
    ResourceName,
    Scope,
    Skipped,
)
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect
from discovery.sweep.scan import scan
from matchers.regions import ScopeMembership
from state.records import Registration, RememberedRegions, RememberedState
from tests.contract.aws.conftest import HOME, HUB, Site, now, result_of
from tests.support.organization import standing

EU = ("eu-west-1", "eu-west-2")
OFF = "eu-south-1"
"""An opt-in region that the account has not opted in to."""
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def remembered(
    *regions: str, age: timedelta = MINUTE, registered: tuple[str, ...] = ()
) -> RememberedState:
    """The memory of a state that has read this list, and knows registrations in these regions."""
    known = RememberedRegions(
        account_id=AccountId(HUB),
        regions=frozenset(Region(region) for region in regions),
        read_at=now() - age,
    )
    return RememberedState(
        regions={known.account_id: known},
        registrations={name: _registration(name, region) for name, region in _names(registered)},
    )


def _names(regions: tuple[str, ...]) -> list[tuple[ResourceName, str]]:
    return [(ResourceName(f"db-{region}"), region) for region in regions]


def _registration(name: ResourceName, region: str) -> Registration:
    return Registration(
        name=name,
        arn=Arn(f"arn:aws:elasticache:{region}:{HUB}:serverlesscache:one"),
        database=Database(name, {}, "", {}),
        registered_at=now(),
        updated_at=now(),
    )


def scanned(found: object) -> set[str | None]:
    return {result.scope.region for result in found.results}  # type: ignore[attr-defined]


async def test_a_list_is_read_once_and_handed_on_to_be_remembered(site: Site) -> None:
    site.hub.enabled = set(EU)
    found = await site.scan(regions="eu-*")
    [read] = found.regions_read
    assert (read.account_id, read.regions) == (HUB, frozenset(EU))
    again = await site.scan(regions="eu-*", state=RememberedState(regions={read.account_id: read}))
    assert scanned(again) == set(EU)
    assert again.regions_read == ()
    assert site.asked("DescribeRegions") == 1


async def test_regions_named_in_full_leave_nothing_to_remember(site: Site) -> None:
    assert (await site.scan(regions=[HOME, OFF])).regions_read == ()


@pytest.mark.parametrize(
    ("age", "asked"),
    [
        pytest.param(DAY - MINUTE, 0, id="not-yet-a-day"),
        pytest.param(DAY + MINUTE, 1, id="a-day"),
        pytest.param(-DAY, 1, id="from-the-future"),
    ],
)
async def test_a_list_serves_for_a_day(site: Site, age: timedelta, asked: int) -> None:
    await site.scan(regions="eu-west-*", state=remembered(*EU, age=age))
    assert site.asked("DescribeRegions") == asked


async def test_an_earlier_list_says_of_no_region_that_it_is_out(site: Site) -> None:
    found = await site.scan(regions="eu-*", state=remembered(*EU))
    assert standing(found, HUB, "eu-west-1") is ScopeMembership.IN_RUN
    assert standing(found, HUB, "eu-west-3") is ScopeMembership.TARGETS_UNKNOWN
    assert standing(found, HUB, "us-east-1") is ScopeMembership.TARGETS_UNKNOWN


@pytest.mark.parametrize("region", ["eu-west-3", "us-east-1", OFF])
async def test_a_registration_elsewhere_has_the_list_read_anew(site: Site, region: str) -> None:
    found = await site.scan(regions="eu-*", state=remembered(*EU, registered=(region,)))
    assert site.asked("DescribeRegions") == 1
    taken = region == "eu-west-3"
    assert standing(found, HUB, region) is (
        ScopeMembership.IN_RUN if taken else ScopeMembership.OUT_OF_SCOPE
    )
    assert len(found.regions_read) == 1


async def test_a_region_that_says_it_is_off_has_the_list_read_anew(site: Site) -> None:
    site.hub.disable("eu-west-2")
    site.hub.enable(OFF)
    found = await site.scan(regions="eu-*", state=remembered(*EU))
    off = result_of(found, HUB, "eu-west-2")
    assert isinstance(off, Skipped)
    assert off.reason is ScopeReason.REGION_NOT_ENABLED
    assert standing(found, HUB, "eu-west-2") is ScopeMembership.OUT_OF_SCOPE, (
        "on a list of this run"
    )
    assert isinstance(result_of(found, HUB, OFF), Complete), "a new one is scanned at once"
    assert isinstance(result_of(found, HUB, "eu-north-1"), Complete)
    assert site.asked("DescribeRegions") == 1
    assert site.asked("DescribeServerlessCaches", region="eu-west-1") == 1


async def test_a_region_named_in_full_is_known_to_be_off_for_a_day(site: Site) -> None:
    found = await site.scan(regions=["eu-west-*", OFF], state=remembered(*EU))
    assert isinstance(result_of(found, HUB, OFF), Skipped)
    assert site.asked("DescribeServerlessCaches", region=OFF) == 0
    assert standing(found, HUB, OFF) is ScopeMembership.TARGETS_UNKNOWN


async def test_a_list_that_cannot_be_read_anew_serves_on(site: Site) -> None:
    site.fault(Effect.DENIED, service="ec2", operation="DescribeRegions")
    state = remembered(*EU, registered=("eu-west-3",))
    found = await site.scan(regions=["eu-*", "us-east-1"], state=state)
    failed = result_of(found, HUB, None)
    assert isinstance(failed, Failed)
    assert failed.reason is ScopeReason.REGIONS_UNREADABLE
    assert scanned(found) == {None, *EU, "us-east-1"}
    assert standing(found, HUB, "eu-west-2") is ScopeMembership.IN_RUN
    assert standing(found, HUB, "eu-west-3") is ScopeMembership.TARGETS_UNKNOWN


async def test_but_not_for_longer_than_a_day(site: Site) -> None:
    site.fault(Effect.DENIED, service="ec2", operation="DescribeRegions")
    state = remembered(*EU, age=DAY + MINUTE)
    found = await site.scan(regions=["eu-*", "us-east-1"], state=state)
    assert scanned(found) == {None, "us-east-1"}
    assert standing(found, HUB, "eu-west-1") is ScopeMembership.TARGETS_UNKNOWN


async def test_a_list_that_hangs_serves_on_too(site: Site) -> None:
    site.fault(Effect.LATENCY, service="ec2", operation="DescribeRegions", delay_s=300.0)
    state = remembered(*EU, registered=("eu-west-3",))
    found = await site.scan(regions="eu-*", state=state, scope_timeout="2s")
    assert scanned(found) == {None, *EU}


async def test_an_event_from_a_region_enabled_since_has_the_list_read_anew(site: Site) -> None:
    """So does `--only`; what it finds there is scanned in the same run."""
    site.hub.enable(OFF)
    only = ScopeFilter((Scope(AccountId(HUB), Region(OFF)),), from_event=True)
    found = await site.scan(regions="eu-*", scope_filter=only, state=remembered(*EU))
    assert isinstance(result_of(found, HUB, OFF), Complete)
    assert scanned(found) == {OFF}
    [read] = found.regions_read
    assert OFF in read.regions


async def test_a_sweep_by_hand_reads_the_list_anew(site: Site) -> None:
    site.hub.enable(OFF)
    async with site.cloud(regions="eu-*") as cloud:
        found = await scan(
            cloud, scope_filter=ScopeFilter(), state=remembered(*EU), refresh_regions=True
        )
    assert isinstance(result_of(found, HUB, OFF), Complete)
    assert len(found.regions_read) == 1


async def test_read_anew_by_hand_in_vain_the_earlier_list_serves_on(site: Site) -> None:
    site.fault(Effect.DENIED, service="ec2", operation="DescribeRegions")
    async with site.cloud(regions="eu-*") as cloud:
        found = await scan(
            cloud, scope_filter=ScopeFilter(), state=remembered(*EU), refresh_regions=True
        )
    assert scanned(found) == {None, *EU}


async def test_a_registration_in_an_excluded_region_reads_no_list(site: Site) -> None:
    state = remembered(*EU, registered=("us-east-1",))
    found = await site.scan(regions="*", exclude_regions="us-*", state=state)
    assert site.asked("DescribeRegions") == 0
    assert standing(found, HUB, "us-east-1") is ScopeMembership.OUT_OF_SCOPE
