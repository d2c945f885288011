"""R4 and R5: the plan is total and ordered, the same twice over, and an audit cannot write."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.support.fenced_scenario import FencedScenario, foreign
from tests.support.scenario import HUB, RunOutput, Scenario

pytestmark = pytest.mark.slow


@pytest.fixture(params=["fenced", "scenario"], ids=["cluster", "registry"])
def scenario(request: pytest.FixtureRequest) -> Scenario:
    """In a cluster whose bot does not see what is another's, and in a registry that shows all."""
    found: Scenario = request.getfixturevalue(request.param)
    return found


def a_bit_of_everything(scenario: Scenario) -> None:
    """After this, the next sweep creates, updates, renames, removes, keeps, waits and skips."""
    scenario.configure(
        matchers=[{"name": "all", "exclude_tags": {"teleport": "off"}}],
        deregistration={"missed_sweeps": 2, "grace": "0s", "max_percent": 100},
    )
    for name in ("kept", "changed", "renamed", "lost", "excluded"):
        scenario.cache(name, tags={"TeleportDatabaseName": f"{name}-db"})
    scenario.sweep()
    scenario.tag("changed", {"TeleportDatabaseName": "changed-db", "team": "a"})
    scenario.tag("renamed", {"TeleportDatabaseName": "other-db"})
    scenario.tag("excluded", {"TeleportDatabaseName": "excluded-db", "teleport": "off"})
    scenario.gone("lost")
    scenario.cache("fresh")
    scenario.cache("unwanted", tags={"teleport": "off"})
    scenario.cache("clash", tags={"TeleportDatabaseName": "kept-db"})
    scenario.cache("taken", tags={"TeleportDatabaseName": "taken-db"})
    scenario.put(foreign("taken-db"))


PLANNED = {
    "kept": "keep/UNCHANGED",
    "changed": "update/LABELS_CHANGED",
    "renamed": "update/RENAMED",
    "lost": "held/WAITING",
    "excluded": "delete/EXCLUDED",
    "fresh": "create/NEW",
    "unwanted": "skipped/EXCLUDED",
    "clash": "blocked/NAME_COLLISION",
}


def without_times(shown: RunOutput) -> dict[str, Any]:
    document = json.loads(json.dumps(shown.document))
    for key in ("sweep_id", "started_at", "finished_at", "dry_run"):
        del document[key]
    for scope in document["scopes"]:
        scope.pop("duration_s")
    for item in document["items"]:
        item.update(applied=None, missed=item["missed"] and {"scans": item["missed"]["scans"]})
        item["iam"] = item["iam"] and {**item["iam"], "as_of": None}
    for item in document["items"]:
        if item["reason"] == "WAITING":
            item["message"] = ""
    return dict(document)


def test_an_audit_shows_what_the_sweep_then_does(scenario: Scenario) -> None:
    a_bit_of_everything(scenario)
    first, second = scenario.audit(), scenario.audit()
    dry = scenario.sweep("--dry-run")
    taken = "NAME_TAKEN_UNSEEN" if isinstance(scenario, FencedScenario) else "FOREIGN"
    assert first.verdicts == PLANNED | {"taken": f"conflict/{taken}"}
    assert without_times(first) == without_times(second) == without_times(dry)
    checksum = first.document["checksum"]
    sweep = scenario.sweep("--checksum", checksum)
    assert sweep.document["checksum"] == checksum
    assert without_times(sweep) == without_times(first)
    applied = {item["cache"]: item["applied"] for item in sweep.document["items"]}
    assert {cache for cache, done in applied.items() if done} == {
        "changed", "renamed", "excluded", "fresh"
    }  # fmt: skip


def test_the_checksum_can_be_made_again_from_the_document(scenario: Scenario) -> None:
    a_bit_of_everything(scenario)
    document = scenario.audit().document
    rows = [
        [item[key] for key in ("action", "reason", "name", "previous_name", "arn", "changes")]
        for item in document["items"]
        if item["action"] in ("create", "update", "delete")
    ]
    text = json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == document["checksum"]


def test_items_are_in_order_and_complete(scenario: Scenario) -> None:
    a_bit_of_everything(scenario)
    scenario.member("999999999999")
    scenario.cache("alpha", account="999999999999")
    items = scenario.audit().document["items"]
    keys = [(i["account_id"], i["region"], i["cache"] or "", i["name"] or "") for i in items]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == 10
    assert keys[0][0] == HUB


def test_a_changed_label_is_another_plan(scenario: Scenario) -> None:
    a_bit_of_everything(scenario)
    before = scenario.audit().document["checksum"]
    scenario.tag("fresh", {"team": "b"})
    after = scenario.audit().document["checksum"]
    assert before != after
    shown = scenario.sweep("--checksum", before, exits=4)
    assert all(item["applied"] is None for item in shown.document["items"])
    assert shown.document["checksum"] == after
    assert set(scenario.registry) == {
        "kept-db", "changed-db", "renamed-db", "lost-db", "excluded-db", "taken-db"
    }  # fmt: skip


def test_a_dry_run_holds_itself_to_the_checksum_too(scenario: Scenario) -> None:
    a_bit_of_everything(scenario)
    scenario.sweep("--dry-run", "--checksum", "0" * 64, exits=4)
    checksum = scenario.audit().document["checksum"]
    scenario.sweep("--dry-run", "--checksum", checksum)


def test_neither_an_audit_nor_a_look_writes_a_byte(scenario: Scenario) -> None:
    a_bit_of_everything(scenario)
    before = scenario.files()
    for command in (
        ("audit",),
        ("audit", "--format", "json"),
        ("sweep", "--dry-run"),
        ("sweep", "--dry-run", "--prune", "--allow-mass-removal", "9", "--rebind-state"),
        ("status",),
        ("status", "--format", "json"),
        ("export",),
        ("export", "--registered"),
        ("config", "check"),
    ):
        assert scenario.run(*command).code == 0, command
        assert scenario.files() == before, command


def test_without_any_file_they_make_none(scenario: Scenario) -> None:
    scenario.cache("orders")
    for command in (("audit",), ("status",), ("export",), ("export", "--registered")):
        assert scenario.run(*command).code == 0, command
        assert [file.name for file in scenario.directory.iterdir()] == ["cachemuster.yaml"]


def test_a_count_in_memory_is_not_remembered(scenario: Scenario) -> None:
    """The present scan counts as one more miss, but only for the look of it."""
    scenario.cache("orders")
    scenario.cache("carts")
    scenario.sweep()
    scenario.gone("orders")
    for _ in range(3):
        scenario.later(hours=1)
        assert scenario.audit().item("orders")["missed"]["scans"] == 1
    scenario.sweep()
    scenario.later(hours=1)
    assert scenario.audit().verdicts["orders"] == "delete/ABSENT"
    assert scenario.audit().verdicts["orders"] == "delete/ABSENT"
    assert len(scenario.registry) == 2


def test_export_is_the_registry_after_the_sweep(scenario: Scenario) -> None:
    a_bit_of_everything(scenario)
    scenario.tag("kept", {"TeleportDatabaseName": "changed-db"})  # blocked, and stays as it is
    planned = scenario.run("export").out
    scenario.sweep()
    assert "name: kept-db" in planned
    assert scenario.run("export", "--registered").out == planned
