"""R7: nobody forges our labels, and no text of a tag is more than text."""

from __future__ import annotations

import re
from dataclasses import replace

import yaml

from discovery.model import Database
from tests.scenarios.tale import HUB, MEMBER, Tale

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


def only(tale: Tale) -> Database:
    (database,) = tale.registry.values()
    return database


def test_tags_that_pose_as_our_labels_are_dropped(tale: Tale) -> None:
    tale.cache("orders", tags=dict.fromkeys(RESERVED, "forged") | {"team": "a"})
    told = tale.sweep()
    labels = only(tale).labels
    assert "forged" not in labels.values()
    assert labels["team"] == "a"
    assert (labels["account-id"], labels["cachemuster/group"]) == (HUB, "prod")
    notes = [note for note in told.item("orders")["notes"] if note["code"] == "TAG_SHADOWS_LABEL"]
    assert {note["subject"] for note in notes} == set(RESERVED)


def test_no_matcher_is_fooled_by_a_tag(tale: Tale) -> None:
    tale.configure(matchers=[{"name": "m", "tags": {"account-id": MEMBER}}])
    tale.cache("orders", tags={"account-id": MEMBER})
    assert tale.sweep().verdicts == {"orders": "skipped/NO_MATCHER"}


def test_a_reserved_label_in_the_configuration_is_refused(tale: Tale) -> None:
    tale.configure(matchers=[{"name": "m", "labels": {"managed-by": "me"}}])
    run = tale.run("sweep")
    assert run.code == 78, run
    assert "managed-by" in run.err


def test_tags_come_last(tale: Tale) -> None:
    tale.configure(matchers=[{"name": "m", "labels": {"tier": "gold"}}])
    tale.cache("orders", tags={"tier": "lead", "team": "a"})
    tale.sweep()
    assert (only(tale).labels["tier"], only(tale).labels["team"]) == ("gold", "a")


def test_a_tag_key_that_is_no_label_key_matches_and_is_dropped(tale: Tale) -> None:
    tale.configure(matchers=[{"name": "m", "tags": {"größe @ 1": "xl"}}])
    tale.cache("orders", tags={"größe @ 1": "xl"})
    told = tale.sweep()
    assert told.notes("orders") == {"TAG_KEY_DROPPED"}
    assert "größe @ 1" not in only(tale).labels


def test_labels_edited_by_hand_are_drift(tale: Tale) -> None:
    tale.cache("orders", tags={"TeleportDatabaseName": "orders-db", "team": "a"})
    tale.sweep()
    tale.relabel("orders-db", team="b", extra="1")
    told = tale.sweep()
    assert told.verdicts == {"orders": "update/DRIFT"}
    fields = {change["field"]: change["new"] for change in told.item("orders")["changes"]}
    assert fields == {"/metadata/labels/team": "a", "/metadata/labels/extra": None}
    assert "extra" not in only(tale).labels


def test_labels_that_are_to_be_kept_stay(tale: Tale) -> None:
    plane = {"kind": "embedded", "path": "registry.db", "keep_labels": ["access-*"]}
    tale.configure(control_plane=plane)
    tale.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    tale.sweep()
    tale.relabel("orders-db", access_tier="high", extra="1")
    assert tale.sweep().verdicts == {"orders": "update/DRIFT"}
    assert only(tale).labels["access-tier"] == "high"
    assert "extra" not in only(tale).labels


def test_keep_labels_leaves_no_way_to_forge_ours(tale: Tale) -> None:
    plane = {"kind": "embedded", "path": "registry.db", "keep_labels": ["*"]}
    tale.configure(control_plane=plane)
    tale.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    tale.sweep()
    written = only(tale).labels
    forged = {"account-id": MEMBER, "cachemuster/iam-auth": "ready"}
    unset = {"cachemuster/tier": "gold", "teleport.internal/discovery-group-name": "theirs"}
    tale.edit(
        "orders-db",
        lambda database: replace(database, labels={**database.labels, **forged, **unset}),
    )
    tale.sweep()
    assert only(tale).labels == written


def test_what_others_set_in_spec_is_kept(tale: Tale) -> None:
    tale.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    tale.sweep()
    tls = {"mode": "verify-ca", "server_name": "cache.example.com"}

    def harden(database: Database) -> Database:
        return replace(database, spec={**database.spec, "tls": tls, "uri": "wrong:1"})

    tale.edit("orders-db", harden)
    told = tale.sweep()
    assert told.verdicts == {"orders": "update/DRIFT"}
    assert [change["field"] for change in told.item("orders")["changes"]] == ["/spec/uri"]
    assert only(tale).spec["tls"] == tls
    tale.tag("orders", {"TeleportDatabaseName": "sales-db"})
    assert tale.sweep().verdicts == {"orders": "update/RENAMED"}
    assert only(tale).spec["tls"] == tls


def test_hostile_text_is_shown_as_text_everywhere(tale: Tale) -> None:
    tale.configure(
        matchers=[{"name": "m", "exclude_tags": {"stop": "*"}}],
        deregistration={"missed_sweeps": 9, "grace": "1h"},
    )
    for number, text in enumerate(HOSTILE):
        key = "".join(char for char in text if char >= " " and char != "\x7f")[:128]
        tale.cache(f"owned-{number}", tags={"owner": text, key: text})
        tale.cache(f"named-{number}", tags={"TeleportDatabaseName": text})
        tale.cache(f"stopped-{number}", tags={"stop": text})
        tale.cache(f"grouped-{number}", group=key[:40].lower())
    for command in COMMANDS:
        run = tale.run(*command)
        assert run.code == 0, run
        for shown in (run.out, run.err):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066\ufeff]", shown)
    exported = list(yaml.safe_load_all(tale.run("export").out))
    assert {one["kind"] for one in exported} == {"db"}
    owners = {one["metadata"]["labels"].get("owner") for one in exported}
    assert owners >= set(HOSTILE)


def test_an_escape_in_a_tag_costs_only_its_own_cache(tale: Tale) -> None:
    """AWS writes it into XML that no parser takes: that cache's tags are unknown, no others'."""
    tale.cache("orders", tags={"owner": "\x1b[31mred"})
    tale.cache("carts", tags={"owner": "me"})
    told = tale.sweep()
    assert told.verdicts == {"orders": "held/TAGS_UNKNOWN", "carts": "create/NEW"}
    assert "\x1b" not in told.run.out + told.run.err
