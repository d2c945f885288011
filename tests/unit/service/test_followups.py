"""Where something is on its way, one looks again."""

from __future__ import annotations

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import Complete, Failed
from discovery.service.followups import FollowUps
from tests.support.plan_inputs import WEST, arn_of, cache
from tests.support.plan_state import NOW


def scanned(**statuses: str) -> Complete:
    caches = tuple(cache(name, status=status) for name, status in statuses.items())
    return Complete(scope=WEST, started_at=NOW, caches=caches)


def spans(follow_ups: FollowUps, result: Complete, times: int) -> list[float | None]:
    found = []
    for _ in range(times):
        next_ones = follow_ups.update([result])
        found.append(next_ones[0].delay.total_seconds() if next_ones else None)
    return found


@pytest.mark.parametrize("status", ["creating", "modifying", "deleting"])
def test_up_the_ladder_and_then_no_more(status: str) -> None:
    assert spans(FollowUps(), scanned(orders=status), 6) == [15, 30, 60, 120, None, None]


def test_it_names_the_caches_that_are_on_their_way() -> None:
    (found,) = FollowUps().update([scanned(orders="creating", carts="available")])
    assert found.arns == {arn_of("orders")}
    assert found.scope == WEST


@pytest.mark.parametrize("status", ["available", "create-failed", "snapshotting", ""])
def test_what_stays_as_it_is_is_left_to_the_next_sweep(status: str) -> None:
    assert FollowUps().update([scanned(orders=status)]) == ()


def test_something_else_on_its_way_begins_anew() -> None:
    follow_ups = FollowUps()
    assert spans(follow_ups, scanned(orders="creating"), 3) == [15, 30, 60]
    assert spans(follow_ups, scanned(orders="creating", carts="creating"), 2) == [15, 30]
    assert spans(follow_ups, scanned(orders="deleting"), 1) == [15]


def test_over_and_again_begins_anew() -> None:
    follow_ups = FollowUps()
    spans(follow_ups, scanned(orders="creating"), 5)
    assert spans(follow_ups, scanned(orders="available"), 1) == [None]
    assert spans(follow_ups, scanned(orders="creating"), 1) == [15]


def test_a_scope_that_was_not_read_stays_where_it_is() -> None:
    follow_ups = FollowUps()
    spans(follow_ups, scanned(orders="creating"), 2)
    failed = Failed(scope=WEST, started_at=NOW, reason=ScopeReason.THROTTLED)
    assert follow_ups.update([failed]) == ()
    assert spans(follow_ups, scanned(orders="creating"), 1) == [60]
