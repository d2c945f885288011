"""R10: the list of registrations is evidence too, and state says what it belongs to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from discovery.control_plane.embedded import Embedded
from discovery.model import Database, ResourceName
from state.records import RememberedState
from tests.scenarios.tale import FRANKFURT, VIRGINIA, Tale

AT_ONCE = {"missed_sweeps": 1, "grace": "0s", "max_percent": 100}
FIVE = ("orders", "carts", "books", "users", "stock")


def five(tale: Tale) -> None:
    tale.configure(deregistration=AT_ONCE)
    for name in FIVE:
        tale.cache(name, tags={"TeleportDatabaseName": f"{name}-db"})
    tale.sweep()


def test_a_registry_that_is_lost_is_written_anew_and_removes_nothing(tale: Tale) -> None:
    five(tale)
    before = tale.registry
    tale.lose_registry()
    assert tale.audit(exits=4).document["guard"]["code"] == "REGISTRY_SHRANK"
    told = tale.sweep(exits=4)
    assert set(told.verdicts.values()) == {"create/NEW"}
    assert told.document["guard"]["refused"] is True
    assert tale.registry == before
    assert set(tale.sweep().verdicts.values()) == {"keep/UNCHANGED"}


def test_what_shrank_holds_removals_and_renames(tale: Tale) -> None:
    five(tale)
    tale.gone("orders")
    tale.tag("carts", {"TeleportDatabaseName": "carts-two"})
    for name in FIVE[2:]:
        tale.unregister(f"{name}-db")
    told = tale.sweep(exits=4)
    assert told.verdicts["orders"] == "held/REGISTRY_SHRANK"
    assert told.verdicts["carts"] in ("held/REGISTRY_SHRANK", "update/LABELS_CHANGED")
    assert {told.verdicts[name] for name in FIVE[2:]} == {"create/NEW"}
    assert set(tale.registry) == {f"{name}-db" for name in FIVE}
    # Leave for a mass removal is no leave for a list that cannot be true.
    for name in FIVE[1:]:
        tale.unregister(f"{name}-db")
    assert tale.sweep("--allow-mass-removal", "9", exits=4).document["summary"]["delete"] == 0
    told = tale.sweep()
    assert told.verdicts["orders"] == "delete/ABSENT"
    assert "carts-two" in tale.registry


def test_one_registration_removed_by_hand_is_made_again(tale: Tale) -> None:
    five(tale)
    before = tale.registry
    tale.unregister("orders-db")
    tale.unregister("carts-db")
    told = tale.sweep()
    assert told.verdicts["orders"] == "create/NEW"
    assert tale.registry == before


def test_both_files_lost_is_a_first_sweep(tale: Tale) -> None:
    five(tale)
    before = tale.registry
    tale.forget()
    tale.lose_registry()
    told = tale.sweep()
    assert set(told.verdicts.values()) == {"create/NEW"}
    assert tale.registry == before


def test_a_name_that_the_list_did_not_show(tale: Tale, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role may create but not see: nobody's resource is touched, and it is said."""
    tale.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    other = Database(
        name=ResourceName("orders-db"),
        labels={"team": "dba", "teleport.dev/origin": "dynamic"},
        description="",
        spec={"protocol": "redis", "uri": "elsewhere:6379"},
    )
    tale.put(other)

    async def blind(*_: Any) -> tuple[Database, ...]:
        return ()

    monkeypatch.setattr("discovery.control_plane.embedded.Embedded.list_databases", blind)
    told = tale.sweep()
    assert told.verdicts == {"orders": "conflict/NAME_TAKEN_UNSEEN"}
    assert tale.registry == {"orders-db": other}


def test_a_list_that_fails_writes_nothing_and_remembers_the_scan(tale: Tale) -> None:
    five(tale)
    before = tale.memory
    tale.registry_file.write_bytes(b"no registry at all" * 400)
    broken = tale.registry_file.read_bytes()
    tale.gone("orders")
    tale.later(hours=1)
    told = tale.sweep(exits=1)
    assert set(told.verdicts.values()) == {"held/REGISTRY_UNREAD"}
    assert set(told.verdicts) == set(FIVE)  # the one that is gone is remembered as registered
    assert [scope["status"] for scope in told.document["scopes"]] == ["complete"]
    assert tale.registry_file.read_bytes() == broken
    after: RememberedState = tale.memory
    assert after.registrations == before.registrations
    assert after.finished_sweeps == before.finished_sweeps
    (was,), (now) = before.scopes.values(), list(after.scopes.values())
    assert now[0].last_complete_at is not None
    assert was.last_complete_at is not None
    assert now[0].last_complete_at > was.last_complete_at
    assert "registry" in told.run.err


OTHERS: list[Any] = [
    pytest.param({"group": "staging"}, "group", id="group"),
    pytest.param({"control_plane": {"kind": "embedded", "path": "two.db"}}, "cluster", id="path"),
]


