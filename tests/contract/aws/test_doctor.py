"""What doctor makes of AWS's clock and of answers that prove nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from discovery.aws.cloud import open_cloud
from discovery.config.load import parse_config
from discovery.config.secrets import Secret
from discovery.doctor.aws import check_aws
from discovery.plan.targets import ScopeFilter
from discovery.policies.usage import AwsUsage, Hub
from discovery.reports.checks import Area, Check, CheckStatus
from discovery.sandbox.aws.faults import Effect
from tests.contract.aws.conftest import HOME, Site, now


async def examined(site: Site, off: timedelta = timedelta(0)) -> tuple[Check, ...]:
    def clock() -> datetime:
        return now() + off

    config = parse_config("version: 1\ngroup: g\n", file="c.yaml", base=Path("/etc"))
    async with open_cloud(site.settings(), resolve=Secret, clock=clock) as cloud:
        usage = AwsUsage.of(config, Hub.of(cloud.identity.arn), HOME)
        return await check_aws(cloud, usage, ScopeFilter())


def of(checks: tuple[Check, ...], area: Area) -> list[Check]:
    return [each for each in checks if each.area is area]


@pytest.mark.parametrize(
    ("off", "outcome"),
    [
        (timedelta(0), CheckStatus.OK),
        (timedelta(seconds=50), CheckStatus.OK),
        (timedelta(minutes=2), CheckStatus.WARN),
        (-timedelta(minutes=2), CheckStatus.WARN),
    ],
)
async def test_a_drifting_clock_is_told_before_aws_refuses(
    site: Site, off: timedelta, outcome: CheckStatus
) -> None:
    [check] = of(await examined(site, off), Area.CLOCK)
    assert check.outcome is outcome


async def test_a_cache_that_is_busy_proves_the_permission_all_the_same(site: Site) -> None:
    site.place().add_cache("busy", status="modifying")
    site.fault(
        Effect.ERROR,
        service="elasticache",
        operation="ListTagsForResource",
        code="InvalidServerlessCacheStateFault",
    )
    assert not [each for each in await examined(site) if each.outcome is CheckStatus.FAIL]


@pytest.mark.parametrize(
    ("effect", "more", "outcome"),
    [
        pytest.param(Effect.HTML, {"status": 200}, CheckStatus.FAIL, id="page"),
        pytest.param(Effect.CUT_OFF, {}, CheckStatus.FAIL, id="cut-off"),
        pytest.param(Effect.INTERNAL, {}, CheckStatus.WARN, id="trouble-at-aws"),
    ],
)
async def test_an_answer_that_is_none_is_no_proof(
    site: Site, effect: Effect, more: dict[str, int], outcome: CheckStatus
) -> None:
    site.fault(effect, service="elasticache", operation="DescribeUsers", **more)
    checks = of(await examined(site), Area.PERMISSION)
    [check] = [each for each in checks if each.outcome is not CheckStatus.OK]
    assert (check.action, check.outcome) == ("elasticache:DescribeUsers", outcome)
    assert check.statement is None
