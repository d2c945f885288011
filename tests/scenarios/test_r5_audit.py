"""R4 and R5: the plan is total and ordered, the same twice over, and an audit cannot write."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.scenarios.fenced import FencedTale, foreign
from tests.scenarios.tale import HUB, Tale, Told


@pytest.fixture(params=["fenced", "tale"], ids=["cluster", "registry"])
def tale(request: pytest.FixtureRequest) -> Tale:
    """In a cluster whose bot does not see what is another's, and in a registry that shows all."""
    found: Tale = request.getfixturevalue(request.param)
    return found


def a_bit_of_everything(tale: Tale) -> None:
    """After this, the next sweep creates, updates, renames, removes, keeps, waits and skips."""
    tale.configure(
        matchers=[{"name": "all", "exclude_tags": {"teleport": "off"}}],
        deregistration={"missed_sweeps": 2, "grace": "0s", "max_percent": 100},
    )
    for name in ("kept", "changed", "renamed", "lost", "excluded"):
        tale.cache(name, tags={"TeleportDatabaseName": f"{name}-db"})
    tale.sweep()
    tale.tag("changed", {"TeleportDatabaseName": "changed-db", "team": "a"})
    tale.tag("renamed", {"TeleportDatabaseName": "other-db"})
    tale.tag("excluded", {"TeleportDatabaseName": "excluded-db", "teleport": "off"})
    tale.gone("lost")
    tale.cache("fresh")
    tale.cache("unwanted", tags={"teleport": "off"})
    tale.cache("clash", tags={"TeleportDatabaseName": "kept-db"})
    tale.cache("taken", tags={"TeleportDatabaseName": "taken-db"})
    tale.put(foreign("taken-db"))


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


def without_times(told: Told) -> dict[str, Any]:
    document = json.loads(json.dumps(told.document))
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


def test_an_audit_shows_what_the_sweep_then_does(tale: Tale) -> None:
    a_bit_of_everything(tale)
    first, second = tale.audit(), tale.audit()
    dry = tale.sweep("--dry-run")
    taken = "NAME_TAKEN_UNSEEN" if isinstance(tale, FencedTale) else "FOREIGN"
    assert first.verdicts == PLANNED | {"taken": f"conflict/{taken}"}
    assert without_times(first) == without_times(second) == without_times(dry)
    checksum = first.document["checksum"]
    sweep = tale.sweep("--checksum", checksum)
    assert sweep.document["checksum"] == checksum
    assert without_times(sweep) == without_times(first)
    applied = {item["cache"]: item["applied"] for item in sweep.document["items"]}
    assert {cache for cache, done in applied.items() if done} == {
        "changed", "renamed", "excluded", "fresh"
    }  # fmt: skip


def test_the_checksum_can_be_made_again_from_the_document(tale: Tale) -> None:
    a_bit_of_everything(tale)
    document = tale.audit().document
    rows = [
        [item[key] for key in ("action", "reason", "name", "previous_name", "arn", "changes")]
        for item in document["items"]
        if item["action"] in ("create", "update", "delete")
    ]
    text = json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == document["checksum"]


def test_items_are_in_order_and_complete(tale: Tale) -> None:
    a_bit_of_everything(tale)
    tale.member("999999999999")
    tale.cache("alpha", account="999999999999")
    items = tale.audit().document["items"]
    keys = [(i["account_id"], i["region"], i["cache"] or "", i["name"] or "") for i in items]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == 10
    assert keys[0][0] == HUB


def test_a_changed_label_is_another_plan(tale: Tale) -> None:
    a_bit_of_everything(tale)
    before = tale.audit().document["checksum"]
    tale.tag("fresh", {"team": "b"})
    after = tale.audit().document["checksum"]
    assert before != after
    told = tale.sweep("--checksum", before, exits=4)
    assert all(item["applied"] is None for item in told.document["items"])
    assert told.document["checksum"] == after
    assert set(tale.registry) == {
        "kept-db", "changed-db", "renamed-db", "lost-db", "excluded-db", "taken-db"
    }  # fmt: skip


def test_a_dry_run_holds_itself_to_the_checksum_too(tale: Tale) -> None:
    a_bit_of_everything(tale)
    tale.sweep("--dry-run", "--checksum", "0" * 64, exits=4)
    checksum = tale.audit().document["checksum"]
    tale.sweep("--dry-run", "--checksum", checksum)


def test_neither_an_audit_nor_a_look_writes_a_byte(tale: Tale) -> None:
    a_bit_of_everything(tale)
    before = tale.files()
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
        assert tale.run(*command).code == 0, command
        assert tale.files() == before, command


def test_without_any_file_they_make_none(tale: Tale) -> None:
    tale.cache("orders")
    for command in (("audit",), ("status",), ("export",), ("export", "--registered")):
        assert tale.run(*command).code == 0, command
        assert [file.name for file in tale.directory.iterdir()] == ["cachemuster.yaml"]


def test_a_count_in_memory_is_not_remembered(tale: Tale) -> None:
    """The present scan counts as one more miss, but only for the look of it."""
    tale.cache("orders")
    tale.cache("carts")
    tale.sweep()
    tale.gone("orders")
    for _ in range(3):
        tale.later(hours=1)
        assert tale.audit().item("orders")["missed"]["scans"] == 1
    tale.sweep()
    tale.later(hours=1)
    assert tale.audit().verdicts["orders"] == "delete/ABSENT"
    assert tale.audit().verdicts["orders"] == "delete/ABSENT"
    assert len(tale.registry) == 2


def test_export_is_the_registry_after_the_sweep(tale: Tale) -> None:
    a_bit_of_everything(tale)
    tale.tag("kept", {"TeleportDatabaseName": "changed-db"})  # blocked, and stays as it is
    planned = tale.run("export").out
    tale.sweep()
    assert "name: kept-db" in planned
    assert tale.run("export", "--registered").out == planned
