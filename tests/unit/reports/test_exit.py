"""The exit codes, and which of several wins (discovery/README: Exit codes)."""

from dataclasses import replace
from typing import Any

import pytest

from discovery.model.codes import Action, FindingCode, GuardCode, Reason, Severity
from discovery.model.values import AccountId, Region, Scope
from discovery.reports.exit import Exit, ExitRules, exit_code
from discovery.reports.report import Report
from tests.support.report_samples import (
    CALM,
    OTHER,
    REFUSED,
    carried_out,
    finding,
    item,
    judged,
    report,
    scopes,
)

WARNED = judged(finding(FindingCode.DEFAULT_USER_OPEN, Severity.WARNING))
CALM_REPORT = report(item(Action.KEEP, Reason.UNCHANGED))
PENDING = report(item(Action.CREATE, Reason.NEW))
UNREAD = report(scopes=scopes())
BROKEN_ITEM = carried_out(PENDING, failed="orders")
GUARDED = report(item(Action.HELD, Reason.GUARD_PERCENT), guard=REFUSED)
SHRANK = report(guard=replace(CALM, refused=True, code=GuardCode.REGISTRY_SHRANK))
UNFINISHED = report(error="the control plane could not be listed")
STOPPED = report(interrupted=True)
UNREADY = report(item(Action.KEEP, Reason.UNCHANGED, iam=judged(finding())))
WARNING_ONLY = report(item(Action.KEEP, Reason.UNCHANGED, iam=WARNED))
DETAILED = ExitRules(detailed=True)
ON_BLOCKER = ExitRules(fail_on=Severity.BLOCKER)
ON_WARNING = ExitRules(fail_on=Severity.WARNING)


@pytest.mark.parametrize(
    ("found", "strictness", "expected"),
    [
        pytest.param(CALM_REPORT, DETAILED, Exit.DONE, id="nothing-to-do"),
        pytest.param(PENDING, ExitRules(), Exit.DONE, id="pending-unasked"),
        pytest.param(PENDING, DETAILED, Exit.PENDING, id="pending-asked"),
        pytest.param(UNREAD, ExitRules(), Exit.INCOMPLETE, id="unread-scope"),
        pytest.param(BROKEN_ITEM, ExitRules(), Exit.INCOMPLETE, id="failed-item"),
        pytest.param(GUARDED, ExitRules(), Exit.REFUSED, id="guard"),
        pytest.param(SHRANK, ExitRules(), Exit.REFUSED, id="registry-shrank"),
        pytest.param(UNFINISHED, ExitRules(), Exit.FAILED, id="not-finished"),
        pytest.param(STOPPED, ExitRules(), Exit.INTERRUPTED, id="interrupted"),
        pytest.param(UNREADY, ExitRules(), Exit.DONE, id="finding-unasked"),
        pytest.param(UNREADY, ON_BLOCKER, Exit.FINDINGS, id="blocker-on-blocker"),
        pytest.param(UNREADY, ON_WARNING, Exit.FINDINGS, id="blocker-on-warning"),
        pytest.param(WARNING_ONLY, ON_BLOCKER, Exit.DONE, id="warning-on-blocker"),
        pytest.param(WARNING_ONLY, ON_WARNING, Exit.FINDINGS, id="warning-on-warning"),
    ],
)
def test_one_thing_at_a_time(found: Report, strictness: ExitRules, expected: Exit) -> None:
    assert exit_code(found, strictness) == expected


@pytest.mark.parametrize("action", [Action.BLOCKED, Action.CONFLICT, Action.HELD, Action.SKIPPED])
def test_results_are_no_failures(action: Action) -> None:
    reason = {
        Action.BLOCKED: Reason.NAME_COLLISION,
        Action.CONFLICT: Reason.FOREIGN,
        Action.HELD: Reason.WAITING,
        Action.SKIPPED: Reason.NO_MATCHER,
    }[action]
    assert exit_code(report(item(action, reason)), DETAILED) == Exit.DONE


EVERYTHING = report(
    *BROKEN_ITEM.items,
    item(Action.CREATE, Reason.NEW, "other", iam=judged(finding())),
    scopes=scopes(),
    guard=REFUSED,
    error="stopped",
    interrupted=True,
)
"""Interrupted, unfinished, refused, incomplete, with findings and with changes pending."""


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        pytest.param({}, Exit.INTERRUPTED, id="130-first"),
        pytest.param({"interrupted": False}, Exit.FAILED, id="then-1"),
        pytest.param({"error": None}, Exit.REFUSED, id="then-4"),
        pytest.param({"guard": CALM}, Exit.INCOMPLETE, id="then-3"),
        pytest.param(
            {"scopes": scopes()[:1], "items": EVERYTHING.items[1:]}, Exit.FINDINGS, id="then-5"
        ),
        pytest.param({"items": PENDING.items}, Exit.PENDING, id="then-2"),
        pytest.param({"items": ()}, Exit.DONE, id="then-0"),
    ],
)
def test_the_first_that_holds_wins(without: dict[str, Any], expected: Exit) -> None:
    order: list[dict[str, Any]] = [
        {},
        {"interrupted": False},
        {"error": None},
        {"guard": CALM},
        {"scopes": scopes()[:1], "items": EVERYTHING.items[1:]},
        {"items": PENDING.items},
        {"items": ()},
    ]
    found = EVERYTHING
    for step in order[: order.index(without) + 1]:
        found = replace(found, **step)
    strictness = ExitRules(detailed=True, fail_on=Severity.BLOCKER)
    assert exit_code(found, strictness) == expected


def test_a_termination_is_told_from_an_interruption() -> None:
    assert exit_code(STOPPED, terminated=True) == Exit.TERMINATED
    assert exit_code(CALM_REPORT, terminated=True) == Exit.DONE


@pytest.mark.parametrize(
    ("expected_failure", "code"),
    [
        pytest.param(OTHER, Exit.DONE, id="the-scope"),
        pytest.param(Scope(OTHER.account_id, None), Exit.DONE, id="its-account"),
        pytest.param(
            Scope(OTHER.account_id, Region("us-east-1")), Exit.INCOMPLETE, id="another-region"
        ),
        pytest.param(Scope(AccountId("*"), OTHER.region), Exit.DONE, id="its-region-everywhere"),
        pytest.param(
            Scope(AccountId("*"), Region("us-east-1")), Exit.INCOMPLETE, id="another-everywhere"
        ),
        pytest.param(Scope(AccountId("9" * 12), None), Exit.INCOMPLETE, id="another-account"),
    ],
)
def test_an_expected_failure_is_reported_only(expected_failure: Scope, code: Exit) -> None:
    found = replace(UNREAD, expected_failures=frozenset({expected_failure}))
    assert exit_code(found) == code
    assert not found.complete
