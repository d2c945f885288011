"""A cache as a `db` resource: what we set, what we leave, what differs (R7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.model.values import Change, Database, ResourceName
from discovery.plan.resource import ConnectRole, changes_between, desired_database, merge_into_live
from matchers.selectors import Pattern
from tests.support.plan_inputs import known_cache, registered, rules

ROLE = "arn:aws:iam::111122223333:role/teleport-connect"


def desired(connect: ConnectRole | None = None, **labels: str) -> Database:
    return desired_database(known_cache(), ResourceName("orders"), labels, connect)


def database(spec: dict[str, Any] | None = None, **labels: str) -> Database:
    return Database(ResourceName("a"), labels, "text", spec or {})


def keeps_nothing(_: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("connect", "aws"),
    [
        pytest.param(None, {}, id="no-role"),
        pytest.param(ConnectRole(ROLE), {"assume_role_arn": ROLE}, id="role"),
        pytest.param(
            ConnectRole(ROLE, "secret"),
            {"assume_role_arn": ROLE, "external_id": "secret"},
            id="role-and-external-id",
        ),
        pytest.param(ConnectRole(ROLE, ""), {"assume_role_arn": ROLE}, id="empty-external-id"),
    ],
)
def test_the_spec_holds_the_cache_and_how_to_connect(
    connect: ConnectRole | None, aws: dict[str, str]
) -> None:
    assert desired(connect).spec == {
        "protocol": "redis",
        "uri": "orders-abc123.serverless.euw1.cache.amazonaws.com:6379",
        "aws": {
            "region": "eu-west-1",
            "account_id": "111122223333",
            "elasticache_serverless": {"cache_name": "orders"},
            **aws,
        },
    }


def live_spec(**more: Any) -> dict[str, Any]:
    return {**desired().spec, **more}


@pytest.mark.parametrize(
    ("spec", "pointer", "value"),
    [
        pytest.param({"tls": {"mode": 1}}, ("tls", "mode"), 1, id="beside-aws"),
        pytest.param({"admin_user": {"name": "x"}}, ("admin_user", "name"), "x", id="admin"),
        pytest.param(
            {"aws": {"session_tags": {"a": "b"}}}, ("aws", "session_tags", "a"), "b", id="in-aws"
        ),
        pytest.param(
            {"aws": {"elasticache_serverless": {"cache_name": "orders", "new": 1}}},
            ("aws", "elasticache_serverless", "new"),
            1,
            id="beside-the-cache-name",
        ),
    ],
)
def test_what_we_do_not_set_in_the_spec_stays_as_read(
    spec: dict[str, Any], pointer: tuple[str, ...], value: object
) -> None:
    found: Any = merge_into_live(
        desired(), replace(desired(), spec=live_spec(**spec)), keeps_nothing
    ).spec
    for key in pointer:
        found = found[key]
    assert found == value


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"uri": "evil.example.com:6379"}, id="uri"),
        pytest.param({"protocol": "mysql"}, id="protocol"),
        pytest.param({"aws": {"region": "mars", "account_id": "0"}}, id="place"),
        pytest.param({"aws": {"elasticache_serverless": {"cache_name": "x"}}}, id="cache-name"),
        pytest.param({"aws": {"assume_role_arn": ROLE, "external_id": "x"}}, id="role-not-wanted"),
        pytest.param({"aws": None}, id="aws-is-null"),
        pytest.param({"aws": {"elasticache_serverless": "x"}}, id="not-a-tree"),
    ],
)
def test_what_we_set_in_the_spec_is_ours_as_a_whole(spec: dict[str, Any]) -> None:
    live = replace(desired(), spec=live_spec(**spec))
    assert merge_into_live(desired(), live, keeps_nothing).spec == desired().spec


@pytest.mark.parametrize(
    ("globs", "kept"),
    [
        pytest.param((), set(), id="none"),
        pytest.param(("team",), {"team"}, id="literal"),
        pytest.param(("example.com/*",), {"example.com/a", "example.com/b"}, id="glob"),
        pytest.param(("^(team|owner)$",), {"team", "owner"}, id="expression"),
        pytest.param(("Team",), set(), id="case-sensitive"),
    ],
)
def test_labels_that_are_not_ours_stay_only_where_keep_labels_says(
    globs: tuple[str, ...], kept: set[str]
) -> None:
    extra = {"team": "1", "owner": "1", "example.com/a": "1", "example.com/b": "1"}
    live = replace(desired(env="prod"), labels={**extra, "env": "forged"})
    keeps = rules(keep_labels=tuple(Pattern(glob) for glob in globs)).keeps_label
    target = merge_into_live(desired(env="prod"), live, keeps)
    assert set(target.labels) == kept | {"env"}


def test_a_kept_glob_does_not_let_a_label_of_ours_be_changed() -> None:
    live = replace(desired(env="prod"), labels={"env": "forged"})
    assert merge_into_live(desired(env="prod"), live, lambda _: True).labels == {"env": "prod"}


def test_a_merge_carries_what_only_the_control_plane_understands() -> None:
    live = replace(desired(), metadata={"expires": "2030"}, revision="7", opaque=b"\x01")
    target = merge_into_live(desired(), live, keeps_nothing)
    assert (target.metadata, target.revision, target.opaque) == ({"expires": "2030"}, "7", b"\x01")


def test_a_resource_merged_with_itself_does_not_change() -> None:
    live = registered()
    assert changes_between(live, merge_into_live(live, live, keeps_nothing)) == ()


def test_changes_are_json_pointers_to_leaves_in_order() -> None:
    old = database({"uri": "a", "aws": {"region": "x", "gone": {"deep": 1}}}, env="prod", old="1")
    new = replace(
        database({"uri": "b", "aws": {"region": "x", "more": [1]}}, env="dev", new="1"),
        name=ResourceName("b"),
        description="other",
    )
    assert changes_between(old, new) == (
        Change("/metadata/description", "text", "other"),
        Change("/metadata/labels/env", "prod", "dev"),
        Change("/metadata/labels/new", None, "1"),
        Change("/metadata/labels/old", "1", None),
        Change("/metadata/name", "a", "b"),
        Change("/spec/aws/gone", {"deep": 1}, None),
        Change("/spec/aws/more", None, [1]),
        Change("/spec/uri", "a", "b"),
    )


@pytest.mark.parametrize(
    ("key", "pointer"),
    [
        ("teleport.dev/origin", "/metadata/labels/teleport.dev~1origin"),
        ("a~b", "/metadata/labels/a~0b"),
        ("~1", "/metadata/labels/~01"),
        ("a/b~c/d", "/metadata/labels/a~1b~0c~1d"),
        ("", "/metadata/labels/"),
    ],
)
def test_slashes_and_tildes_in_keys_are_escaped(key: str, pointer: str) -> None:
    changes = changes_between(database(), replace(database(), labels={key: "1"}))
    assert changes == (Change(pointer, None, "1"),)


def test_a_revision_is_no_difference() -> None:
    assert changes_between(database(), replace(database(), revision="9", opaque=b"x")) == ()


def test_the_document_is_sorted_and_names_kind_and_version() -> None:
    made = replace(database(b="2", a="1"), metadata={"expires": "2030"})
    assert made.document() == {
        "kind": "db",
        "version": "v3",
        "metadata": {
            "name": "a",
            "description": "text",
            "labels": {"a": "1", "b": "2"},
            "expires": "2030",
        },
        "spec": {},
    }
    assert list(made.document()["metadata"]["labels"]) == ["a", "b"]
