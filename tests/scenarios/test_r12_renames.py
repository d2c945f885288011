"""R12: a rename is one item, made forwards, and only into a name that is free."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.values import Database, ResourceName
from tests.support.scenario import Scenario

pytestmark = pytest.mark.slow


def named(name: str, **tags: str) -> dict[str, str]:
    return {"TeleportDatabaseName": name, **tags}


def two(scenario: Scenario, **sections: Any) -> None:
    scenario.configure(**sections)
    scenario.cache("orders", tags=named("orders-db"))
    scenario.cache("carts", tags=named("carts-db"))
    scenario.sweep()


def test_a_name_tag_renames_in_one_item(scenario: Scenario) -> None:
    two(scenario)
    scenario.tag("orders", named("sales-db", team="a"))
    shown = scenario.sweep()
    item = shown.item("orders")
    assert (item["action"], item["reason"]) == ("update", "RENAMED")
    assert (item["name"], item["previous_name"]) == ("sales-db", "orders-db")
    assert shown.document["guard"]["removals"] == 1
    assert set(scenario.registry) == {"sales-db", "carts-db"}
    assert scenario.registry["sales-db"].labels["team"] == "a"
    assert set(scenario.state.registrations) == {"sales-db", "carts-db"}
    assert scenario.sweep().writes == 0


def test_back_to_the_generated_name(scenario: Scenario) -> None:
    two(scenario)
    scenario.tag("orders", {})
    scenario.sweep()
    (name,) = set(scenario.registry) - {"carts-db"}
    assert name.startswith("orders-elasticache-serverless-")
    assert scenario.registry[name].labels["teleport.internal/discovered-name"] == "orders"


def test_two_that_swap_names_wait_for_each_other(scenario: Scenario) -> None:
    two(scenario)
    before = scenario.registry
    scenario.tag("orders", named("carts-db"))
    scenario.tag("carts", named("orders-db"))
    shown = scenario.sweep()
    assert set(shown.verdicts.values()) == {"blocked/NAME_COLLISION"}
    assert scenario.registry == before


def test_a_name_that_becomes_free_in_the_same_sweep_is_not_free_yet(scenario: Scenario) -> None:
    two(scenario)
    scenario.tag("orders", named("sales-db"))
    scenario.tag("carts", named("orders-db"))
    shown = scenario.sweep()
    assert shown.verdicts == {"orders": "update/RENAMED", "carts": "blocked/NAME_COLLISION"}
    assert scenario.sweep().verdicts == {"orders": "keep/UNCHANGED", "carts": "update/RENAMED"}
    assert set(scenario.registry) == {"sales-db", "orders-db"}


def test_into_a_foreign_name(scenario: Scenario) -> None:
    two(scenario)
    spec = {"protocol": "redis", "uri": "elsewhere:6379"}
    scenario.put(Database(name=ResourceName("theirs"), labels={}, description="", spec=spec))
    foreign = scenario.registry["theirs"]
    scenario.tag("orders", named("theirs"))
    assert scenario.sweep().verdicts["orders"] == "blocked/NAME_COLLISION"
    assert scenario.registry["theirs"] == foreign
    assert "orders-db" in scenario.registry


def test_two_want_the_same_new_name(scenario: Scenario) -> None:
    two(scenario)
    before = scenario.registry
    for name in ("orders", "carts"):
        scenario.tag(name, named("both"))
    assert set(scenario.sweep().verdicts.values()) == {"blocked/NAME_COLLISION"}
    assert scenario.registry == before


def test_a_generated_name_beats_an_override(scenario: Scenario) -> None:
    two(scenario)
    generated = "books-elasticache-serverless-eu-central-1-111122223333"
    scenario.cache("books")
    scenario.cache("impostor", tags=named(generated))
    shown = scenario.sweep()
    assert shown.verdicts["books"] == "create/NEW"
    assert shown.verdicts["impostor"] == "blocked/NAME_COLLISION"


def test_only_case_changes(scenario: Scenario) -> None:
    two(scenario)
    scenario.tag("orders", named("Orders-DB"))
    shown = scenario.sweep()
    assert shown.verdicts["orders"] == "update/RENAMED"
    assert set(scenario.registry) == {"Orders-DB", "carts-db"}
    assert scenario.sweep().writes == 0


@pytest.mark.parametrize("hostile", ["x[/bold]y", "9lives", "a b", "-", "a-", "ä"])
def test_an_illegal_name_keeps_the_present_one(scenario: Scenario, hostile: str) -> None:
    two(scenario)
    before = scenario.registry
    scenario.tag("orders", named(hostile))
    assert scenario.sweep().verdicts["orders"] == "blocked/NAME_INVALID"
    assert scenario.registry == before


def test_a_name_may_be_of_any_length(scenario: Scenario) -> None:
    """Teleport limits the characters of a name, not how many there are."""
    two(scenario)
    scenario.tag("orders", named("n" * 300))
    assert scenario.sweep().verdicts["orders"] == "update/RENAMED"
    assert set(scenario.registry) == {"n" * 300, "carts-db"}


@pytest.mark.parametrize("policy", ["upsert-only", "create-only"])
def test_a_policy_that_forbids_it(scenario: Scenario, policy: str) -> None:
    two(scenario, policy=policy)
    scenario.tag("orders", named("sales-db"))
    shown = scenario.sweep()
    assert shown.verdicts["orders"] == "held/POLICY"
    assert shown.item("orders")["name"] == "orders-db"
    assert "sales-db" not in scenario.registry


def test_refused_by_the_guard_the_rest_of_the_change_is_made(scenario: Scenario) -> None:
    two(scenario, deregistration={"max_count": 0})
    scenario.tag("orders", named("sales-db", team="a"))
    shown = scenario.sweep(exits=4)
    assert shown.verdicts["orders"] == "update/LABELS_CHANGED"
    assert shown.item("orders")["name"] == "orders-db"
    assert set(scenario.registry) == {"orders-db", "carts-db"}
    assert scenario.registry["orders-db"].labels["team"] == "a"
    # Nothing but the name is left to do.
    shown = scenario.sweep(exits=4)
    assert shown.verdicts["orders"] == "held/GUARD_COUNT"
    scenario.configure(deregistration={"max_count": 1})
    assert scenario.sweep().verdicts["orders"] == "update/RENAMED"


def test_a_rename_back_while_waiting_costs_nothing(scenario: Scenario) -> None:
    two(scenario, deregistration={"max_count": 0})
    scenario.tag("orders", named("sales-db"))
    scenario.sweep(exits=4)
    scenario.tag("orders", named("orders-db"))
    scenario.sweep()
    assert set(scenario.registry) == {"orders-db", "carts-db"}


def test_name_tags_are_honoured_where_it_is_allowed(scenario: Scenario) -> None:
    scenario.configure(aws={**scenario.settings["aws"], "name_overrides": False})
    scenario.cache("orders", tags=named("orders-db"))
    assert scenario.sweep().item("orders")["name"].startswith("orders-elasticache")
    scenario.configure(aws={**scenario.settings["aws"], "name_overrides": ["111122223333"]})
    # The rules of names have changed: a rename needs no time, a removal would.
    assert scenario.sweep().verdicts == {"orders": "update/RENAMED"}
    assert set(scenario.registry) == {"orders-db"}


@pytest.mark.parametrize("tag", ["teleport.dev/database_name", "TeleportDatabaseName"])
def test_both_override_tags(scenario: Scenario, tag: str) -> None:
    scenario.cache("orders", tags={tag: "orders-db"})
    shown = scenario.sweep()
    assert shown.item("orders")["name"] == "orders-db"
    assert "teleport.dev/database_name" not in scenario.registry["orders-db"].labels


def test_a_change_of_origin_is_made_anew_under_one_name(scenario: Scenario) -> None:
    two(scenario)
    embedded = {"kind": "embedded", "path": "registry.db"}
    scenario.configure(control_plane={**embedded, "origin": "cloud"})
    shown = scenario.sweep()
    assert shown.document["guard"]["removals"] == 2
    assert {item["action"] for item in shown.document["items"]} == {"update"}
    labels = scenario.registry["orders-db"].labels
    assert labels["teleport.dev/origin"] == "cloud"
    assert labels["teleport.internal/discovery-group-name"] == "prod"
    scenario.configure(
        control_plane={**embedded, "origin": "dynamic"}, deregistration={"max_count": 2}
    )
    shown = scenario.sweep(exits=4)
    assert set(shown.verdicts.values()) == {"held/GUARD_COUNT"}
    assert scenario.registry["orders-db"].labels == labels
