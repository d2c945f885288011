"""R3, budget: a mass removal is refused as a whole, and everything else goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scenario import Scenario

pytestmark = pytest.mark.slow

NOW = {"missed_sweeps": 1, "grace": "0s"}


def fleet(scenario: Scenario, count: int, **limits: Any) -> list[str]:
    """So many caches, registered; a removal of theirs needs no time."""
    scenario.configure(deregistration={**NOW, **limits})
    names = [f"c{number:02}" for number in range(count)]
    for name in names:
        scenario.cache(name)
    scenario.sweep()
    return names


def lose(scenario: Scenario, names: list[str]) -> None:
    for name in names:
        scenario.gone(name)


def test_a_share_too_large_is_refused_and_nothing_but_removals(scenario: Scenario) -> None:
    names = fleet(scenario, 10, max_percent=30, min_allowed=2)
    lose(scenario, names[:4])
    scenario.cache("fresh")
    scenario.tag("c09", {"team": "a"})
    assert scenario.audit(exits=4).document["guard"]["refused"] is True
    shown = scenario.sweep(exits=4)
    guard = shown.document["guard"]
    assert (guard["code"], guard["removals"], guard["limit"]) == ("GUARD_PERCENT", 4, 3)
    assert shown.document["summary"]["delete"] == 0
    assert {shown.verdicts[name] for name in names[:4]} == {"held/GUARD_PERCENT"}
    assert shown.verdicts["fresh"] == "create/NEW"
    assert shown.verdicts["c09"] == "update/LABELS_CHANGED"
    assert len(scenario.registry) == 11
    # Leave for too few is no leave.
    scenario.sweep("--allow-mass-removal", "3", exits=4)
    assert scenario.sweep("--allow-mass-removal", "4").document["summary"]["delete"] == 4
    assert len(scenario.registry) == 7


def test_the_count_bounds_what_the_share_allows(scenario: Scenario) -> None:
    names = fleet(scenario, 8, max_percent=100, max_count=2)
    lose(scenario, names[:3])
    shown = scenario.sweep(exits=4)
    assert shown.document["guard"]["code"] == "GUARD_COUNT"
    assert {shown.verdicts[name] for name in names[:3]} == {"held/GUARD_COUNT"}


def test_max_count_0_never_removes(scenario: Scenario) -> None:
    names = fleet(scenario, 5, max_percent=100, max_count=0)
    lose(scenario, names[:1])
    for _ in range(2):
        scenario.later(hours=2)
        assert scenario.sweep(exits=4).verdicts["c00"] == "held/GUARD_COUNT"
    assert len(scenario.registry) == 5


def test_no_cache_anywhere_is_not_believed(scenario: Scenario) -> None:
    names = fleet(scenario, 2, max_percent=100, min_allowed=5)
    lose(scenario, names)
    assert set(scenario.sweep(exits=4).verdicts.values()) == {"held/GUARD_EMPTY"}
    scenario.configure(
        deregistration={**NOW, "max_percent": 100, "min_allowed": 5, "allow_empty": True}
    )
    assert scenario.sweep().document["summary"]["delete"] == 2
    assert scenario.registry == {}


def test_one_region_that_becomes_empty_is_ordinary(scenario: Scenario) -> None:
    scenario.configure(aws={"regions": ["eu-central-1", "us-east-1"]}, deregistration=NOW)
    scenario.cache("orders")
    scenario.cache("legacy", "us-east-1")
    scenario.sweep()
    scenario.gone("legacy", "us-east-1")
    assert scenario.sweep().verdicts["legacy"] == "delete/ABSENT"


def test_a_removal_is_counted_for_the_whole_window(scenario: Scenario) -> None:
    names = fleet(scenario, 6, max_percent=10, min_allowed=3, window="1h")
    for name in names[:3]:
        lose(scenario, [name])
        assert scenario.sweep().document["summary"]["delete"] == 1
        scenario.later(minutes=10)
    lose(scenario, names[3:4])
    refused = scenario.sweep(exits=4)
    assert refused.document["guard"]["removals"] == 4
    assert refused.verdicts["c03"] == "held/GUARD_PERCENT"
    # Half an hour later the first one has left the window.
    scenario.later(minutes=31)
    assert scenario.sweep().verdicts["c03"] == "delete/ABSENT"


def test_renames_are_paid_from_the_same_budget(scenario: Scenario) -> None:
    names = fleet(scenario, 10, max_percent=30)
    lose(scenario, names[:2])
    for name in names[2:4]:
        scenario.tag(name, {"TeleportDatabaseName": f"{name}-db"})
    shown = scenario.sweep(exits=4)
    assert shown.document["guard"]["removals"] == 4
    assert {shown.verdicts[name] for name in names[:2]} == {"held/GUARD_PERCENT"}
    # A refused rename is an update under the old name: its tag has become a label.
    assert {shown.verdicts[name] for name in names[2:4]} == {"update/LABELS_CHANGED"}
    assert not {"c02-db", "c03-db"} & set(scenario.registry)
    assert len(scenario.registry) == 10


def test_removals_of_an_earlier_process_count(scenario: Scenario) -> None:
    """The budget lives in the journal; every run of this test is a process of its own."""
    names = fleet(scenario, 4, max_percent=25, min_allowed=1)
    lose(scenario, names[:1])
    scenario.sweep()
    lose(scenario, names[1:2])
    shown = scenario.sweep(exits=4)
    message = shown.document["guard"]["message"]
    assert message.startswith("2 removals within 60 min (1 of them done already)")
    # What bounds it is said as it is: a quarter of three is none, one may always go.
    assert (
        "of 3 registrations only 1 may go (deregistration.max_percent 25, min_allowed 1)" in message
    )


def test_a_clock_that_stepped_back_gives_no_new_budget(scenario: Scenario) -> None:
    names = fleet(scenario, 4, max_percent=25, min_allowed=1)
    lose(scenario, names[:1])
    scenario.sweep()
    scenario.later(days=-2)
    lose(scenario, names[1:2])
    assert scenario.sweep(exits=4).verdicts["c01"] == "held/GUARD_PERCENT"


def test_held_by_the_guard_goes_on_counting_its_misses(scenario: Scenario) -> None:
    names = fleet(scenario, 4, max_percent=25, min_allowed=1)
    lose(scenario, names[:2])
    scenario.sweep(exits=4)
    assert scenario.sweep(exits=4).item("c00")["missed"]["scans"] == 2


def test_allowing_a_mass_removal_shortens_no_time(scenario: Scenario) -> None:
    names = fleet(scenario, 4)
    scenario.configure(deregistration={"missed_sweeps": 2, "grace": "10m"})
    lose(scenario, names)
    shown = scenario.sweep("--allow-mass-removal", "4")
    assert set(shown.verdicts.values()) == {"held/WAITING"}
    assert len(scenario.registry) == 4
