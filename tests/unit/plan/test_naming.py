"""What a cache is called: suffix, name tags, legality (control_plane/README: Suffix)."""

from __future__ import annotations

import pytest

from discovery.model.values import AccountId, Region
from discovery.plan.naming import is_legal_name, name_of, same_name
from tests.support.plan_inputs import ACCOUNT, OTHER_ACCOUNT, rules

VIRGINIA, ACCOUNT_ID = Region("us-east-1"), AccountId("123456789012")
LEGACY = "teleport.dev/database_name"


def named(base: str, tags: dict[str, str] | None = None, *, region: Region = VIRGINIA) -> str:
    return name_of(base, region, ACCOUNT_ID, tags=tags or {}, override=True).value


@pytest.mark.parametrize(
    ("base", "name"),
    [
        # control_plane/README: Suffix, row by row.
        ("ec1", "ec1-elasticache-serverless-us-east-1-123456789012"),
        ("sessions-us-east-1", "sessions-us-east-1-elasticache-serverless-123456789012"),
        ("cache-123456789012", "cache-123456789012-elasticache-serverless-us-east-1"),
        ("elasticache", "elasticache-elasticache-serverless-us-east-1-123456789012"),
        ("app-us-east-10", "app-us-east-10-elasticache-serverless-123456789012"),
        ("x", "x-elasticache-serverless-us-east-1-123456789012"),
        (
            "x-elasticache-serverless-us-east-1",
            "x-elasticache-serverless-us-east-1-123456789012",
        ),
        # The rules around it.
        ("X-US-EAST-1", "X-US-EAST-1-elasticache-serverless-123456789012"),
        ("a-elasticache-serverlessness", "a-elasticache-serverlessness-us-east-1-123456789012"),
        (
            "a-123456789012-us-east-1-elasticache-serverless",
            "a-123456789012-us-east-1-elasticache-serverless",
        ),
        ("a-12345678901", "a-12345678901-elasticache-serverless-us-east-1-123456789012"),
    ],
)
def test_a_part_that_the_base_name_holds_already_is_not_added(base: str, name: str) -> None:
    assert named(base) == name


def test_the_discovered_name_is_told_only_when_a_suffix_was_added() -> None:
    full = "a-123456789012-us-east-1-elasticache-serverless"
    found = [
        name_of(base, VIRGINIA, ACCOUNT_ID, tags={}, override=True).discovered
        for base in ("ec1", full)
    ]
    assert found == ["ec1", None]


@pytest.mark.parametrize(
    ("region", "middle"),
    [
        pytest.param("us--east 1", "us-east-1", id="spaces-and-runs-become-one-hyphen"),
        pytest.param("-us-east-1-", "us-east-1", id="hyphens-at-the-ends-go"),
        pytest.param("US-East-1", "US-East-1", id="case-stays"),
        pytest.param("us_east_1", None, id="a-part-that-makes-the-name-illegal-is-dropped"),
        pytest.param(" ", None, id="a-blank-part-is-dropped"),
    ],
)
def test_each_part_of_the_suffix_is_cleaned(region: str, middle: str | None) -> None:
    parts = ["ec1", "elasticache-serverless", middle, "123456789012"]
    assert named("ec1", region=Region(region)) == "-".join(part for part in parts if part)


GENERATED = "ec1-elasticache-serverless-us-east-1-123456789012"


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        pytest.param({"TeleportDatabaseName": "shared"}, "shared", id="verbatim-without-suffix"),
        pytest.param({LEGACY: "shared"}, "shared", id="legacy-key"),
        pytest.param({"TeleportDatabaseName": "new", LEGACY: "old"}, "new", id="newer-key-first"),
        pytest.param({"TeleportDatabaseName": "", LEGACY: "old"}, "old", id="empty-is-absent"),
        pytest.param({"TeleportDatabaseName": "", LEGACY: ""}, GENERATED, id="both-empty"),
        pytest.param({"teleportdatabasename": "shared"}, GENERATED, id="key-is-case-sensitive"),
        pytest.param({"TeleportDatabaseName": "Shared"}, "Shared", id="value-keeps-its-case"),
        pytest.param({"TeleportDatabaseName": "my_db"}, "my_db", id="illegal-is-not-mended"),
        pytest.param({"TeleportDatabaseName": " "}, " ", id="blank-is-not-empty"),
    ],
)
def test_a_name_tag_is_used_as_it_stands(tags: dict[str, str], name: str) -> None:
    assert named("ec1", tags) == name


def test_a_name_tag_of_an_account_without_leave_is_not_read() -> None:
    tags = {"TeleportDatabaseName": "shared", LEGACY: "shared"}
    name = name_of("ec1", VIRGINIA, ACCOUNT_ID, tags=tags, override=False)
    assert (name.value, name.overridden, name.discovered) == (GENERATED, False, "ec1")


def test_a_name_by_tag_says_so_and_has_no_discovered_name() -> None:
    tags = {"TeleportDatabaseName": "ec1"}
    name = name_of("ec1", VIRGINIA, ACCOUNT_ID, tags=tags, override=True)
    assert (name.overridden, name.discovered) == (True, None)


@pytest.mark.parametrize(
    ("named_by_tag", "honoured"),
    [
        pytest.param(True, (True, True), id="all"),
        pytest.param(False, (False, False), id="none"),
        pytest.param(frozenset({ACCOUNT}), (True, False), id="listed-accounts"),
        pytest.param(frozenset(), (False, False), id="an-empty-list-is-none"),
    ],
)
def test_name_tags_are_honoured_by_account(
    named_by_tag: bool | frozenset[AccountId], honoured: tuple[bool, bool]
) -> None:
    configured = rules(named_by_tag=named_by_tag)
    accounts = (ACCOUNT, OTHER_ACCOUNT)
    assert tuple(configured.honours_name_tag(each) for each in accounts) == honoured


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("a", True),
        ("A9-b", True),
        ("a--b", True),
        ("a" * 300, True),
        ("", False),
        ("9a", False),
        ("-a", False),
        ("a-", False),
        ("a.b", False),
        ("a_b", False),
        ("a b", False),
        ("a\n", False),
        ("é", False),
        ("a٣", False),
    ],
)
def test_legal_names_are_those_that_teleport_takes(name: str, legal: bool) -> None:
    assert is_legal_name(name) is legal


def test_names_that_differ_in_case_are_one() -> None:
    assert same_name("Orders-EU") == same_name("orders-eu")
