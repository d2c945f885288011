"""A scan whose time is over: what was read counts, the rest is not in the run (R9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Arn, Complete, Region, Scope, Skipped, Tags
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect
from discovery.sweep.scan import scan
from matchers.regions import ScopeMembership
from state.records import RememberedState
from tests.contract.aws.conftest import (
    HOME,
    HUB,
    LONG_AGO,
    Site,
    caches_of,
    now,
    remember,
    result_of,
)

NEVER_S = 300.0
SOON = timedelta(seconds=1.5)
THREE = ["eu-west-1", "eu-west-2", "eu-west-3"]
MEMBER = "000000000001"


async def test_what_was_read_in_time_counts(site: Site) -> None:
    site.place().add_cache("one")
    site.fault(Effect.LATENCY, service="elasticache", region="eu-west-2", delay_s=NEVER_S)
    async with site.cloud(regions=THREE, scope_timeout="5m") as cloud:
        found = await scan(
            cloud, scope_filter=ScopeFilter(), state=RememberedState(), deadline=SOON
        )
    assert set(caches_of(found)) == {"one"}
    late = result_of(found, HUB, "eu-west-2")
    assert isinstance(late, Skipped)
    assert late.reason is ScopeReason.NOT_IN_RUN
    assert "service.sweep_timeout" in late.message
    assert {str(result.scope) for result in found.results} == {f"{HUB}/{each}" for each in THREE}


async def test_an_account_that_was_not_entered_in_time(site: Site) -> None:
    site.member(MEMBER)
    site.fault(Effect.LATENCY, service="sts", operation="AssumeRole", delay_s=NEVER_S)
    async with site.cloud(regions=["eu-*"], scope_timeout="5m") as cloud:
        found = await scan(
            cloud, scope_filter=ScopeFilter(), state=RememberedState(), deadline=SOON
        )
    late = result_of(found, MEMBER, None)
    assert isinstance(late, Skipped)
    assert late.reason is ScopeReason.NOT_IN_RUN
    assert isinstance(result_of(found), Complete)
    standing = found.targets.membership(Scope(AccountId(MEMBER), Region(HOME)))
    assert standing is not ScopeMembership.OUT_OF_SCOPE


async def test_a_list_of_accounts_that_was_cut_short_says_nothing_of_the_others(site: Site) -> None:
    site.fault(Effect.LATENCY, service="elasticache", delay_s=NEVER_S)
    async with site.cloud(scope_timeout="5m") as cloud:
        found = await scan(
            cloud, scope_filter=ScopeFilter(), state=RememberedState(), deadline=SOON
        )
    assert not found.targets.accounts_complete
    assert found.targets.membership(Scope(AccountId(MEMBER), Region(HOME))) is (
        ScopeMembership.TARGETS_UNKNOWN
    )


async def test_time_that_was_enough_changes_nothing(site: Site) -> None:
    site.place().add_cache("one")
    async with site.cloud() as cloud:
        found = await scan(
            cloud,
            scope_filter=ScopeFilter(),
            state=RememberedState(),
            deadline=timedelta(minutes=5),
        )
    assert found.targets.accounts_complete
    assert set(caches_of(found)) == {"one"}


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_named_cache_is_asked_for_its_tags_itself(site: Site, is_named: bool) -> None:
    """The tagging API may still answer with the tags of before the change."""
    one, two = (
        site.place().add_cache(name, tags={"env": "old"}, created_at=now() - LONG_AGO)
        for name in ("one", "two")
    )
    site.place().set_tags(one.arn, {"env": "new"}, lag=timedelta(hours=1))
    named = frozenset({Arn(one.arn)}) if is_named else frozenset[Arn]()
    state = RememberedState(caches=remember(one, two))
    async with site.cloud() as cloud:
        caches = caches_of(
            await scan(cloud, scope_filter=ScopeFilter(), state=state, changed_caches=named)
        )
    tags = [caches[name].tags for name in ("one", "two")]
    assert [each.values["env"] for each in tags if isinstance(each, Tags)] == [
        "new" if is_named else "old",
        "old",
    ]
