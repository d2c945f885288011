"""R1: absence is evidence only in a complete scan."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.support.scenario import FRANKFURT, HUB, LISTING, MEMBER, Scenario

pytestmark = pytest.mark.slow

WAYS_TO_FAIL = [
    pytest.param(Effect.DENIED, {}, "DENIED", id="denied"),
    pytest.param(Effect.THROTTLED, {}, "THROTTLED", id="throttled"),
    pytest.param(Effect.EXPIRED, {}, "EXPIRED", id="expired"),
    pytest.param(Effect.INTERNAL, {}, "SERVER_ERROR", id="server-error"),
    pytest.param(Effect.LATER_PAGE_FAILS, {}, "SERVER_ERROR", id="second-page-fails"),
    pytest.param(
        Effect.LATER_PAGE_FAILS, {"code": "Throttling"}, "THROTTLED", id="second-page-throttled"
    ),
    pytest.param(Effect.REPEATED_TOKEN, {}, "REPEATED_TOKEN", id="repeated-token"),
    pytest.param(Effect.OTHER_ARNS, {"as_account": MEMBER}, "WRONG_ACCOUNT", id="other-arns"),
    pytest.param(Effect.TRUNCATED, {}, "TRUNCATED", id="half-a-body"),
    pytest.param(Effect.CUT_OFF, {}, "TRUNCATED", id="cut-off"),
    pytest.param(Effect.RESET, {}, "UNREACHABLE", id="reset"),
    pytest.param(Effect.HTML, {"status": 200}, "MALFORMED", id="a-page-of-a-proxy"),
    pytest.param(Effect.HTML, {"status": 502}, "SERVER_ERROR", id="a-bad-gateway"),
    pytest.param(Effect.EMPTY_BODY, {}, "TRUNCATED", id="an-empty-body"),
]


@pytest.mark.parametrize(("effect", "how", "reason"), WAYS_TO_FAIL)
def test_a_scope_that_cannot_be_read_removes_nothing(
    scenario: Scenario, effect: Effect, how: dict[str, Any], reason: str
) -> None:
    scenario.cache("orders", group="people")
    scenario.cache("carts", group="people")
    scenario.sweep()
    scenario.gone("orders")
    before = scenario.registry
    scenario.fault(effect, **LISTING, **how)
    scenario.later(hours=1)
    told = scenario.sweep(exits=3)
    assert told.verdicts == {"orders": "held/SCOPE_FAILED", "carts": "held/SCOPE_FAILED"}
    assert list(told.failed_scopes.values()) == [reason]
    assert scenario.registry == before
    # What could not be seen does not count as missed.
    scenario.healed()
    assert scenario.sweep().item("orders")["missed"]["scans"] == 1


def test_the_misses_of_before_outlive_a_failure(scenario: Scenario) -> None:
    scenario.cache("orders")
    scenario.cache("carts")
    scenario.sweep()
    scenario.gone("orders")
    first = scenario.sweep().item("orders")["missed"]
    scenario.fault(Effect.DENIED, **LISTING)
    scenario.later(hours=1)
    assert scenario.sweep(exits=3).item("orders")["missed"] is None
    scenario.healed()
    told = scenario.sweep()
    assert told.verdicts["orders"] == "delete/ABSENT"
    assert told.item("orders")["missed"] == {"scans": 2, "since": first["since"]}


def test_one_failed_scope_does_not_hold_up_another(scenario: Scenario) -> None:
    scenario.member()
    scenario.cache("orders")
    scenario.cache("ledger", account=MEMBER)
    scenario.sweep()
    scenario.gone("orders")
    scenario.gone("ledger", account=MEMBER)
    scenario.cache("fresh")
    scenario.fault(Effect.DENIED, account=MEMBER, **LISTING)
    scenario.sweep(exits=3)
    scenario.later(hours=1)
    told = scenario.sweep(exits=3)
    assert told.failed_scopes == {f"{MEMBER}/{FRANKFURT}": "DENIED"}
    assert told.verdicts["ledger"] == "held/SCOPE_FAILED"
    assert told.verdicts["orders"] == "delete/ABSENT"
    assert told.verdicts["fresh"] == "keep/UNCHANGED"


def test_a_role_that_is_denied_after_registration_is_one_failed_scope(scenario: Scenario) -> None:
    scenario.member()
    scenario.cache("orders")
    scenario.cache("ledger", account=MEMBER)
    scenario.sweep()
    scenario.fault(Effect.DENIED, account=MEMBER, service="sts", operation="AssumeRole")
    for _ in range(3):
        scenario.later(minutes=20)
        told = scenario.sweep(exits=3)
    assert told.failed_scopes == {f"{MEMBER}/None": "ASSUME_ROLE_DENIED"}
    assert told.verdicts == {"orders": "keep/UNCHANGED", "ledger": "held/SCOPE_FAILED"}
    assert {"orders", "ledger"} <= {name.split("-")[0] for name in scenario.registry}


def test_unreadable_regions_remove_nothing(scenario: Scenario) -> None:
    scenario.configure(aws={"regions": ["eu-*"]}, out_of_scope="remove")
    scenario.cache("orders")
    scenario.sweep()
    scenario.gone("orders")
    scenario.fault(Effect.DENIED, service="ec2", operation="DescribeRegions")
    for _ in range(3):
        scenario.later(days=1)  # so long a list of regions is remembered
        told = scenario.sweep(exits=3)
    assert told.failed_scopes == {f"{HUB}/None": "REGIONS_UNREADABLE"}
    assert told.verdicts == {"orders": "held/TARGETS_UNKNOWN"}
    assert len(scenario.registry) == 1


def test_a_list_in_many_pages_is_one_list(scenario: Scenario) -> None:
    for number in range(7):
        scenario.cache(f"c{number}")
    scenario.fault(Effect.SHORT_PAGES, page_size=2, **LISTING)
    assert scenario.sweep().document["summary"]["create"] == 7
    scenario.healed()
    scenario.fault(Effect.EMPTY_FIRST_PAGE, **LISTING)
    assert scenario.sweep().document["summary"]["keep"] == 7
