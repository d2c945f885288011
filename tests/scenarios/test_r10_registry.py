"""R10: the list of registrations is evidence too, and state says what it belongs to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from discovery.control_plane.embedded.control_plane import Embedded
from discovery.model.values import Database, ResourceName
from state.records import RememberedState
from tests.support.scenario import FRANKFURT, VIRGINIA, Scenario

pytestmark = pytest.mark.slow

AT_ONCE = {"missed_sweeps": 1, "grace": "0s", "max_percent": 100}
FIVE = ("orders", "carts", "books", "users", "stock")


def five(scenario: Scenario) -> None:
    scenario.configure(deregistration=AT_ONCE)
    for name in FIVE:
        scenario.cache(name, tags={"TeleportDatabaseName": f"{name}-db"})
    scenario.sweep()


def test_a_registry_that_is_lost_is_written_anew_and_removes_nothing(scenario: Scenario) -> None:
    five(scenario)
    before = scenario.registry
    scenario.lose_registry()
    assert scenario.audit(exits=4).document["guard"]["code"] == "REGISTRY_SHRANK"
    shown = scenario.sweep(exits=4)
    assert set(shown.verdicts.values()) == {"create/NEW"}
    assert shown.document["guard"]["refused"] is True
    assert scenario.registry == before
    assert set(scenario.sweep().verdicts.values()) == {"keep/UNCHANGED"}


def test_what_shrank_holds_removals_and_renames(scenario: Scenario) -> None:
    five(scenario)
    scenario.gone("orders")
    scenario.tag("carts", {"TeleportDatabaseName": "carts-two"})
    for name in FIVE[2:]:
        scenario.unregister(f"{name}-db")
    shown = scenario.sweep(exits=4)
    assert shown.verdicts["orders"] == "held/REGISTRY_SHRANK"
    assert shown.verdicts["carts"] == "update/LABELS_CHANGED"  # the tag is a label, too
    assert shown.item("carts")["name"] == "carts-db"
    assert {shown.verdicts[name] for name in FIVE[2:]} == {"create/NEW"}
    assert set(scenario.registry) == {f"{name}-db" for name in FIVE}
    # Allowing a mass removal does not allow a list that cannot be true.
    for name in FIVE[1:]:
        scenario.unregister(f"{name}-db")
    assert scenario.sweep("--allow-mass-removal", "9", exits=4).document["summary"]["delete"] == 0
    shown = scenario.sweep()
    assert shown.verdicts["orders"] == "delete/ABSENT"
    assert "carts-two" in scenario.registry


def test_one_registration_removed_manually_is_created_again(scenario: Scenario) -> None:
    five(scenario)
    before = scenario.registry
    scenario.unregister("orders-db")
    scenario.unregister("carts-db")
    shown = scenario.sweep()
    assert shown.verdicts["orders"] == "create/NEW"
    assert scenario.registry == before


def test_both_files_lost_is_a_first_sweep(scenario: Scenario) -> None:
    five(scenario)
    before = scenario.registry
    scenario.forget()
    scenario.lose_registry()
    shown = scenario.sweep()
    assert set(shown.verdicts.values()) == {"create/NEW"}
    assert scenario.registry == before


def test_a_name_that_the_list_did_not_show(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role may create but not see: nobody's resource is touched, and it is said."""
    scenario.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    other = Database(
        name=ResourceName("orders-db"),
        labels={"team": "dba", "teleport.dev/origin": "dynamic"},
        description="",
        spec={"protocol": "redis", "uri": "elsewhere:6379"},
    )
    scenario.put(other)

    async def blind(*_: Any) -> tuple[Database, ...]:
        return ()

    monkeypatch.setattr(
        "discovery.control_plane.embedded.control_plane.Embedded.list_databases", blind
    )
    shown = scenario.sweep()
    assert shown.verdicts == {"orders": "conflict/NAME_TAKEN_UNSEEN"}
    assert scenario.registry == {"orders-db": other}


def test_a_list_that_fails_writes_nothing_and_remembers_the_scan(scenario: Scenario) -> None:
    five(scenario)
    before = scenario.state
    scenario.registry_file.write_bytes(b"no registry at all" * 400)
    broken = scenario.registry_file.read_bytes()
    scenario.gone("orders")
    scenario.later(hours=1)
    shown = scenario.sweep(exits=1)
    assert set(shown.verdicts.values()) == {"held/REGISTRY_UNREAD"}
    assert set(shown.verdicts) == set(FIVE)  # the one that is gone is remembered as registered
    assert [scope["status"] for scope in shown.document["scopes"]] == ["complete"]
    assert scenario.registry_file.read_bytes() == broken
    after: RememberedState = scenario.state
    assert after.registrations == before.registrations
    assert after.finished_sweeps == before.finished_sweeps
    (was,), (now) = before.scopes.values(), list(after.scopes.values())
    assert now[0].last_complete_at is not None
    assert was.last_complete_at is not None
    assert now[0].last_complete_at > was.last_complete_at
    assert "registry" in shown.run.err


