"""How long a scope that keeps failing is left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.values import Scanned
from discovery.plan.backoff import LONGEST_PAUSE, backoffs, pause_after
from discovery.plan.scan_memory import remembered_scopes
from state.records import RememberedScope, RememberedState
from tests.support.plan_inputs import WEST, backing_off, complete, failed
from tests.support.plan_state import MINUTE, NOW

FAILING = RememberedScope(
    scope=WEST,
    last_attempt_at=NOW,
    last_complete_at=None,
    failing_since=NOW - 20 * MINUTE,
    status=ScopeStatus.FAILED,
    reason=ScopeReason.DENIED,
    message="denied",
    caches=None,
    failures=3,
)


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(0, 0), (1, 0), (2, 0), (3, 8), (4, 16), (5, 30), (6, 30), (10**6, 30)],
)
def test_pauses_double_up_to_half_an_hour(failures: int, minutes: int) -> None:
    assert pause_after(failures) == minutes * MINUTE


@pytest.mark.parametrize(
    ("passed", "is_resting"),
    [
        pytest.param(0, True, id="at-once"),
        pytest.param(7, True, id="before-its-time"),
        pytest.param(8, False, id="when-it-is-time"),
        pytest.param(-60, False, id="the-clock-was-set-back"),
    ],
)
def test_a_pause_lasts_until_its_time(passed: int, *, is_resting: bool) -> None:
    found = backoffs([FAILING], NOW + passed * MINUTE)
    assert (WEST in found) is is_resting
    if is_resting:
        pause = found[WEST]
        assert (pause.until, pause.since) == (NOW + 8 * MINUTE, FAILING.failing_since)
        assert (pause.failures, pause.reason) == (3, ScopeReason.DENIED)


@pytest.mark.parametrize("status", [ScopeStatus.COMPLETE, ScopeStatus.SKIPPED])
def test_what_does_not_fail_does_not_rest(status: ScopeStatus) -> None:
    assert backoffs([replace(FAILING, status=status)], NOW) == {}


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 15))
def test_over_any_course_of_sweeps(course: list[bool], interval_min: int) -> None:
    """A success ends it at once; no pause is longer than half an hour; two failures make none."""
    state = RememberedState()
    now = NOW
    last_try = now
    in_a_row = 0
    for works in course:
        now += interval_min * MINUTE
        resting = WEST in backoffs(state.scopes.values(), now)
        if resting:
            assert in_a_row >= 3
            assert now - last_try < LONGEST_PAUSE
            result: Scanned = backing_off(WEST)
        else:
            result = complete(WEST) if works else failed(WEST)
            last_try, in_a_row = now, 0 if works else in_a_row + 1
        before = state.scopes.get(WEST)
        (after,) = remembered_scopes([result], state, now)
        if resting:
            assert after == before
        state = RememberedState(scopes={WEST: after})
        assert after.failures == in_a_row
        assert (after.failing_since is None) is (in_a_row == 0)


def test_a_sweep_every_five_minutes_leaves_out_one_then_three_then_five() -> None:
    tried = []
    state = RememberedState()
    for tick in range(26):
        now = NOW + tick * timedelta(minutes=5)
        if WEST not in backoffs(state.scopes.values(), now):
            tried.append(tick)
            state = RememberedState(scopes={WEST: remembered_scopes([failed(WEST)], state, now)[0]})
    assert tried == [0, 1, 2, 4, 8, 14, 20]
