"""Why a cache is where it is, from state alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.rig import CONFIGURATION, Rig
from tests.unit.cli.rig import rig as make_rig

ARN = "arn:aws:elasticache:eu-central-1:111122223333:serverlesscache:orders"
NAME = "orders-elasticache-serverless-eu-central-1-111122223333"
MATCHERS = (
    CONFIGURATION
    + """\
matchers:
  - name: production
    tags: {env: prod}
    connect:
      assume_role_arn: "arn:aws:iam::{account_id}:role/connect"
      external_id: env:CONNECT_EID
"""
)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with make_rig(tmp_path, configuration=MATCHERS) as made:
        made.environment["CONNECT_EID"] = "a-connect-secret"
        yield made


def one(rig: Rig, name: str) -> dict[str, Any]:
    run = rig.run("explain", name, "--format", "json")
    assert run.code == 0, run
    (found,) = run.document["caches"]
    return found


def next_of(found: dict[str, Any]) -> str:
    return f"{found['next']['action']}/{found['next']['reason']}"


@pytest.mark.parametrize("name", ["orders", NAME, ARN])
def test_a_registered_cache_goes_by_three_names(rig: Rig, name: str) -> None:
    rig.run("sweep")
    found = one(rig, name)
    assert found["arn"] == ARN
    assert found["registered"]["name"] == NAME
    assert found["found"]["tags"] == {"env": "prod"}
    assert found["found"]["iam"] == "ready"
    assert found["matchers"] == ["matcher production takes it"]
    assert next_of(found) == "keep/UNCHANGED"
    assert found["connect_resources"][0] == ARN


def test_a_cache_that_no_matcher_takes_says_which_condition_failed(rig: Rig) -> None:
    rig.run("sweep")
    found = one(rig, "legacy")
    assert found["registered"] is None
    assert found["matchers"] == [
        'matcher production does not take it: its tag env is "dev" (wanted: "prod")'
    ]
    assert next_of(found) == "skipped/NO_MATCHER"


def test_a_missed_cache_says_for_how_long_and_what_comes_next(rig: Rig) -> None:
    rig.run("sweep")
    rig.region().remove_cache("orders")
    rig.run("sweep")
    found = one(rig, "orders")
    assert (found["missed"]["reason"], found["missed"]["scans"]) == ("ABSENT", 1)
    assert next_of(found) == "delete/ABSENT"
    assert found["last"]["message"].startswith("missed for the first time")


def test_it_needs_neither_the_network_nor_a_secret_and_prints_none(rig: Rig) -> None:
    rig.run("sweep")
    before = len(rig.aws.calls.of("DescribeServerlessCaches"))
    del rig.environment["CONNECT_EID"]
    run = rig.run("explain", "orders")
    assert run.code == 0, run
    assert "a-connect-secret" not in run.out + run.err
    assert len(rig.aws.calls.of("DescribeServerlessCaches")) == before
    assert max(map(len, run.out.splitlines())) <= 80


def test_an_unknown_name_is_exit_1_and_says_where_it_looked(rig: Rig) -> None:
    run = rig.run("explain", "no-such-cache")
    assert run.code == 1
    assert "Nothing named 'no-such-cache' is remembered" in run.err
