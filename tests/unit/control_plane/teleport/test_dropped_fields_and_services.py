"""Small judgements: versions, what a server keeps, whom a Database Service serves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.control_plane.teleport.connection import is_too_old
from discovery.control_plane.teleport.dropped_fields import (
    SERVERLESS,
    DroppedFields,
    dropped_pointers,
)
from discovery.control_plane.teleport.services import ServiceMatcher
from discovery.model.ownership import CacheArn, NotOurs, owner_of
from discovery.model.values import Database
from tests.support.teleport_site import GROUP, registration

VERSIONS = [
    ("18.2.2", False),
    ("18.2.10", False),
    ("18.3.0", False),
    ("19.0.0-alpha.1", False),
    ("v18.4.1", False),
    ("18.2.3-dev", False),
    ("18.2.2+build", False),
    ("18.2.1", True),
    ("18.2.2-rc.1", True),
    ("17.9.9", True),
    ("9.0.0", True),
    ("", True),
    ("18.2", True),
    ("eighteen", True),
    ("18.2.2\n19.0.0", True),
]


@pytest.mark.parametrize(("version", "expected"), VERSIONS)
def test_versions(version: str, expected: bool) -> None:
    assert is_too_old(version) is expected


def without_name(database: Database, **changes: Any) -> Database:
    aws = {key: database.spec["aws"][key] for key in ("region", "account_id")}
    return replace(database, spec={**database.spec, "aws": aws, **changes})


def test_where_no_cache_name_is_kept_it_is_put_back() -> None:
    dropped = without_name(registration())
    assert owner_of(dropped, GROUP) is NotOurs.IDENTITY_MISMATCH
    [found] = DroppedFields().restore_all([dropped])
    assert found == registration()
    assert isinstance(owner_of(found, GROUP), CacheArn)


def test_where_any_is_kept_none_is_put_back() -> None:
    dropped = without_name(registration())
    keeping = DroppedFields()
    assert keeping.restore_all([dropped, registration("carts")])[0] == dropped
    assert keeping.restore(dropped) == dropped


NOT_PUT_BACK = [
    ("another endpoint", without_name(registration(), uri="db.example.com:6379")),
    ("an endpoint of a longer name", without_name(registration("a"), uri="ab-x.serverless:6379")),
    ("no marker", without_name(registration(**{"managed-by": "somebody"}))),
    ("no ARN", without_name(registration(**{"cachemuster/arn": "orders"}))),
]


@pytest.mark.parametrize(("_", "database"), NOT_PUT_BACK, ids=[each[0] for each in NOT_PUT_BACK])
def test_a_copy_of_labels_gets_no_identity(_: str, database: Database) -> None:
    assert DroppedFields().restore_all([database]) == (database,)


def test_another_account_stays_a_mismatch() -> None:
    dropped = without_name(registration())
    aws = {**dropped.spec["aws"], "account_id": "999999999999"}
    [found] = DroppedFields().restore_all([replace(dropped, spec={**dropped.spec, "aws": aws})])
    assert owner_of(found, GROUP) is NotOurs.IDENTITY_MISMATCH


def test_what_was_not_kept_is_found() -> None:
    assert dropped_pointers(registration(), without_name(registration())) == (SERVERLESS,)
    assert dropped_pointers(registration(), registration()) == ()
    assert dropped_pointers(without_name(registration()), registration()) == ()


LABELS = {"managed-by": "cachemuster", "env": "prod", "team": "a"}
MATCHERS: list[tuple[str, dict[str, tuple[str, ...]], bool]] = [
    ("none", {}, False),
    ("all", {"*": ("*",)}, True),
    ("one", {"env": ("prod",)}, True),
    ("one of a list", {"env": ("test", "prod")}, True),
    ("all of several keys", {"env": ("prod",), "team": ("a",)}, True),
    ("one of several keys", {"env": ("prod",), "team": ("b",)}, False),
    ("a key that is not there", {"zone": ("*",)}, False),
    ("a glob", {"env": ("pr*",)}, True),
    ("an expression", {"env": ("^(prod|test)$",)}, True),
    ("a broken expression", {"env": ("^($",)}, False),
    ("an empty list", {"env": ()}, False),
]


@pytest.mark.parametrize(("_", "labels", "takes"), MATCHERS, ids=[each[0] for each in MATCHERS])
def test_service_matchers(_: str, labels: dict[str, tuple[str, ...]], takes: bool) -> None:
    assert ServiceMatcher(labels).matches(LABELS) is takes
