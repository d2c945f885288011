"""Many scopes at once: what one does is no business of another's."""

from __future__ import annotations

import asyncio

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import Complete, Failed
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect
from discovery.sweep.scan import scan
from state.records import RememberedState
from tests.contract.aws.conftest import HOME, HUB, MEMBER, Site, result_of

NEVER_S = 300.0
THREE = ["eu-west-1", "eu-west-2", "eu-west-3"]


async def test_a_scope_that_hangs_hits_its_own_deadline_last(site: Site) -> None:
    site.fault(Effect.LATENCY, service="elasticache", region="eu-west-2", delay_s=NEVER_S)
    seen: list[tuple[int, int, int]] = []
    found = await site.scan(
        regions=THREE, scope_timeout="3s", on_progress=lambda *counts: seen.append(counts)
    )
    slow = result_of(found, HUB, "eu-west-2")
    assert isinstance(slow, Failed)
    assert slow.reason is ScopeReason.TIMEOUT
    assert "aws.scope_timeout" in slow.message
    assert slow.duration_s >= 3
    assert isinstance(result_of(found), Complete)
    assert seen == [(1, 0, 3), (2, 0, 3), (3, 1, 3)]


async def test_an_account_that_hangs_holds_up_nobody(site: Site) -> None:
    site.member()
    site.fault(Effect.LATENCY, service="sts", operation="AssumeRole", delay_s=NEVER_S)
    seen: list[tuple[int, int, int]] = []
    found = await site.scan(
        regions=THREE, scope_timeout="3s", on_progress=lambda *counts: seen.append(counts)
    )
    hanging = result_of(found, MEMBER, None)
    assert isinstance(hanging, Failed)
    assert hanging.reason is ScopeReason.TIMEOUT
    assert seen[-1] == (4, 1, 4)
    assert all(failed == 0 for _, failed, _ in seen[:-1]), "it was the last to finish"


@pytest.mark.slow
async def test_a_list_of_regions_that_hangs(site: Site) -> None:
    site.fault(Effect.LATENCY, service="ec2", operation="DescribeRegions", delay_s=NEVER_S)
    found = await site.scan(regions=["eu-*", HOME], scope_timeout="3s")
    listing = result_of(found, HUB, None)
    assert isinstance(listing, Failed)
    assert listing.reason is ScopeReason.REGIONS_UNREADABLE
    assert isinstance(result_of(found), Complete)


async def test_results_are_in_order_and_count_what_they_cost(site: Site) -> None:
    site.member("000000000001")
    site.place().add_cache("one")
    found = await site.scan(regions=THREE)
    assert [str(result.scope) for result in found.results] == [
        f"{account_id}/{region}" for account_id in ("000000000001", HUB) for region in THREE
    ]
    assert result_of(found).calls == 5  # caches, tags, subnets, groups, users
    assert result_of(found, HUB, "eu-west-2").calls == 1
    assert [str(scope) for scope in found.targets.scopes] == [str(r.scope) for r in found.results]


async def test_one_at_a_time_when_told_so(site: Site) -> None:
    for region in THREE:
        site.place(HUB, region).add_cache("one")
    await site.scan(regions=THREE, concurrency=1)
    regions = [call.region for call in site.aws.calls if call.service != "sts"]
    assert regions == sorted(regions)


async def test_who_is_told_to_stop_stops(site: Site) -> None:
    site.fault(Effect.LATENCY, service="elasticache", region="eu-west-2", delay_s=NEVER_S)
    others_done = asyncio.Event()

    def note(done: int, _failed: int, _known: int) -> None:
        if done == len(THREE) - 1:
            others_done.set()

    async with site.cloud(regions=THREE) as cloud:
        scanning = scan(
            cloud, scope_filter=ScopeFilter(), state=RememberedState(), on_progress=note
        )
        under_way = asyncio.create_task(scanning)
        await others_done.wait()
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way


@pytest.mark.parametrize("hanging", ["ListTagsForResource", "DescribeUsers"])
async def test_a_deadline_takes_the_whole_scope_with_it(site: Site, hanging: str) -> None:
    site.place().add_cache("one")
    site.fault(Effect.LATENCY, service="elasticache", operation=hanging, delay_s=NEVER_S)
    result = result_of(await site.scan(scope_timeout="3s"))
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.TIMEOUT
