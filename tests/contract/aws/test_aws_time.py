"""A scan knows what time AWS had, whatever this machine's clock says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.contract.aws.conftest import Site, now


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=500), timedelta(days=-500)])
async def test_the_date_of_the_answers_is_what_aws_says(site: Site, ahead: timedelta) -> None:
    site.aws.world.clock.advance(ahead)
    before = now() + ahead
    found = await site.scan()
    assert found.aws_time is not None
    assert before <= found.aws_time <= now() + ahead


async def test_a_refusal_of_aws_has_a_date_too(site: Site) -> None:
    async with site.cloud() as cloud:
        site.fault(Effect.DENIED)
        found = await site.scan_with(cloud)
    assert found.aws_time is not None


async def test_the_page_of_a_proxy_tells_no_time(site: Site) -> None:
    async with site.cloud() as cloud:
        site.fault(Effect.HTML, status=403)
        found = await site.scan_with(cloud)
    assert found.aws_time is None


async def test_an_earlier_scan_of_the_process_is_no_witness_for_a_later_one(site: Site) -> None:
    async with site.cloud() as cloud:
        assert (await site.scan_with(cloud)).aws_time is not None
        site.fault(Effect.RESET)
        assert (await site.scan_with(cloud)).aws_time is None
