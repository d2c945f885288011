"""A scope that keeps failing backs off under the service, and is back at once when it works."""

from __future__ import annotations

import asyncio
import contextlib
import os
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from discovery.cli.interruption import Interruption
from discovery.cli.setup import run_sweep
from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.values import Failed, Scanned
from discovery.reports.exit import Exit, exit_code
from discovery.reports.report import Report
from discovery.reports.summary import sentence
from discovery.sandbox.aws.faults import Effect
from discovery.sweep.context import SweepRequest
from tests.support.scenario import FRANKFURT, HUB, LISTING, MEMBER, Scenario

pytestmark = pytest.mark.slow

TICK_MIN = 5
REQUEST = SweepRequest(use_backoff=True)


def tick(scenario: Scenario, request: SweepRequest = REQUEST) -> Report:
    """What the service does every few minutes."""

    async def errand() -> Report:
        path = Path("cachemuster.yaml")
        return await run_sweep(path, request, Interruption(), None, lock_timeout=timedelta(0))

    scenario.later(minutes=TICK_MIN)
    with (
        contextlib.chdir(scenario.directory),
        patch.dict(os.environ, {**scenario.cli.environment, **scenario.environment}, clear=True),
    ):
        return asyncio.run(errand())


def verdict(report: Report, cache: str) -> str:
    [item] = [item for item in report.items if item.cache == cache]
    return f"{item.action.value}/{item.reason.value}"


def result(report: Report, account: str, region: str | None) -> Scanned:
    [one] = [
        one
        for one in report.scopes
        if (one.scope.account_id, one.scope.region) == (account, region)
    ]
    return one


def status(report: Report, account: str, region: str | None) -> str:
    return result(report, account, region).status.value


def is_asked(report: Report, account: str, region: str | None) -> bool:
    """False while the scope is left alone; either way it has failed."""
    found = result(report, account, region)
    assert isinstance(found, Failed)
    return not found.is_backing_off


def begun(scenario: Scenario) -> None:
    """Two accounts with a cache each, registered."""
    scenario.member()
    scenario.cache("orders")
    scenario.cache("ledger", account=MEMBER)
    report = tick(scenario)
    assert verdict(report, "ledger") == "create/NEW"


def test_it_is_left_out_and_shown_with_since_when(scenario: Scenario) -> None:
    begun(scenario)
    scenario.fault(Effect.DENIED, account=MEMBER, **LISTING)
    first = tick(scenario)
    assert verdict(first, "ledger") == "held/SCOPE_FAILED"
    seen = [is_asked(tick(scenario), MEMBER, FRANKFURT) for _ in range(8)]
    assert seen == [True] * 2 + [False, True] + [False] * 3 + [True]
    calls = len(scenario.aws.calls)
    resting = tick(scenario)
    [scope] = [one for one in resting.scopes if one.scope.account_id == MEMBER]
    assert isinstance(scope, Failed)
    assert (scope.reason, scope.calls) == (ScopeReason.DENIED, 0)
    assert not resting.complete
    assert exit_code(resting) is Exit.INCOMPLETE
    assert "1 scope unread since" in sentence(resting)
    assert resting.failing_since[scope.scope] == first.started_at
    assert f"since {first.started_at:%Y-%m-%d %H:%M}" in scope.message
    assert verdict(resting, "ledger") == "held/SCOPE_FAILED"
    assert verdict(resting, "orders") == "keep/UNCHANGED"
    asked = [call for call in list(scenario.aws.calls)[calls:] if call.account_id == MEMBER]
    assert asked == [], "nothing was asked there"
    known = scenario.state.scopes[scope.scope]
    assert (known.status, known.reason) == (ScopeStatus.FAILED, ScopeReason.DENIED)
    assert (known.failures, known.failing_since) == (5, first.started_at)


def test_a_success_ends_it(scenario: Scenario) -> None:
    begun(scenario)
    scenario.fault(Effect.DENIED, account=MEMBER, **LISTING)
    for _ in range(4):
        tick(scenario)
    scenario.healed()
    assert verdict(tick(scenario), "ledger") == "keep/UNCHANGED"
    scenario.fault(Effect.DENIED, account=MEMBER, **LISTING)
    seen = [is_asked(tick(scenario), MEMBER, FRANKFURT) for _ in range(4)]
    assert seen == [True, True, True, False], "it counts from nothing"


def test_a_sweep_started_manually_sees_it_and_ends_the_pause(scenario: Scenario) -> None:
    begun(scenario)
    scenario.fault(Effect.DENIED, account=MEMBER, **LISTING)
    for _ in range(5):
        tick(scenario)
    assert scenario.audit(exits=3).failed_scopes == {f"{MEMBER}/{FRANKFURT}": "DENIED"}
    scenario.healed()
    assert not is_asked(tick(scenario), MEMBER, FRANKFURT)
    assert scenario.sweep().verdicts["ledger"] == "keep/UNCHANGED"
    assert status(tick(scenario), MEMBER, FRANKFURT) == "complete"


def test_an_account_whose_role_was_deleted_is_not_tried_either(scenario: Scenario) -> None:
    begun(scenario)
    roles = scenario.aws.world.account(MEMBER).roles
    role = roles.pop("cachemuster")
    seen = [is_asked(tick(scenario), MEMBER, None) for _ in range(4)]
    assert seen == [True] * 3 + [False]
    before = len(scenario.aws.calls.of("AssumeRole"))
    roles["cachemuster"] = role
    known = set(scenario.state.scopes)
    tick(scenario)
    assert len(scenario.aws.calls.of("AssumeRole")) == before + 1
    left = known - set(scenario.state.scopes)
    assert {str(scope) for scope in left} == {MEMBER}, "its own entry is remembered no more"
    roles.pop("cachemuster")
    assert status(tick(scenario), MEMBER, None) == "failed"
    assert scenario.state.scopes[next(iter(left))].failures == 1


def test_an_organization_that_cannot_be_listed_is_tried_every_time(scenario: Scenario) -> None:
    scenario.cache("orders")
    scenario.aws.world.organize(HUB)
    organization = {"organization": {"role_name": "cachemuster"}}
    scenario.configure(aws={**scenario.settings["aws"], "accounts": [organization]})
    tick(scenario)
    scenario.fault(Effect.DENIED, service="organizations")
    for _ in range(5):
        report = tick(scenario)
        assert status(report, HUB, None) == "failed"
        assert verdict(report, "orders") == "held/TARGETS_UNKNOWN"
    scenario.healed()
    assert verdict(tick(scenario), "orders") == "keep/UNCHANGED"
