"""The budget of removals: all of a sweep's go, or none (R3, R10)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from discovery.model.codes import GuardCode
from discovery.plan.removal_guard import GuardInput, GuardVerdict, judge_removals
from tests.support.plan_inputs import budget

G = GuardCode


def evidence(population: int = 100, removed: int = 0, **more: Any) -> GuardInput:
    fields: dict[str, Any] = {
        "population": population,
        "removed_in_window": removed,
        "caches_seen": 50,
        "registry_shrank": False,
    }
    return GuardInput(**{**fields, **more})


@pytest.mark.parametrize(
    ("limits", "population", "limit"),
    [
        pytest.param({}, 100, 20, id="max-count-caps-the-share"),
        pytest.param({}, 50, 15, id="share"),
        pytest.param({}, 13, 3, id="share-is-rounded-down"),
        pytest.param({}, 5, 2, id="min-allowed-lifts-the-share"),
        pytest.param({}, 0, 2, id="min-allowed-of-nothing"),
        pytest.param({"max_count": 1}, 5, 1, id="max-count-caps-min-allowed"),
        pytest.param({"max_count": 0}, 100, 0, id="max-count-zero-is-never"),
        pytest.param({"max_percent": 0}, 100, 2, id="no-share-leaves-min-allowed"),
        pytest.param({"max_percent": 0, "min_allowed": 0}, 100, 0, id="neither"),
        pytest.param({"max_percent": 100, "max_count": 7}, 9, 7, id="allow-mass-removal"),
    ],
)
def test_the_limit_is_the_smaller_of_count_and_share(
    limits: dict[str, int], population: int, limit: int
) -> None:
    assert budget(**limits).limit(population) == limit


@pytest.mark.parametrize(
    ("planned", "found", "limits", "code"),
    [
        pytest.param(20, evidence(), {}, None, id="at-the-limit"),
        pytest.param(21, evidence(), {}, G.GUARD_COUNT, id="over-the-count"),
        pytest.param(16, evidence(50), {}, G.GUARD_PERCENT, id="over-the-share"),
        pytest.param(3, evidence(5), {}, G.GUARD_PERCENT, id="over-min-allowed"),
        pytest.param(11, evidence(removed=10), {}, G.GUARD_COUNT, id="done-before-counts"),
        pytest.param(10, evidence(removed=10), {}, None, id="done-before-fits"),
        pytest.param(0, evidence(removed=30), {}, None, id="nothing-planned-nothing-refused"),
        pytest.param(1, evidence(), {"max_count": 0}, G.GUARD_COUNT, id="never-remove"),
        pytest.param(1, evidence(caches_seen=0), {}, G.GUARD_EMPTY, id="no-cache-anywhere"),
        pytest.param(30, evidence(caches_seen=0), {}, G.GUARD_EMPTY, id="empty-before-count"),
        pytest.param(1, evidence(caches_seen=0), {"allow_empty": True}, None, id="empty-allowed"),
        pytest.param(
            21, evidence(caches_seen=0), {"allow_empty": True}, G.GUARD_COUNT, id="still-counted"
        ),
        pytest.param(0, evidence(caches_seen=0), {}, None, id="empty-but-nothing-planned"),
        pytest.param(1, evidence(0, caches_seen=0), {}, None, id="nothing-is-registered"),
        pytest.param(1, evidence(registry_shrank=True), {}, G.REGISTRY_SHRANK, id="shrank"),
        pytest.param(
            0, evidence(registry_shrank=True), {}, G.REGISTRY_SHRANK, id="shrank-without-a-removal"
        ),
        pytest.param(
            1,
            evidence(registry_shrank=True),
            {"max_count": 99, "max_percent": 100, "allow_empty": True},
            G.REGISTRY_SHRANK,
            id="no-option-widens-a-shrunken-list",
        ),
    ],
)
def test_what_is_refused(
    planned: int, found: GuardInput, limits: dict[str, Any], code: GuardCode | None
) -> None:
    verdict = judge_removals(planned, found, budget(**limits))
    assert (verdict.refused, verdict.code) == (code is not None, code)
    assert verdict.removals == planned + found.removed_in_window
    assert verdict.limit == budget(**limits).limit(found.population)
    assert (verdict.population, verdict.window) == (found.population, timedelta(hours=1))


@pytest.mark.parametrize(
    ("planned", "found", "limits", "words"),
    [
        (2, evidence(), {}, "2 of at most 20 removals within 60 min"),
        (
            21,
            evidence(),
            {},
            "21 removals within 60 min, but deregistration.max_count is 20; none of the 21 planned "
            "was made. Look at them, then run a sweep with --allow-mass-removal 21",
        ),
        (
            3,
            evidence(8, removed=1),
            {},
            "4 removals within 60 min (1 of them done already), but of 8 registrations "
            "only 2 may go (deregistration.max_percent 30, min_allowed 2); none of the 3 planned",
        ),
        (3, evidence(3, caches_seen=0), {}, "hold no cache, but 3 are registered"),
        (0, evidence(registry_shrank=True), {}, "nothing was removed or renamed"),
        (1, evidence(), {"window": timedelta(seconds=90)}, "within 1.5 min"),
    ],
)
def test_the_message_says_what_was_counted_and_the_way_past(
    planned: int, found: GuardInput, limits: dict[str, Any], words: str
) -> None:
    assert words in judge_removals(planned, found, budget(**limits)).message


def advised(verdict: GuardVerdict) -> int:
    """The number that the message tells the reader to allow."""
    found = re.search(r"--allow-mass-removal (\d+)", verdict.message)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    ("planned", "found"),
    [
        pytest.param(21, evidence(), id="over-the-count"),
        pytest.param(3, evidence(5), id="over-the-share"),
        pytest.param(11, evidence(removed=10), id="with-some-done"),
        pytest.param(3, evidence(3, caches_seen=0), id="empty"),
        pytest.param(
            10,
            evidence(10, removed=5),
            id="more-than-the-population",
        ),
        pytest.param(
            3,
            evidence(9, removed=2, caches_seen=0),
            id="empty-with-some-done",
        ),
    ],
)
def test_who_follows_the_advice_is_not_refused_again(planned: int, found: GuardInput) -> None:
    verdict = judge_removals(planned, found, budget())
    assert advised(verdict) == planned  # what still pends, whatever was removed before
    assert judge_removals(planned, found, budget().with_overrides(planned)).code is None
    if planned > 1:
        assert judge_removals(planned, found, budget().with_overrides(planned - 1)).code is not None