OTHERS: list[Any] = [
    pytest.param({"group": "staging"}, "group", id="group"),
    pytest.param({"control_plane": {"kind": "embedded", "path": "two.db"}}, "cluster", id="path"),
]


@pytest.mark.parametrize(("sections", "difference"), OTHERS)
def test_state_of_something_else_does_nothing_until_it_is_rebound(
    scenario: Scenario, sections: dict[str, Any], difference: str
) -> None:
    five(scenario)
    before = scenario.registry
    scenario.configure(**sections)
    seen = scenario.files()
    for command in (("sweep",), ("audit",), ("sweep", "--dry-run"), ("export",)):
        run = scenario.run(*command)
        assert (run.code, run.out) == (78, ""), run
        assert difference in run.err
        assert "--rebind-state" in run.err
    lasting = {name: data for name, data in scenario.files().items() if not name.endswith(".lock")}
    assert {name: seen.get(name) for name in lasting} == lasting
    shown = scenario.sweep("--rebind-state", exits=4 if difference == "cluster" else 0)
    assert shown.document["summary"]["delete"] == 0
    scenario.sweep()
    assert all(
        scenario.registry[name] == before[name] for name in scenario.registry if name in before
    )


def test_a_simulated_cloud_is_not_the_real_one(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    five(scenario)
    monkeypatch.setattr("discovery.aws.cloud.endpoint_overrides", lambda _: {})
    run = scenario.run("sweep")
    assert run.code == 78, run
    assert "endpoint override" in run.err


def test_misses_counted_elsewhere_do_not_count_after_a_rebind(
    scenario: Scenario, tmp_path: Path
) -> None:
    """State moves to another registry that holds the same names: the time begins anew."""
    scenario.configure(deregistration={"missed_sweeps": 2, "grace": "0s", "max_percent": 100})
    for name in FIVE:
        scenario.cache(name, tags={"TeleportDatabaseName": f"{name}-db"})
    scenario.sweep()
    (tmp_path / "two.db").write_bytes(scenario.registry_file.read_bytes())
    scenario.gone("orders")
    assert scenario.sweep().item("orders")["missed"]["scans"] == 1
    scenario.configure(control_plane={"kind": "embedded", "path": "two.db"})
    shown = scenario.sweep("--rebind-state")
    assert shown.verdicts["orders"] == "held/WAITING"


def test_a_registry_in_another_case_of_letters_is_one_name(scenario: Scenario) -> None:
    five(scenario)
    scenario.cache("extra", tags={"TeleportDatabaseName": "ORDERS-db"})
    shown = scenario.sweep()
    assert shown.verdicts["extra"] == "blocked/NAME_COLLISION"
    foreign = replace(scenario.registry["orders-db"], labels={}, name=ResourceName("EXTRA-db"))
    scenario.put(foreign)
    scenario.tag("extra", {"TeleportDatabaseName": "extra-db"})
    assert scenario.sweep().verdicts["extra"] == "conflict/FOREIGN"


def test_what_is_out_of_configuration_and_removed_manually_is_forgotten(scenario: Scenario) -> None:
    """Most of what is remembered is gone on purpose: that is said once, not for ever."""
    scenario.configure(aws={"regions": [FRANKFURT, VIRGINIA]})
    for name in ("a", "b", "c"):
        scenario.cache(name, VIRGINIA, tags={"TeleportDatabaseName": f"{name}-db"})
    scenario.cache("orders")
    scenario.sweep()
    scenario.configure(aws={"regions": [FRANKFURT]})
    for name in ("a", "b", "c"):
        scenario.unregister(f"{name}-db")
    assert scenario.sweep(exits=4).document["guard"]["code"] == "REGISTRY_SHRANK"
    assert scenario.sweep().document["guard"]["population"] == 1


def test_a_renamed_cache_that_the_list_leaves_out_is_not_registered_twice(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    five(scenario)
    scenario.tag("orders", {"TeleportDatabaseName": "sales-db"})
    real = Embedded.list_databases

    async def all_but_one(plane: Embedded) -> tuple[Database, ...]:
        return tuple(each for each in await real(plane) if each.name != "orders-db")

    monkeypatch.setattr(Embedded, "list_databases", all_but_one)
    for _ in range(2):
        assert scenario.sweep().verdicts["orders"] == "conflict/NAME_TAKEN_UNSEEN"
    assert set(scenario.registry) == {f"{name}-db" for name in FIVE}
    monkeypatch.setattr(Embedded, "list_databases", real)
    assert scenario.sweep().verdicts["orders"] == "update/RENAMED"
    assert "orders-db" not in scenario.registry


def test_a_renamed_cache_whose_registration_was_removed_is_registered_by_its_new_name(
    scenario: Scenario,
) -> None:
    five(scenario)
    scenario.tag("orders", {"TeleportDatabaseName": "sales-db"})
    scenario.unregister("orders-db")
    assert scenario.sweep().verdicts["orders"] == "create/NEW"
    assert set(scenario.registry) == {"sales-db", *(f"{name}-db" for name in FIVE[1:])}
    assert set(scenario.state.registrations) == set(scenario.registry)
