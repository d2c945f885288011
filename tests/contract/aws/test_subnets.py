"""The VPC of a cache: known, known to be none, or unknown."""

from __future__ import annotations

import pytest

from discovery.model.values import UNKNOWN, Complete
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect
from discovery.sweep.scan import scan
from state.records import RememberedState
from tests.contract.aws.conftest import MEMBER, Site, caches_of, result_of

SUBNETS = {"service": "ec2", "operation": "DescribeSubnets"}


async def test_the_vpc_of_the_subnets(site: Site) -> None:
    site.place().add_subnet("subnet-1", vpc="vpc-orders")
    site.place().add_cache("one", subnets=("subnet-1",))
    site.place().add_cache("two")
    found = caches_of(await site.scan())
    assert found["one"].vpc_id == "vpc-orders"
    assert found["two"].vpc_id not in (None, UNKNOWN, "vpc-orders")
    assert site.asked("DescribeSubnets") == 1


async def test_no_subnets_or_none_that_exist_is_no_vpc(site: Site) -> None:
    site.place().add_cache("none", subnets=())
    site.place().add_cache("deleted", subnets=("subnet-gone",))
    site.fault(Effect.NO_EMPTY_LISTS, **SUBNETS)
    found = caches_of(await site.scan())
    assert found["none"].vpc_id is None
    assert found["deleted"].vpc_id is None


async def test_subnets_that_cannot_be_read_are_unknown(site: Site) -> None:
    site.place().add_cache("one")
    site.place().add_cache("none", subnets=())
    site.fault(Effect.DENIED, **SUBNETS)
    found = await site.scan()
    assert caches_of(found)["one"].vpc_id is UNKNOWN
    assert caches_of(found)["none"].vpc_id is None, "that needs no answer"
    result = result_of(found)
    assert isinstance(result, Complete)
    assert "subnets are unknown" in result.message
    assert "allow ec2:DescribeSubnets" in result.message


async def test_what_is_known_already_stays_known(site: Site) -> None:
    site.place().add_cache("one")
    async with site.cloud() as cloud:
        before = caches_of(await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState()))[
            "one"
        ].vpc_id
        site.place().add_subnet("subnet-new", vpc="vpc-new")
        site.place().add_cache("two", subnets=("subnet-new",))
        site.fault(Effect.DENIED, **SUBNETS)
        found = caches_of(await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState()))
    assert found["one"].vpc_id == before
    assert found["two"].vpc_id is UNKNOWN


async def test_a_proxys_page_is_not_a_cache_without_vpc(site: Site) -> None:
    site.place().add_cache("one")
    site.fault(Effect.HTML, status=200, **SUBNETS)
    assert caches_of(await site.scan())["one"].vpc_id is UNKNOWN


@pytest.mark.slow
async def test_more_subnets_than_a_filter_takes(site: Site) -> None:
    for n in range(450):
        site.place().add_subnet(f"subnet-{n:04d}", vpc=f"vpc-{n}")
        site.place().add_cache(f"cache-{n}", subnets=(f"subnet-{n:04d}",))
    found = caches_of(await site.scan(read_tags=False))
    assert all(found[f"cache-{n}"].vpc_id == f"vpc-{n}" for n in range(450))
    asked = site.aws.calls.of("DescribeSubnets")
    assert max(len(call.members["Filters"][0]["Values"]) for call in asked) == 200


async def test_what_cannot_change_is_not_asked_twice(site: Site) -> None:
    site.member()
    for account_id in (site.hub.id, MEMBER):
        site.place(account_id).add_subnet("subnet-shared", vpc="vpc-shared")
        site.place(account_id).add_cache("one", subnets=("subnet-shared",))
    async with site.cloud() as cloud:
        for _ in range(3):
            found = await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState())
            assert caches_of(found, MEMBER)["one"].vpc_id == "vpc-shared"
    assert site.asked("DescribeSubnets") == 2, "once for each account"
