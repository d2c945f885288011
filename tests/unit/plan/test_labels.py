"""Who may say what in the labels of a registration (R7)."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.codes import IamVerdict, NoteCode
from discovery.model.values import UNKNOWN, KnownCache
from discovery.plan.labels import (
    build_labels,
    discovery_labels,
    ownership_labels,
    tag_notes,
)
from tests.support.plan_inputs import known_cache

CACHE = known_cache()
OURS = {
    "account-id": "111122223333",
    "region": "eu-west-1",
    "engine": "valkey",
    "engine-version": "8.1",
    "vpc-id": "vpc-1",
    "teleport.dev/cloud": "AWS",
    "teleport.dev/discovery-type": "elasticache-serverless",
    "teleport.dev/origin": "dynamic",
    "managed-by": "cachemuster",
    "cachemuster/group": "prod",
    "cachemuster/arn": CACHE.arn,
    "cachemuster/iam-auth": "ready",
    "teleport.internal/discovered-name": "orders",
}


def labels(
    tags: dict[str, str] | None = None,
    matcher: dict[str, str] | None = None,
    *,
    of: KnownCache = CACHE,
    origin: str = "dynamic",
    discovered: str | None = "orders",
) -> dict[str, str]:
    return build_labels(
        of,
        tags or {},
        ours=ownership_labels(of, "prod", origin),
        matcher_labels=matcher or {},
        iam=IamVerdict.READY,
        discovered_name=discovered,
    )


def test_without_tags_the_labels_are_ours_alone() -> None:
    assert labels() == OURS


@pytest.mark.parametrize("key", sorted(OURS))
def test_no_tag_overwrites_a_label_of_ours(key: str) -> None:
    assert labels({key: "forged"}) == OURS


@pytest.mark.parametrize("key", sorted(OURS))
def test_not_even_the_configuration_overwrites_a_label_of_ours(key: str) -> None:
    assert labels(matcher={key: "forged"}) == OURS


@pytest.mark.parametrize(
    "key",
    [
        "vpc-id",
        "cachemuster/other",
        "teleport.dev/db-admin",
        "teleport.dev/database_name",
        "teleport.internal/discovery-group-name",
        "teleport.internal/discovery-config-name",
        "teleport.hidden/x",
    ],
)
def test_a_reserved_key_is_refused_to_tags_even_where_we_have_no_value(key: str) -> None:
    assert key not in labels({key: "forged"}, of=known_cache(vpc_id=None))


@pytest.mark.parametrize(
    "key", ["Managed-By", "teleport.dev", "cachemuster", "vpc-id-2", "teleport.devx/a", "Region"]
)
def test_a_key_that_only_looks_reserved_is_an_ordinary_tag(key: str) -> None:
    assert labels({key: "mine"})[key] == "mine"
    assert tag_notes({key: "mine"}) == ()


def test_a_matchers_label_beats_a_tag() -> None:
    found = labels({"tier": "tag", "env": "prod"}, {"tier": "gold"})
    assert (found["tier"], found["env"]) == ("gold", "prod")


@pytest.mark.parametrize(
    ("key", "is_label"),
    [
        ("env", True),
        ("aws:cloudformation:stack-name", True),
        ("a/b.c_d:e*f-9", True),
        ("TeleportDatabaseName", True),
        ("cost center", False),
        ("a=b", False),
        ("a+b", False),
        ("a@b", False),
        ("größe", False),
        ("a\n", False),
        ("", False),
    ],
)
def test_only_a_legal_label_key_becomes_a_label(key: str, is_label: bool) -> None:
    assert (key in labels({key: "1"})) is is_label
    assert [note.code for note in tag_notes({key: "1"})] == (
        [] if is_label else [NoteCode.TAG_KEY_DROPPED]
    )


def test_label_values_are_unrestricted() -> None:
    value = "\x1b[31m ü = + @\n"
    assert labels({"env": value})["env"] == value


def test_every_tag_that_poses_as_a_label_gets_a_note_sorted_by_key() -> None:
    tags = {"vpc-id": "1", "region": "mars", "managed-by": "me", "env": "prod", "a b": "1"}
    assert [(note.code, note.subject) for note in tag_notes(tags)] == [
        (NoteCode.TAG_KEY_DROPPED, "a b"),
        (NoteCode.TAG_SHADOWS_LABEL, "managed-by"),
        (NoteCode.TAG_SHADOWS_LABEL, "region"),
        (NoteCode.TAG_SHADOWS_LABEL, "vpc-id"),
    ]


def test_the_legacy_name_tag_is_dropped_without_a_note() -> None:
    assert tag_notes({"teleport.dev/database_name": "shared"}) == ()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"engine": "Valkey"}, {"engine": "Valkey"}, id="engine-as-aws-spells-it"),
        pytest.param({"engine_version": ""}, {"engine-version": ""}, id="version-present-if-empty"),
        pytest.param({"vpc_id": None}, {"vpc-id": None}, id="no-vpc-no-label"),
        pytest.param({"vpc_id": UNKNOWN}, {"vpc-id": None}, id="unread-vpc-no-label"),
    ],
)
def test_discovery_labels_follow_the_cache(
    facts: dict[str, Any], expected: dict[str, str | None]
) -> None:
    found = labels(of=known_cache(**facts))
    assert {key: found.get(key) for key in expected} == expected


def test_an_unread_vpc_is_unknown_to_matchers_and_no_vpc_is_absent() -> None:
    assert discovery_labels(known_cache(vpc_id=UNKNOWN))["vpc-id"] is UNKNOWN
    assert "vpc-id" not in discovery_labels(known_cache(vpc_id=None))


def test_origin_cloud_names_our_group_so_that_no_discovery_service_owns_it() -> None:
    found = labels(origin="cloud")
    assert found["teleport.dev/origin"] == "cloud"
    assert found["teleport.internal/discovery-group-name"] == "prod"
    assert "teleport.internal/discovery-group-name" not in labels(origin="dynamic")


def test_no_discovered_name_where_no_suffix_was_added() -> None:
    assert "teleport.internal/discovered-name" not in labels(discovered=None)
