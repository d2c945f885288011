"""What is remembered of a scope: when it was last read, and since when it fails (R10)."""

from __future__ import annotations

import pytest

from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.values import Scanned
from discovery.plan.scan_memory import remembered_scopes
from state.records import RememberedScope
from tests.support.plan_inputs import WEST, backing_off, cache, complete, failed, skipped
from tests.support.plan_state import MINUTE, NOW, make_state

STARTED = NOW - MINUTE
FAILING = RememberedScope(
    scope=WEST,
    last_attempt_at=NOW - 20 * MINUTE,
    last_complete_at=NOW - 30 * MINUTE,
    failing_since=NOW - 25 * MINUTE,
    status=ScopeStatus.FAILED,
    reason=ScopeReason.DENIED,
    message="denied",
    caches=7,
    failures=3,
)


def scope_after(result: Scanned, before: RememberedScope | None = FAILING) -> RememberedScope:
    known = make_state(scopes={WEST: before} if before is not None else {})
    (found,) = remembered_scopes([result], known, STARTED)
    return found


def test_a_complete_scan_ends_a_failure_and_counts_the_caches() -> None:
    found = scope_after(complete(WEST, cache()))
    assert (found.status, found.reason) == (ScopeStatus.COMPLETE, None)
    assert (found.last_attempt_at, found.failures) == (STARTED, 0)
    assert (found.last_complete_at, found.failing_since, found.caches) == (STARTED, None, 1)


def test_a_failure_goes_on_since_it_began() -> None:
    found = scope_after(failed(WEST, ScopeReason.TIMEOUT))
    assert (found.status, found.reason) == (ScopeStatus.FAILED, ScopeReason.TIMEOUT)
    assert found.failing_since == FAILING.failing_since
    assert (found.last_attempt_at, found.failures) == (STARTED, 4)
    assert (found.last_complete_at, found.caches) == (FAILING.last_complete_at, 7)


def test_a_first_failure_begins_now() -> None:
    found = scope_after(failed(WEST), None)
    assert (found.failing_since, found.last_complete_at, found.caches) == (STARTED, None, None)
    assert found.failures == 1


def test_a_region_that_was_switched_off_does_not_fail() -> None:
    found = scope_after(skipped(WEST, ScopeReason.REGION_NOT_ENABLED))
    assert (found.status, found.failing_since, found.failures) == (ScopeStatus.SKIPPED, None, 0)


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(backing_off(WEST), id="backing-off"),
        pytest.param(skipped(WEST, ScopeReason.NOT_IN_RUN), id="not-in-run"),
    ],
)
def test_a_failing_scope_that_is_not_asked_stays_as_it_is_remembered(result: Scanned) -> None:
    assert scope_after(result) == FAILING
