"""Accounts without the home region, regions that a control policy denies, tokens of version 1."""

from __future__ import annotations

import pytest

from discovery.config.partitions import ALWAYS_ENABLED
from discovery.model.codes import ScopeReason
from discovery.model.values import Complete, Failed
from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.aws.partitions import PARTITIONS
from tests.contract.aws.conftest import HOME, HUB, MEMBER, Site, result_of
from tests.contract.aws.test_regions import regions_of

MILAN = "eu-south-1"
"""An opt-in region."""
EVERY = frozenset(PARTITIONS["aws"].regions)


def test_the_regions_that_no_account_can_disable() -> None:
    assert set(PARTITIONS["aws"].default_regions) == ALWAYS_ENABLED


@pytest.mark.slow
async def test_a_member_without_the_home_region_is_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", MILAN)
    site.hub.enable(MILAN)
    site.member()
    found = await site.scan(regions=["*"])
    assert all(isinstance(each, Complete) for each in found.results)
    assert regions_of(found, MEMBER) == set(PARTITIONS["aws"].default_regions)
    assert MILAN in regions_of(found)


async def test_the_list_is_asked_where_no_policy_denies_it(site: Site) -> None:
    """The organization allows two regions, and the agent's own is none of them."""
    site.member()
    site.aws.world.account(MEMBER).denied_regions = set(EVERY - {"eu-central-1", "eu-west-3"})
    found = await site.scan(regions=["*"], exclude_regions=["ap-*"])
    result = result_of(found, MEMBER, "eu-west-3")
    assert isinstance(result, Complete)
    assert None not in regions_of(found, MEMBER)
    assert not any(call.region.startswith("ap-") for call in site.aws.calls)


async def test_a_denial_of_the_role_is_not_asked_for_in_every_region(site: Site) -> None:
    site.fault(Effect.DENIED, service="ec2", operation="DescribeRegions")
    found = await site.scan(regions=["*"])
    result = result_of(found, HUB, None)
    assert isinstance(result, Failed)
    assert f"{HUB}/{HOME}" in result.message
    assert site.asked("DescribeRegions") == 2


async def test_a_version_1_token_is_called_one(site: Site) -> None:
    """Opt-in regions refuse what the global endpoint of STS hands out."""
    site.member()
    site.aws.world.session_token_version = 1
    site.aws.world.account(MEMBER).enable(MILAN)
    found = await site.scan(regions=["eu-south-*", HOME])
    result = result_of(found, MEMBER, MILAN)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.DENIED
    assert "version 1 token" in result.message
    assert "--global-endpoint-token-version v2Token" in result.message
    assert isinstance(result_of(found, MEMBER, HOME), Complete)


async def test_a_stranger_where_every_token_is_good_is_no_version_1_token(site: Site) -> None:
    site.fault(Effect.REGION_OFF, service="elasticache")
    result = result_of(await site.scan(regions=["eu-west-*"]))
    assert isinstance(result, Failed)
    assert "version 1" not in result.message


async def test_excluded_regions_are_not_asked(site: Site) -> None:
    found = await site.scan(regions=["eu-*", "us-east-1"], exclude_regions=["eu-west-*"])
    assert regions_of(found) == {"eu-central-1", "eu-north-1", "us-east-1"}
