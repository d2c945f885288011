"""R7: nobody forges our labels, and no text of a tag is more than text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml

from discovery.model.values import Database
from tests.support.scenario import HUB, MEMBER, Scenario

pytestmark = pytest.mark.slow

RESERVED = (
    "account-id", "region", "engine", "engine-version", "vpc-id", "managed-by",
    "cachemuster/group", "cachemuster/arn", "cachemuster/anything", "teleport.dev/origin",
    "teleport.dev/db-admin", "teleport.internal/discovery-group-name", "teleport.hidden/x",
)  # fmt: skip
HOSTILE = (
    "x[/bold]y",
    "a\x07b\x7f",
    "\u202egnp.exe",
    "\u200b\u2066\ufeff",
    "m" * 256,
    "https://evil.example/[link=https://x]",
    "- !!python/object:os.system\n...\n---\nkind: role",
    "$(rm -rf ~); `id`",
)
COMMANDS = (
    ("audit", "-v"),
    ("sweep", "-v"),
    ("sweep", "--format", "json"),
    ("status", "-v"),
    ("export",),
)


def only(scenario: Scenario) -> Database:
    (database,) = scenario.registry.values()
    return database


def test_tags_that_pose_as_our_labels_are_dropped(scenario: Scenario) -> None:
    scenario.cache("orders", tags=dict.fromkeys(RESERVED, "forged") | {"team": "a"})
    reported = scenario.sweep()
    labels = only(scenario).labels
    assert "forged" not in labels.values()
    assert labels["team"] == "a"
    assert (labels["account-id"], labels["cachemuster/group"]) == (HUB, "prod")
    notes = [
        note for note in reported.item("orders")["notes"] if note["code"] == "TAG_SHADOWS_LABEL"
    ]
    assert {note["subject"] for note in notes} == set(RESERVED)


def test_no_matcher_is_fooled_by_a_tag(scenario: Scenario) -> None:
    scenario.configure(matchers=[{"name": "m", "tags": {"account-id": MEMBER}}])
    scenario.cache("orders", tags={"account-id": MEMBER})
    assert scenario.sweep().verdicts == {"orders": "skipped/NO_MATCHER"}


def test_a_reserved_label_in_the_configuration_is_refused(scenario: Scenario) -> None:
    scenario.configure(matchers=[{"name": "m", "labels": {"managed-by": "me"}}])
    run = scenario.run("sweep")
    assert run.code == 78, run
    assert "managed-by" in run.err


def test_tags_come_last(scenario: Scenario) -> None:
    scenario.configure(matchers=[{"name": "m", "labels": {"tier": "gold"}}])
    scenario.cache("orders", tags={"tier": "lead", "team": "a"})
    scenario.sweep()
    assert (only(scenario).labels["tier"], only(scenario).labels["team"]) == ("gold", "a")


def test_a_tag_key_that_is_no_label_key_matches_and_is_dropped(scenario: Scenario) -> None:
    scenario.configure(matchers=[{"name": "m", "tags": {"größe @ 1": "xl"}}])
    scenario.cache("orders", tags={"größe @ 1": "xl"})
    reported = scenario.sweep()
    assert reported.notes("orders") == {"TAG_KEY_DROPPED"}
    assert "größe @ 1" not in only(scenario).labels


def test_labels_edited_by_hand_are_drift(scenario: Scenario) -> None:
    scenario.cache("orders", tags={"TeleportDatabaseName": "orders-db", "team": "a"})
    scenario.sweep()
    scenario.relabel("orders-db", team="b", extra="1")
    reported = scenario.sweep()
    assert reported.verdicts == {"orders": "update/DRIFT"}
    fields = {change["field"]: change["new"] for change in reported.item("orders")["changes"]}
    assert fields == {"/metadata/labels/team": "a", "/metadata/labels/extra": None}
    assert "extra" not in only(scenario).labels


def test_labels_that_are_to_be_kept_stay(scenario: Scenario) -> None:
    plane = {"kind": "embedded", "path": "registry.db", "keep_labels": ["access-*"]}
    scenario.configure(control_plane=plane)
    scenario.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    scenario.sweep()
    scenario.relabel("orders-db", access_tier="high", extra="1")
    assert scenario.sweep().verdicts == {"orders": "update/DRIFT"}
    assert only(scenario).labels["access-tier"] == "high"
    assert "extra" not in only(scenario).labels


def test_keep_labels_leaves_no_way_to_forge_ours(scenario: Scenario) -> None:
    plane = {"kind": "embedded", "path": "registry.db", "keep_labels": ["*"]}
    scenario.configure(control_plane=plane)
    scenario.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    scenario.sweep()
    written = only(scenario).labels
    forged = {"account-id": MEMBER, "cachemuster/iam-auth": "ready"}
    unset = {"cachemuster/tier": "gold", "teleport.internal/discovery-group-name": "theirs"}
    scenario.edit(
        "orders-db",
        lambda database: replace(database, labels={**database.labels, **forged, **unset}),
    )
    scenario.sweep()
    assert only(scenario).labels == written


def test_what_others_set_in_spec_is_kept(scenario: Scenario) -> None:
    scenario.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    scenario.sweep()
    tls = {"mode": "verify-ca", "server_name": "cache.example.com"}

    def harden(database: Database) -> Database:
        return replace(database, spec={**database.spec, "tls": tls, "uri": "wrong:1"})

    scenario.edit("orders-db", harden)
    reported = scenario.sweep()
    assert reported.verdicts == {"orders": "update/DRIFT"}
    assert [change["field"] for change in reported.item("orders")["changes"]] == ["/spec/uri"]
    assert only(scenario).spec["tls"] == tls
    scenario.tag("orders", {"TeleportDatabaseName": "sales-db"})
    assert scenario.sweep().verdicts == {"orders": "update/RENAMED"}
    assert only(scenario).spec["tls"] == tls


def test_hostile_text_is_shown_as_text_everywhere(scenario: Scenario) -> None:
    scenario.configure(
        matchers=[{"name": "m", "exclude_tags": {"stop": "*"}}],
        deregistration={"missed_sweeps": 9, "grace": "1h"},
    )
    for number, text in enumerate(HOSTILE):
        key = "".join(char for char in text if char >= " " and char != "\x7f")[:128]
        scenario.cache(f"owned-{number}", tags={"owner": text, key: text})
        scenario.cache(f"named-{number}", tags={"TeleportDatabaseName": text})
        scenario.cache(f"stopped-{number}", tags={"stop": text})
        scenario.cache(f"grouped-{number}", group=key[:40].lower())
    for command in COMMANDS:
        run = scenario.run(*command)
        assert run.code == 0, run
        for shown in (run.out, run.err):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066\ufeff]", shown)
    exported = list(yaml.safe_load_all(scenario.run("export").out))
    assert {one["kind"] for one in exported} == {"db"}
    owners = {one["metadata"]["labels"].get("owner") for one in exported}
    assert owners >= set(HOSTILE)


def test_an_escape_in_a_tag_costs_only_its_own_cache(scenario: Scenario) -> None:
    """AWS writes it into XML that no parser takes: that cache's tags are unknown, no others'."""
    scenario.cache("orders", tags={"owner": "\x1b[31mred"})
    scenario.cache("carts", tags={"owner": "me"})
    reported = scenario.sweep()
    assert reported.verdicts == {"orders": "held/TAGS_UNKNOWN", "carts": "create/NEW"}
    assert "\x1b" not in reported.run.out + reported.run.err
