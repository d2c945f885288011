"""R3, time: the reason must hold in complete scans and for the grace."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scenario import Scenario

pytestmark = pytest.mark.slow

PROD = {"name": "production", "tags": {"env": "prod"}}
QUICK = {"missed_sweeps": 1, "grace": "0s", "max_percent": 100}


def two(scenario: Scenario) -> None:
    for name in ("orders", "carts"):
        scenario.cache(name, tags={"env": "prod"})


def test_absence_takes_scans_and_grace(scenario: Scenario) -> None:
    two(scenario)
    scenario.sweep()
    scenario.gone("orders")
    first = scenario.sweep()
    assert first.verdicts["orders"] == "held/WAITING"
    assert first.item("orders")["missed"]["scans"] == 1
    # Enough scans, not enough time.
    for scans in (2, 3):
        scenario.later(minutes=4)
        shown = scenario.sweep()
        assert shown.verdicts["orders"] == "held/WAITING"
        assert shown.item("orders")["missed"]["scans"] == scans
        assert shown.item("orders")["missed"]["since"] == first.item("orders")["missed"]["since"]
    scenario.later(minutes=3)
    assert scenario.sweep().verdicts["orders"] == "delete/ABSENT"
    assert scenario.sweep().verdicts == {"carts": "keep/UNCHANGED"}


def test_enough_time_is_not_enough_scans(scenario: Scenario) -> None:
    two(scenario)
    scenario.configure(deregistration={"missed_sweeps": 3, "grace": "10m", "max_percent": 100})
    scenario.sweep()
    scenario.gone("orders")
    scenario.sweep()
    scenario.later(days=7)
    assert scenario.sweep().verdicts["orders"] == "held/WAITING"
    assert scenario.sweep().verdicts["orders"] == "delete/ABSENT"


def test_a_cache_that_comes_back_while_it_waits_starts_anew(scenario: Scenario) -> None:
    two(scenario)
    scenario.sweep()
    created = scenario.region().caches.get("orders")
    assert created is not None
    scenario.gone("orders")
    scenario.sweep()
    scenario.later(hours=1)
    scenario.cache("orders", tags={"env": "prod"}, created_at=created.created_at)
    assert scenario.sweep().verdicts["orders"] == "update/URI_CHANGED"  # its host is a new one
    scenario.gone("orders")
    assert scenario.sweep().item("orders")["missed"]["scans"] == 1


def test_a_tag_that_no_longer_matches_takes_time(scenario: Scenario) -> None:
    scenario.configure(matchers=[PROD])
    two(scenario)
    scenario.sweep()
    scenario.tag("orders", {"env": "dev"})
    assert scenario.sweep().verdicts["orders"] == "held/WAITING"
    scenario.later(hours=1)
    assert scenario.sweep().verdicts["orders"] == "delete/UNMATCHED"
    assert scenario.sweep().verdicts["orders"] == "skipped/NO_MATCHER"


NO_TIME: list[Any] = [
    pytest.param({"teleport": "off", "env": "prod"}, "available", "EXCLUDED", id="exclusion-tag"),
    pytest.param({"env": "prod"}, "deleting", "DELETING", id="aws-is-deleting-it"),
]


@pytest.mark.parametrize(("tags", "status", "reason"), NO_TIME)
def test_what_needs_no_time(
    scenario: Scenario, tags: dict[str, str], status: str, reason: str
) -> None:
    scenario.configure(matchers=[{**PROD, "exclude_tags": {"teleport": "off"}}])
    two(scenario)
    scenario.sweep()
    scenario.tag("orders", tags)
    scenario.region().change_cache("orders", status=status)
    assert scenario.sweep().verdicts == {
        "orders": f"delete/{reason}",
        "carts": "keep/UNCHANGED",
    }
    assert scenario.sweep().verdicts["orders"] == f"skipped/{reason}"


EDITS: list[Any] = [
    pytest.param({"matchers": [{**PROD, "tags": {"env": "live"}}]}, id="tags"),
    pytest.param({"matchers": [{**PROD, "names": ["nothing-*"]}]}, id="names"),
    pytest.param({"matchers": [{**PROD, "exclude_tags": {"env": "prod"}}]}, id="exclusion"),
    pytest.param({"matchers": [{**PROD, "engines": ["redis"]}]}, id="engines"),
]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_matchers_never_removes_at_once(
    scenario: Scenario, edit: dict[str, Any]
) -> None:
    scenario.configure(matchers=[PROD], deregistration=QUICK)
    two(scenario)
    scenario.sweep()
    scenario.configure(**edit)
    # A look from afar, and a sweep that was never finished, do not make the rules old.
    assert set(scenario.audit().verdicts.values()) == {"held/WAITING"}
    assert set(scenario.audit().verdicts.values()) == {"held/WAITING"}
    assert set(scenario.sweep().verdicts.values()) == {"held/WAITING"}
    assert len(scenario.registry) == 2
    assert scenario.sweep().document["summary"]["delete"] == 2


def test_an_edit_starts_the_count_of_what_was_waiting_again(scenario: Scenario) -> None:
    scenario.configure(matchers=[PROD])
    two(scenario)
    scenario.sweep()
    scenario.tag("orders", {"env": "dev"})
    scenario.sweep()
    scenario.later(hours=1)
    scenario.configure(matchers=[{**PROD, "names": ["*"], "regions": ["eu-*"]}])
    shown = scenario.sweep()
    assert shown.verdicts["orders"] == "held/WAITING"
    assert shown.item("orders")["missed"]["scans"] == 1


def test_an_edit_undone_leaves_everything_as_it_was(scenario: Scenario) -> None:
    scenario.configure(matchers=[PROD])
    two(scenario)
    scenario.sweep()
    before = scenario.registry
    scenario.configure(matchers=[{**PROD, "tags": {"env": "live"}}])
    scenario.sweep()
    scenario.configure(matchers=[PROD])
    assert set(scenario.sweep().verdicts.values()) == {"keep/UNCHANGED"}
    assert scenario.registry == before


def test_a_clock_that_steps_back_starts_the_grace_again(scenario: Scenario) -> None:
    two(scenario)
    scenario.sweep()
    scenario.gone("orders")
    scenario.sweep()
    scenario.later(days=-30)
    shown = scenario.sweep()
    assert shown.verdicts["orders"] == "held/WAITING"
    assert shown.item("orders")["missed"]["scans"] == 2
    scenario.later(minutes=9)
    assert scenario.sweep().verdicts["orders"] == "held/WAITING"
    scenario.later(minutes=2)
    assert scenario.sweep().verdicts["orders"] == "delete/ABSENT"


def test_a_clock_that_leaps_ahead_still_wants_its_scans(scenario: Scenario) -> None:
    two(scenario)
    scenario.sweep()
    scenario.later(days=3650)
    scenario.gone("orders")
    assert scenario.sweep().verdicts["orders"] == "held/WAITING"
    assert scenario.state.finished_sweeps == 2
    scenario.later(days=-3650)
    assert scenario.sweep().verdicts["orders"] == "held/WAITING"


@pytest.mark.parametrize("policy", ["upsert-only", "create-only"])
def test_a_policy_that_never_removes(scenario: Scenario, policy: str) -> None:
    scenario.configure(matchers=[{**PROD, "exclude_tags": {"teleport": "off"}}], policy=policy)
    two(scenario)
    scenario.cache("books", tags={"env": "prod"})
    scenario.sweep()
    scenario.gone("orders")
    scenario.tag("carts", {"env": "prod", "teleport": "off"})
    scenario.tag("books", {"env": "prod", "team": "b"})
    updates = {
        "upsert-only": ["update/LABELS_CHANGED", "keep/UNCHANGED", "keep/UNCHANGED"],
        "create-only": ["held/POLICY"] * 3,
    }
    for books in updates[policy]:
        scenario.later(hours=1)
        shown = scenario.sweep()
        assert shown.verdicts["orders"] == shown.verdicts["carts"] == "held/POLICY"
        assert shown.verdicts["books"] == books
    team = {database.labels.get("team") for database in scenario.registry.values()}
    assert ("b" in team) is (policy == "upsert-only")
    assert len(scenario.registry) == 3
