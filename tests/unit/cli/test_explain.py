"""Why a cache is where it is, from state alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CONFIGURATION, CommandLine
from tests.support.command_line import cli as make_rig

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
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    with make_rig(tmp_path, configuration=MATCHERS) as made:
        made.environment["CONNECT_EID"] = "a-connect-secret"
        yield made


def one(cli: CommandLine, name: str) -> dict[str, Any]:
    run = cli.run("explain", name, "--format", "json")
    assert run.code == 0, run
    (found,) = run.document["caches"]
    return dict(found)


def next_of(found: dict[str, Any]) -> str:
    return f"{found['next']['action']}/{found['next']['reason']}"


@pytest.mark.parametrize("name", ["orders", "ORDERS", NAME, NAME.upper(), ARN, ARN.upper()])
def test_a_registered_cache_goes_by_three_names_in_any_case(cli: CommandLine, name: str) -> None:
    cli.run("sweep")
    found = one(cli, name)
    assert found["arn"] == ARN
    assert found["registered"]["name"] == NAME
    assert found["found"]["tags"] == {"env": "prod"}
    assert found["found"]["iam"] == "ready"
    assert found["matchers"] == ["matcher production takes it"]
    assert next_of(found) == "keep/UNCHANGED"
    assert found["connect_resources"] == [ARN, ARN.replace("serverlesscache:orders", "user:app")]


def broken(cli: CommandLine, iam_users: str, more: str = "") -> None:
    """Nobody can log in to `orders`, and one sweep has seen it."""
    cli.configure(f"{CONFIGURATION}matchers:\n  - {{name: all, iam_users: {iam_users}{more}}}\n")
    cli.run("sweep")
    cli.region().add_user("app", access_string="off")
    cli.run("sweep")


@pytest.mark.slow
def test_what_was_found_with_the_verdict_is_told_with_the_way_to_the_repairs(
    cli: CommandLine,
) -> None:
    broken(cli, "warn")
    found = one(cli, "orders")
    assert (found["found"]["iam"], found["found"]["iam_users"]) == ("not-ready", [])
    assert found["found"]["iam_findings"] == ["NO_IAM_USER", "USER_DISABLED"]
    assert found["connect_resources"] == [], "there is nobody to connect as"
    assert found["last"]["message"] == "updated", "the label, after the verdict was seen"
    entries = json.loads(cli.run("history", "--cache", "orders", "--format", "json").out)["entries"]
    assert entries[1]["message"].startswith("IAM login was ready and is not-ready: no member")
    table = " ".join(cli.run("explain", "orders").out.split())
    assert "`cachemuster audit --only 111122223333/eu-central-1` says more" in table


@pytest.mark.slow
def test_the_last_verdict_stands_for_what_the_next_sweep_does(cli: CommandLine) -> None:
    broken(cli, "require", ", deregister_unready: true")
    assert next_of(one(cli, "orders")) == "delete/UNREADY"
    cli.region().add_cache("late", group="people")
    cli.run("sweep")
    assert next_of(one(cli, "late")) == "blocked/IAM_NOT_READY"
    assert one(cli, "late")["last"]["reason"] == "IAM_NOT_READY"


def test_an_arn_is_never_broken(cli: CommandLine) -> None:
    cli.region().add_cache("a-cache-with-a-name-of-forty-characters0", group="people")
    cli.configure(f"{CONFIGURATION}matchers: [{{name: all}}]\n")
    cli.run("sweep")
    lines = cli.run("explain", "a-cache-with-a-name-of-forty-characters0").out.splitlines()
    arn = ARN.replace("orders", "a-cache-with-a-name-of-forty-characters0")
    assert f"  {arn}" in lines


def test_a_cache_that_no_matcher_takes_says_which_condition_failed(cli: CommandLine) -> None:
    cli.run("sweep")
    found = one(cli, "legacy")
    assert found["registered"] is None
    assert found["matchers"] == [
        'matcher production does not take it: its tag env is "dev" (wanted: "prod")'
    ]
    assert next_of(found) == "skipped/NO_MATCHER"
    assert found["connect_resources"] == []


@pytest.mark.slow
def test_a_missed_cache_says_for_how_long_and_what_comes_next(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.region().remove_cache("orders")
    cli.run("sweep")
    found = one(cli, "orders")
    assert (found["missed"]["reason"], found["missed"]["scans"]) == ("ABSENT", 1)
    assert next_of(found) == "delete/ABSENT"
    assert found["last"]["message"].startswith("missed for the first time")


def test_it_needs_neither_the_network_nor_a_secret_and_prints_none(cli: CommandLine) -> None:
    cli.run("sweep")
    before = len(cli.aws.calls.of("DescribeServerlessCaches"))
    del cli.environment["CONNECT_EID"]
    run = cli.run("explain", "orders")
    assert run.code == 0, run
    assert "a-connect-secret" not in run.out + run.err
    assert len(cli.aws.calls.of("DescribeServerlessCaches")) == before
    assert max(map(len, run.out.splitlines())) <= 80


def test_an_unknown_name_is_exit_1_and_says_where_it_looked(cli: CommandLine) -> None:
    run = cli.run("explain", "no-such-cache")
    assert run.code == 1
    assert "Nothing named 'no-such-cache' is remembered" in run.err


@pytest.mark.slow
def test_a_removed_cache_is_not_told_as_available(cli: CommandLine) -> None:
    cli.run("sweep")
    cli.region().remove_cache("orders")
    cli.run("sweep")
    waiting = cli.run("explain", "orders").out
    assert "no longer in 111122223333/eu-central-1 by the scan of" in waiting
    assert "connecting:" not in waiting
    cli.run("sweep")
    removed = one(cli, "orders")
    assert removed["registered"] is None
    assert removed["found"]["gone_at"] > removed["found"]["last_seen_at"]
    assert removed["connect_resources"] == []
    assert one(cli, "payments")["found"]["gone_at"] is None
