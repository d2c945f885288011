"""R6: killed anywhere, started again, it comes to where an uninterrupted run would have come."""

from __future__ import annotations

import pytest

from tests.support.killed_sweep import run_until_killed
from tests.support.scenario import Scenario

pytestmark = pytest.mark.slow


def killed(scenario: Scenario, moment: str) -> None:
    """One sweep in a process that is killed at its first write of a kind: before it, when it is
    answered, or during the transaction that it shares with others."""
    run_until_killed(moment, ("sweep",), scenario.directory, scenario.cli.environment)


def busy(scenario: Scenario) -> None:
    """The next sweep makes one of every kind of write."""
    scenario.configure(
        matchers=[{"name": "all", "exclude_tags": {"teleport": "off"}}],
        deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100, "min_allowed": 9},
    )
    for name in ("renamed", "changed", "excluded"):
        scenario.cache(name, tags={"TeleportDatabaseName": f"{name}-db"})
    scenario.sweep()
    scenario.tag("renamed", {"TeleportDatabaseName": "other-db"})
    scenario.tag("changed", {"TeleportDatabaseName": "changed-db", "team": "a"})
    scenario.tag("excluded", {"TeleportDatabaseName": "excluded-db", "teleport": "off"})
    scenario.cache("fresh", tags={"TeleportDatabaseName": "fresh-db"})


GOAL = {"other-db", "changed-db", "fresh-db"}


@pytest.mark.parametrize(
    "moment",
    [
        "during-insert",
        "during-replace_whole",
        "during-remove",
        "after-create",
        "after-update",
        "after-delete",
        "before-record",
    ],
)
def test_a_killed_sweep_is_made_good_by_the_next(scenario: Scenario, moment: str) -> None:
    busy(scenario)
    killed(scenario, moment)
    # Nobody is served by a name that is neither old nor new.
    assert {"renamed-db", "other-db"} & set(scenario.registry)
    seen = scenario.audit()
    shown = scenario.sweep("--checksum", seen.document["checksum"])
    assert shown.by_name == seen.by_name
    assert set(scenario.registry) == GOAL
    assert scenario.registry["changed-db"].labels["team"] == "a"
    again = scenario.sweep()
    assert again.writes == 0, again.verdicts
    assert set(scenario.state.registrations) == GOAL
    assert scenario.state.open_intents == ()
    assert not any(again.notes(item["cache"]) for item in again.document["items"])


def between_create_and_delete(scenario: Scenario, **sections: object) -> None:
    """A rename is cut in two: both names exist."""
    scenario.configure(**sections)
    for name in ("orders", "carts"):
        scenario.cache(name, tags={"TeleportDatabaseName": f"{name}-db"})
    scenario.sweep()
    scenario.tag("orders", {"TeleportDatabaseName": "sales-db"})
    killed(scenario, "after-create")
    assert set(scenario.registry) == {"orders-db", "sales-db", "carts-db"}


def test_a_rename_cut_in_two_is_finished_forwards(scenario: Scenario) -> None:
    between_create_and_delete(scenario)
    shown = scenario.sweep()
    assert shown.verdicts == {"orders": "update/RENAMED", "carts": "keep/UNCHANGED"}
    assert set(scenario.registry) == {"sales-db", "carts-db"}
    assert set(scenario.state.registrations) == {"sales-db", "carts-db"}
    assert shown.document["guard"]["removals"] == 1  # the two halves are one


def test_cut_in_two_and_state_lost_nothing_is_removed(scenario: Scenario) -> None:
    between_create_and_delete(scenario)
    scenario.forget()
    shown = scenario.sweep()
    assert shown.by_name["sales-db"] == "keep/UNCHANGED"
    assert shown.by_name["orders-db"] == "conflict/DUPLICATE_REGISTRATION"
    assert len(scenario.registry) == 3


def test_cut_in_two_and_the_cache_deleted_leaves_nothing_behind(scenario: Scenario) -> None:
    between_create_and_delete(
        scenario, deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100}
    )
    scenario.gone("orders")
    for _ in range(4):
        scenario.sweep()
    assert set(scenario.registry) == {"carts-db"}


def test_cut_in_two_and_named_back_leaves_one(scenario: Scenario) -> None:
    between_create_and_delete(scenario)
    scenario.tag("orders", {"TeleportDatabaseName": "orders-db"})
    for _ in range(3):
        scenario.sweep()
    assert set(scenario.registry) == {"orders-db", "carts-db"}


def test_cut_in_two_and_renamed_again_leaves_one(scenario: Scenario) -> None:
    between_create_and_delete(scenario)
    scenario.tag("orders", {"TeleportDatabaseName": "third-db"})
    for _ in range(3):
        scenario.sweep()
    assert set(scenario.registry) == {"third-db", "carts-db"}


def test_cut_in_two_while_the_scope_is_unread_waits(scenario: Scenario) -> None:
    between_create_and_delete(scenario)
    from discovery.sandbox.aws.faults import Effect  # noqa: PLC0415

    number = scenario.fault(
        Effect.DENIED, service="elasticache", operation="DescribeServerlessCaches"
    )
    shown = scenario.sweep(exits=3)
    assert {"orders-db", "sales-db"} <= set(scenario.registry)
    assert shown.writes == 0
    scenario.aws.faults.remove(number)
    scenario.sweep()
    assert set(scenario.registry) == {"sales-db", "carts-db"}


def test_cut_in_two_and_removals_forbidden_stays(scenario: Scenario) -> None:
    between_create_and_delete(scenario)
    scenario.configure(deregistration={"max_count": 0})
    assert scenario.sweep(exits=4).verdicts["orders"] == "held/GUARD_COUNT"
    assert len(scenario.registry) == 3
    scenario.configure(deregistration={"max_count": 5}, policy="upsert-only")
    assert scenario.sweep().verdicts["orders"] == "held/POLICY"
    assert len(scenario.registry) == 3


@pytest.mark.parametrize(
    ("tags", "moment"),
    [
        pytest.param({"TeleportDatabaseName": "sales-db"}, "after-delete", id="rename-landed"),
        pytest.param({"TeleportDatabaseName": "sales-db"}, "before-delete", id="rename-half-done"),
        pytest.param(
            {"TeleportDatabaseName": "orders-db", "off": "1"}, "after-delete", id="removal-landed"
        ),
        pytest.param(
            {"TeleportDatabaseName": "orders-db", "off": "1"},
            "before-delete",
            id="removal-not-made",
        ),
    ],
)
def test_after_a_kill_the_audit_shows_what_the_next_sweep_does(
    scenario: Scenario, tags: dict[str, str], moment: str
) -> None:
    """The only registration there is: a removal that landed must not look like a list cut short."""
    scenario.configure(
        matchers=[{"name": "all", "exclude_tags": {"off": "1"}}],
        deregistration={"missed_sweeps": 1, "grace": "0s", "allow_empty": True},
    )
    scenario.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    scenario.sweep()
    scenario.tag("orders", tags)
    killed(scenario, moment)
    audit, sweep = scenario.audit().document, scenario.sweep().document
    assert audit["checksum"] == sweep["checksum"]
    assert audit["guard"] == sweep["guard"]