@pytest.mark.parametrize(("sections", "difference"), OTHERS)
def test_state_of_something_else_does_nothing_until_it_is_rebound(
    tale: Tale, sections: dict[str, Any], difference: str
) -> None:
    five(tale)
    before = tale.registry
    tale.configure(**sections)
    seen = tale.files()
    for command in (("sweep",), ("audit",), ("sweep", "--dry-run"), ("export",)):
        run = tale.run(*command)
        assert (run.code, run.out) == (78, ""), run
        assert difference in run.err
        assert "--rebind-state" in run.err
    lasting = {name: data for name, data in tale.files().items() if not name.endswith(".lock")}
    assert {name: seen.get(name) for name in lasting} == lasting
    told = tale.sweep("--rebind-state", exits=4 if difference == "cluster" else 0)
    assert told.document["summary"]["delete"] == 0
    tale.sweep()
    assert all(tale.registry[name] == before[name] for name in tale.registry if name in before)


def test_a_simulated_cloud_is_not_the_real_one(tale: Tale, monkeypatch: pytest.MonkeyPatch) -> None:
    five(tale)
    monkeypatch.setattr("discovery.aws.cloud.endpoint_overrides", lambda _: {})
    run = tale.run("sweep")
    assert run.code == 78, run
    assert "endpoint override" in run.err


def test_misses_counted_elsewhere_do_not_count_after_a_rebind(tale: Tale, tmp_path: Path) -> None:
    """State moves to another registry that holds the same names: the time begins anew."""
    tale.configure(deregistration={"missed_sweeps": 2, "grace": "0s", "max_percent": 100})
    for name in FIVE:
        tale.cache(name, tags={"TeleportDatabaseName": f"{name}-db"})
    tale.sweep()
    (tmp_path / "two.db").write_bytes(tale.registry_file.read_bytes())
    tale.gone("orders")
    assert tale.sweep().item("orders")["missed"]["scans"] == 1
    tale.configure(control_plane={"kind": "embedded", "path": "two.db"})
    told = tale.sweep("--rebind-state")
    assert told.verdicts["orders"] == "held/WAITING"


def test_a_registry_in_another_case_of_letters_is_one_name(tale: Tale) -> None:
    five(tale)
    tale.cache("extra", tags={"TeleportDatabaseName": "ORDERS-db"})
    told = tale.sweep()
    assert told.verdicts["extra"] == "blocked/NAME_COLLISION"
    foreign = replace(tale.registry["orders-db"], labels={}, name=ResourceName("EXTRA-db"))
    tale.put(foreign)
    tale.tag("extra", {"TeleportDatabaseName": "extra-db"})
    assert tale.sweep().verdicts["extra"] == "conflict/FOREIGN"


def test_what_is_out_of_configuration_and_removed_by_hand_is_forgotten(tale: Tale) -> None:
    """Most of what is remembered is gone on purpose: that is said once, not for ever."""
    tale.configure(aws={"regions": [FRANKFURT, VIRGINIA]})
    for name in ("a", "b", "c"):
        tale.cache(name, VIRGINIA, tags={"TeleportDatabaseName": f"{name}-db"})
    tale.cache("orders")
    tale.sweep()
    tale.configure(aws={"regions": [FRANKFURT]})
    for name in ("a", "b", "c"):
        tale.unregister(f"{name}-db")
    assert tale.sweep(exits=4).document["guard"]["code"] == "REGISTRY_SHRANK"
    assert tale.sweep().document["guard"]["population"] == 1


def test_a_renamed_cache_that_the_list_leaves_out_is_not_registered_twice(
    tale: Tale, monkeypatch: pytest.MonkeyPatch
) -> None:
    five(tale)
    tale.tag("orders", {"TeleportDatabaseName": "sales-db"})
    real = Embedded.list_databases

    async def all_but_one(plane: Embedded) -> tuple[Database, ...]:
        return tuple(each for each in await real(plane) if each.name != "orders-db")

    monkeypatch.setattr(Embedded, "list_databases", all_but_one)
    for _ in range(2):
        assert tale.sweep().verdicts["orders"] == "conflict/NAME_TAKEN_UNSEEN"
    assert set(tale.registry) == {f"{name}-db" for name in FIVE}
    monkeypatch.setattr(Embedded, "list_databases", real)
    assert tale.sweep().verdicts["orders"] == "update/RENAMED"
    assert "orders-db" not in tale.registry


def test_a_renamed_cache_whose_registration_was_removed_is_registered_by_its_new_name(
    tale: Tale,
) -> None:
    five(tale)
    tale.tag("orders", {"TeleportDatabaseName": "sales-db"})
    tale.unregister("orders-db")
    assert tale.sweep().verdicts["orders"] == "create/NEW"
    assert set(tale.registry) == {"sales-db", *(f"{name}-db" for name in FIVE[1:])}
    assert set(tale.memory.registrations) == set(tale.registry)
