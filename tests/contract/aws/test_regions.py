"""Which regions of an account are scanned, and what it means when nobody can tell."""

from __future__ import annotations

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Complete, Failed, Region, Scope, Skipped
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect
from discovery.sweep.scan import Scan
from matchers.regions import ScopeMembership
from tests.contract.aws.conftest import HOME, HUB, MEMBER, Site, result_of

OFF = "ap-south-2"
"""An opt-in region that no account has opted in to."""


def standing(found: Scan, region: str, account_id: str = HUB) -> ScopeMembership:
    return found.targets.membership(Scope(AccountId(account_id), Region(region)))


def regions_of(found: Scan, account_id: str = HUB) -> set[str | None]:
    return {r.scope.region for r in found.results if r.scope.account_id == account_id}


async def test_a_star_is_every_enabled_region_of_each_account(site: Site) -> None:
    site.member()
    site.aws.world.account(MEMBER).enable(OFF)
    found = await site.scan(regions="*")
    assert regions_of(found, MEMBER) - regions_of(found) == {OFF}
    assert len(regions_of(found)) == 17
    assert site.asked("DescribeRegions") == 2
    assert standing(found, OFF) is ScopeMembership.OUT_OF_SCOPE


async def test_a_glob_takes_what_it_matches(site: Site) -> None:
    found = await site.scan(regions=["eu-west-*", "us-east-1"])
    assert regions_of(found) == {"eu-west-1", "eu-west-2", "eu-west-3", "us-east-1"}


async def test_literal_lists_need_no_permission(site: Site) -> None:
    site.fault(Effect.DENIED, service="ec2", operation="DescribeRegions")
    found = await site.scan(regions=[HOME, "us-east-1"])
    assert all(isinstance(result, Complete) for result in found.results)
    assert site.asked("DescribeRegions") == 0


async def test_no_regions_configured_is_the_default_one(site: Site) -> None:
    assert regions_of(await site.scan(regions=None)) == {HOME}


async def test_a_literal_region_that_is_off(site: Site) -> None:
    found = await site.scan(regions=[HOME, OFF])
    result = result_of(found, HUB, OFF)
    assert isinstance(result, Skipped)
    assert result.reason is ScopeReason.REGION_NOT_ENABLED
    assert isinstance(result_of(found), Complete)
    assert standing(found, OFF) is ScopeMembership.OUT_OF_SCOPE
    assert standing(found, HOME) is ScopeMembership.IN_RUN


async def test_beside_a_glob_the_list_says_it_without_a_call(site: Site) -> None:
    found = await site.scan(regions=["eu-west-*", OFF])
    assert isinstance(result_of(found, HUB, OFF), Skipped)
    assert site.asked("DescribeServerlessCaches", region=OFF) == 0
    assert site.asked("DescribeRegions") == 1


async def test_a_stranger_in_an_enabled_region_is_a_failure(site: Site) -> None:
    site.fault(Effect.REGION_OFF, service="elasticache")
    result = result_of(await site.scan())
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.DENIED


async def test_off_and_no_list_to_prove_it_is_a_failure(site: Site) -> None:
    site.fault(Effect.DENIED, service="ec2", operation="DescribeRegions")
    found = await site.scan(regions=[OFF, "ap-south-1", "me-south-1"])
    for region in (OFF, "me-south-1"):
        result = result_of(found, HUB, region)
        assert isinstance(result, Failed)
        assert result.reason is ScopeReason.DENIED
        assert standing(found, region) is ScopeMembership.IN_RUN
    asked = [call.region for call in site.aws.calls.of("DescribeRegions")]
    assert asked == [HOME, "ap-south-1"], "what denies one region may allow another"


@pytest.mark.parametrize(
    "effect", [Effect.DENIED, Effect.INTERNAL, Effect.HTML, Effect.CUT_OFF, Effect.EMPTY_BODY]
)
async def test_a_list_that_cannot_be_read(site: Site, effect: Effect) -> None:
    site.fault(effect, service="ec2", operation="DescribeRegions")
    found = await site.scan(regions=["us-*", HOME])
    result = result_of(found, HUB, None)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.REGIONS_UNREADABLE
    assert "ec2:DescribeRegions" in result.message
    assert isinstance(result_of(found), Complete), "literals of a mixed list are scanned"
    assert regions_of(found) == {None, HOME}
    assert standing(found, "us-east-1") is ScopeMembership.TARGETS_UNKNOWN
    assert standing(found, "sa-east-1") is ScopeMembership.TARGETS_UNKNOWN
    assert standing(found, HOME) is ScopeMembership.IN_RUN


async def test_a_proxys_page_is_not_an_account_without_regions(site: Site) -> None:
    """EC2's answers have no wrapper: any XML parses as an empty list."""
    site.fault(Effect.HTML, service="ec2", operation="DescribeRegions", status=200)
    result = result_of(await site.scan(regions="*"), HUB, None)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.REGIONS_UNREADABLE


async def test_one_accounts_list_says_nothing_of_anothers(site: Site) -> None:
    site.member()
    site.fault(Effect.DENIED, service="ec2", account=MEMBER)
    found = await site.scan(regions="eu-*")
    assert regions_of(found, MEMBER) == {None}
    assert isinstance(result_of(found), Complete)
    assert standing(found, "us-east-1") is ScopeMembership.OUT_OF_SCOPE
    assert standing(found, "us-east-1", MEMBER) is ScopeMembership.TARGETS_UNKNOWN


async def test_a_part_asks_nobody_else(site: Site) -> None:
    site.member()
    only = ScopeFilter((Scope(AccountId(HUB), Region("eu-west-2")),))
    found = await site.scan(regions="eu-west-*", scope_filter=only)
    assert [str(result.scope) for result in found.results] == [f"{HUB}/eu-west-2"]
    assert site.asked("AssumeRole") == 0
    assert site.asked("DescribeServerlessCaches") == 1
    assert standing(found, HOME) is ScopeMembership.NOT_IN_RUN
    assert standing(found, HOME, MEMBER) is ScopeMembership.NOT_IN_RUN
