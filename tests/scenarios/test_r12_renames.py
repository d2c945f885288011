"""R12: a rename is one item, made forwards, and only into a name that is free."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model import Database, ResourceName
from tests.scenarios.tale import Tale


def named(name: str, **tags: str) -> dict[str, str]:
    return {"TeleportDatabaseName": name, **tags}


def two(tale: Tale, **sections: Any) -> None:
    tale.configure(**sections)
    tale.cache("orders", tags=named("orders-db"))
    tale.cache("carts", tags=named("carts-db"))
    tale.sweep()


def test_a_name_tag_renames_in_one_item(tale: Tale) -> None:
    two(tale)
    tale.tag("orders", named("sales-db", team="a"))
    told = tale.sweep()
    item = told.item("orders")
    assert (item["action"], item["reason"]) == ("update", "RENAMED")
    assert (item["name"], item["previous_name"]) == ("sales-db", "orders-db")
    assert told.document["guard"]["removals"] == 1
    assert set(tale.registry) == {"sales-db", "carts-db"}
    assert tale.registry["sales-db"].labels["team"] == "a"
    assert set(tale.memory.registrations) == {"sales-db", "carts-db"}
    assert tale.sweep().writes == 0


def test_back_to_the_generated_name(tale: Tale) -> None:
    two(tale)
    tale.tag("orders", {})
    tale.sweep()
    (name,) = set(tale.registry) - {"carts-db"}
    assert name.startswith("orders-elasticache-serverless-")
    assert tale.registry[name].labels["teleport.internal/discovered-name"] == "orders"


def test_two_that_swap_names_wait_for_each_other(tale: Tale) -> None:
    two(tale)
    before = tale.registry
    tale.tag("orders", named("carts-db"))
    tale.tag("carts", named("orders-db"))
    told = tale.sweep()
    assert set(told.verdicts.values()) == {"blocked/NAME_COLLISION"}
    assert tale.registry == before


def test_a_name_that_is_let_go_in_the_same_sweep_is_not_free_yet(tale: Tale) -> None:
    two(tale)
    tale.tag("orders", named("sales-db"))
    tale.tag("carts", named("orders-db"))
    told = tale.sweep()
    assert told.verdicts == {"orders": "update/RENAMED", "carts": "blocked/NAME_COLLISION"}
    assert tale.sweep().verdicts == {"orders": "keep/UNCHANGED", "carts": "update/RENAMED"}
    assert set(tale.registry) == {"sales-db", "orders-db"}


def test_into_a_foreign_name(tale: Tale) -> None:
    two(tale)
    spec = {"protocol": "redis", "uri": "elsewhere:6379"}
    tale.put(Database(name=ResourceName("theirs"), labels={}, description="", spec=spec))
    foreign = tale.registry["theirs"]
    tale.tag("orders", named("theirs"))
    assert tale.sweep().verdicts["orders"] == "blocked/NAME_COLLISION"
    assert tale.registry["theirs"] == foreign
    assert "orders-db" in tale.registry


def test_two_want_the_same_new_name(tale: Tale) -> None:
    two(tale)
    before = tale.registry
    for name in ("orders", "carts"):
        tale.tag(name, named("both"))
    assert set(tale.sweep().verdicts.values()) == {"blocked/NAME_COLLISION"}
    assert tale.registry == before


def test_a_generated_name_beats_an_override(tale: Tale) -> None:
    two(tale)
    generated = "books-elasticache-serverless-eu-central-1-111122223333"
    tale.cache("books")
    tale.cache("impostor", tags=named(generated))
    told = tale.sweep()
    assert told.verdicts["books"] == "create/NEW"
    assert told.verdicts["impostor"] == "blocked/NAME_COLLISION"


def test_only_case_changes(tale: Tale) -> None:
    two(tale)
    tale.tag("orders", named("Orders-DB"))
    told = tale.sweep()
    assert told.verdicts["orders"] == "update/RENAMED"
    assert set(tale.registry) == {"Orders-DB", "carts-db"}
    assert tale.sweep().writes == 0


@pytest.mark.parametrize("hostile", ["x[/bold]y", "9lives", "a b", "-", "a-", "n" * 300, "ä"])
def test_an_illegal_name_keeps_the_present_one(tale: Tale, hostile: str) -> None:
    two(tale)
    before = tale.registry
    tale.tag("orders", named(hostile))
    verdict = tale.sweep().verdicts["orders"]
    if hostile == "n" * 300:
        assert verdict in ("update/RENAMED", "blocked/NAME_INVALID", "blocked/REJECTED"), verdict
    else:
        assert verdict == "blocked/NAME_INVALID"
        assert tale.registry == before


@pytest.mark.parametrize("policy", ["upsert-only", "create-only"])
def test_a_policy_that_forbids_it(tale: Tale, policy: str) -> None:
    two(tale, policy=policy)
    tale.tag("orders", named("sales-db"))
    told = tale.sweep()
    assert told.verdicts["orders"] == "held/POLICY"
    assert told.item("orders")["name"] == "orders-db"
    assert "sales-db" not in tale.registry


def test_refused_by_the_guard_the_rest_of_the_change_is_made(tale: Tale) -> None:
    two(tale, deregistration={"max_count": 0})
    tale.tag("orders", named("sales-db", team="a"))
    told = tale.sweep(exits=4)
    assert told.verdicts["orders"] == "update/LABELS_CHANGED"
    assert told.item("orders")["name"] == "orders-db"
    assert set(tale.registry) == {"orders-db", "carts-db"}
    assert tale.registry["orders-db"].labels["team"] == "a"
    # Nothing but the name is left to do.
    told = tale.sweep(exits=4)
    assert told.verdicts["orders"] in ("held/GUARD_COUNT",)
    tale.configure(deregistration={"max_count": 1})
    assert tale.sweep().verdicts["orders"] == "update/RENAMED"


def test_a_rename_back_while_waiting_costs_nothing(tale: Tale) -> None:
    two(tale, deregistration={"max_count": 0})
    tale.tag("orders", named("sales-db"))
    tale.sweep(exits=4)
    tale.tag("orders", named("orders-db"))
    tale.sweep()
    assert set(tale.registry) == {"orders-db", "carts-db"}


def test_name_tags_are_honoured_where_it_is_allowed(tale: Tale) -> None:
    tale.configure(aws={**tale.settings["aws"], "name_overrides": False})
    tale.cache("orders", tags=named("orders-db"))
    assert tale.sweep().item("orders")["name"].startswith("orders-elasticache")
    tale.configure(aws={**tale.settings["aws"], "name_overrides": ["111122223333"]})
    # The rules of names have changed: a rename needs no time, a removal would.
    assert tale.sweep().verdicts == {"orders": "update/RENAMED"}
    assert set(tale.registry) == {"orders-db"}


@pytest.mark.parametrize("tag", ["teleport.dev/database_name", "TeleportDatabaseName"])
def test_both_override_tags(tale: Tale, tag: str) -> None:
    tale.cache("orders", tags={tag: "orders-db"})
    told = tale.sweep()
    assert told.item("orders")["name"] == "orders-db"
    assert "teleport.dev/database_name" not in tale.registry["orders-db"].labels


def test_a_change_of_origin_is_made_anew_under_one_name(tale: Tale) -> None:
    two(tale)
    embedded = {"kind": "embedded", "path": "registry.db"}
    tale.configure(control_plane={**embedded, "origin": "cloud"})
    told = tale.sweep()
    assert told.document["guard"]["removals"] == 2
    assert {item["action"] for item in told.document["items"]} == {"update"}
    labels = tale.registry["orders-db"].labels
    assert labels["teleport.dev/origin"] == "cloud"
    assert labels["teleport.internal/discovery-group-name"] == "prod"
    tale.configure(control_plane={**embedded, "origin": "dynamic"}, deregistration={"max_count": 2})
    told = tale.sweep(exits=4)
    assert set(told.verdicts.values()) == {"held/GUARD_COUNT"}
    assert tale.registry["orders-db"].labels == labels
