"""Policies held by a simulated AWS: with them a sweep reads everything, and without any one
statement it lacks exactly what that statement is for."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from discovery.sandbox.aws.iam import trust_of
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import World
from tests.support.command_line import FRANKFURT, HUB, MEMBER, CommandLine, agent_environment

pytestmark = pytest.mark.slow

OTHER = "333344445555"
"""A member of the organization, not named one by one."""
WORD = "a-word"
CONFIGURATION = {
    "version": 1,
    "group": "trial",
    "aws": {
        "regions": ["eu-central-*"],
        "accounts": [
            {"id": HUB},
            {
                "id": MEMBER,
                "role_arn": f"arn:aws:iam::{MEMBER}:role/cachemuster",
                "external_id": "env:WORD",
            },
            {
                "organization": {
                    "role_name": "cachemuster",
                    "external_id": "env:WORD",
                    "exclude_ous": ["ou-ab12-cdef3456"],
                }
            },
        ],
    },
}
Policy = dict[str, Any]


@dataclass
class Ground:
    """A fleet whose identities may do only what the printed documents say."""

    cli: CommandLine
    documents: dict[str, Policy]
    """By account."""

    def attach(self, **changed: Policy) -> None:
        world = self.cli.aws.world
        for account_id, document in {**self.documents, **changed}.items():
            account = world.account(account_id)
            principal = "user/agent" if account_id == HUB else "role/cachemuster"
            account.allow(account.iam_arn(principal), document)

    def sweep(self) -> Mapping[str, Any]:
        """Later than the one before: an organization lists its roots once a second."""
        self.cli.aws.world.clock.advance(timedelta(seconds=10))
        run = self.cli.run("sweep", "--format", "json")
        assert "Traceback" not in run.err, run
        return run.document


def unread(document: Mapping[str, Any]) -> dict[str, str]:
    """Reasons of failed scopes."""
    return {
        f"{scope['account_id']}/{scope['region']}": scope["reason"]
        for scope in document["scopes"]
        if scope["status"] == "failed"
    }


def partly(document: Mapping[str, Any]) -> dict[str, str]:
    """What was not read in scopes that were."""
    return {
        scope["account_id"]: scope["message"]
        for scope in document["scopes"]
        if scope["status"] == "complete" and scope["message"]
    }


def notes(document: Mapping[str, Any], account_id: str) -> set[str]:
    of_account = (item for item in document["items"] if item["account_id"] == account_id)
    return {note["code"] for item in of_account for note in item["notes"]}


def without(policy: Policy, action: str) -> Policy:
    """The policy without one action; a statement that allowed nothing else is gone."""
    left = copy.deepcopy(policy)
    kept = []
    for statement in left["Statement"]:
        actions = statement["Action"]
        actions = [actions] if isinstance(actions, str) else actions
        statement["Action"] = [each for each in actions if each != action]
        if statement["Action"]:
            kept.append(statement)
    assert left["Statement"] != policy["Statement"], f"nothing allows {action}"
    return {**left, "Statement": kept}


@contextmanager
def fleet(directory: Path) -> Iterator[CommandLine]:
    world = World()
    hub = world.account(HUB, regions=(FRANKFURT,))
    key = hub.add_key("agent")
    organization = world.organize(HUB)
    for number in (MEMBER, OTHER):
        world.account(number, regions=(FRANKFURT,))
        organization.join(number)
    for number in (HUB, MEMBER, OTHER):
        region = world.account(number).region(FRANKFURT)
        region.add_user("app")
        region.add_user_group("people", users=("app",))
        long_ago = datetime.now(UTC) - timedelta(days=30)
        for name in ("orders", "payments", "sessions"):
            region.add_cache(name, tags={"env": "prod"}, group="people", created_at=long_ago)
    aws = SimulatedAws(world)
    with aws.serve_in_thread() as url:
        environment = {**agent_environment(url, key, FRANKFURT), "WORD": WORD}
        cli = CommandLine(directory, aws, environment)
        cli.configure(json.dumps(CONFIGURATION))
        yield cli


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with fleet(tmp_path) as cli:
        trust = cli.run("policies", "trust")
        assert f"For arn:aws:iam::{HUB}:user/agent" in trust.err
        assert "Put the value of env:WORD" in trust.err
        reported = trust_of(json.loads(trust.out.replace("<the value of env:WORD>", WORD)))
        for number in (MEMBER, OTHER):
            account = cli.aws.world.account(number)
            account.add_role(
                "cachemuster", trusted=reported.principals, external_id=reported.external_id
            )
        ground = Ground(
            cli,
            {
                HUB: cli.run("policies", "hub").document,
                MEMBER: cli.run("policies", "member", "--account", MEMBER).document,
                OTHER: cli.run("policies", "member").document,
            },
        )
        ground.attach()
        yield ground


def test_with_the_printed_documents_everything_is_read(ground: Ground) -> None:
    document = ground.sweep()
    assert (unread(document), partly(document)) == ({}, {})
    assert {scope["account_id"] for scope in document["scopes"]} == {HUB, MEMBER, OTHER}
    assert document["summary"]["create"] == 9
    assert set.union(*(notes(document, each) for each in (HUB, MEMBER, OTHER))) == set()
    assert not [call for call in ground.cli.aws.calls if call.error]


ROOT = f"{HUB}/None"
HOME = f"{HUB}/{FRANKFURT}"


@pytest.mark.parametrize(
    ("action", "scopes"),
    [
        (
            "sts:AssumeRole",
            {f"{MEMBER}/None": "ASSUME_ROLE_DENIED", f"{OTHER}/None": "ASSUME_ROLE_DENIED"},
        ),
        ("organizations:ListRoots", {ROOT: "DENIED"}),
        ("organizations:ListAccountsForParent", {ROOT: "DENIED"}),
        ("organizations:ListOrganizationalUnitsForParent", {ROOT: "DENIED"}),
        ("elasticache:DescribeServerlessCaches", {HOME: "DENIED"}),
        ("ec2:DescribeRegions", {ROOT: "REGIONS_UNREADABLE"}),
    ],
)
def test_without_an_action_the_hub_fails_where_it_is_for(
    ground: Ground, action: str, scopes: dict[str, str]
) -> None:
    ground.attach(**{HUB: without(ground.documents[HUB], action)})
    document = ground.sweep()
    assert unread(document) == scopes
    assert partly(document) == {}


@pytest.mark.parametrize(
    ("action", "scope"),
    [
        ("elasticache:DescribeServerlessCaches", {f"{MEMBER}/{FRANKFURT}": "DENIED"}),
        ("ec2:DescribeRegions", {f"{MEMBER}/None": "REGIONS_UNREADABLE"}),
    ],
)
def test_without_an_action_the_member_fails_alone(
    ground: Ground, action: str, scope: dict[str, str]
) -> None:
    ground.attach(**{MEMBER: without(ground.documents[MEMBER], action)})
    document = ground.sweep()
    assert unread(document) == scope
    assert partly(document) == {}


@pytest.mark.parametrize("account", [HUB, MEMBER, OTHER])
@pytest.mark.parametrize(
    ("action", "note"),
    [
        ("elasticache:ListTagsForResource", "TAGS_UNKNOWN"),
        ("elasticache:DescribeUsers", "USERS_UNKNOWN"),
        ("elasticache:DescribeUserGroups", "USERS_UNKNOWN"),
        ("ec2:DescribeSubnets", "SUBNETS_UNKNOWN"),
    ],
)
def test_without_an_action_its_fact_is_unknown_there_and_nowhere_else(
    ground: Ground, account: str, action: str, note: str
) -> None:
    ground.attach(**{account: without(ground.documents[account], action)})
    document = ground.sweep()
    assert unread(document) == {}
    assert partly(document).keys() == {account}
    assert action in partly(document)[account]
    reported = {each: notes(document, each) for each in (HUB, MEMBER, OTHER)}
    assert reported == {**{each: set() for each in reported}, account: {note}}


@pytest.mark.parametrize("account", [HUB, MEMBER])
def test_without_the_tagging_api_tags_cost_a_call_for_each_cache(
    ground: Ground, account: str
) -> None:
    ground.sweep()
    calls = ground.cli.aws.calls
    calls.clear()
    ground.sweep()
    assert not calls.of("ListTagsForResource")
    ground.attach(**{account: without(ground.documents[account], "tag:GetResources")})
    calls.clear()
    assert unread(ground.sweep()) == {}
    assert {call.account_id for call in calls.of("ListTagsForResource")} == {account}
    assert len(calls.of("ListTagsForResource")) == 3


def test_every_statement_is_about_something(ground: Ground) -> None:
    """What the cases above leave out is listed, so that a new statement gets one too."""
    shown = {
        "sts:AssumeRole",
        "organizations:ListRoots",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "elasticache:DescribeServerlessCaches",
        "ec2:DescribeRegions",
        "elasticache:ListTagsForResource",
        "elasticache:DescribeUsers",
        "elasticache:DescribeUserGroups",
        "ec2:DescribeSubnets",
        "tag:GetResources",
    }
    allowed: set[str] = set()
    for document in ground.documents.values():
        for statement in document["Statement"]:
            actions = statement["Action"]
            allowed |= {actions} if isinstance(actions, str) else set(actions)
    assert allowed == shown


def test_a_removal_is_proven_with_the_same_documents(ground: Ground) -> None:
    ground.cli.configure(
        json.dumps({**CONFIGURATION, "deregistration": {"missed_sweeps": 1, "grace": "0s"}})
    )
    ground.sweep()
    ground.cli.aws.world.account(MEMBER).region(FRANKFURT).remove_cache("orders")
    assert ground.sweep()["summary"]["delete"] == 1


def test_another_region_is_denied(ground: Ground) -> None:
    """The documents fit the configured regions; a wider configuration finds the others shut."""
    world = ground.cli.aws.world
    world.account(HUB).enable("us-east-1")
    aws = {**CONFIGURATION["aws"], "regions": ["eu-central-*", "us-*"]}  # type: ignore[dict-item]
    ground.cli.configure(json.dumps({**CONFIGURATION, "aws": aws}))
    assert unread(ground.sweep()) == {f"{HUB}/us-east-1": "DENIED"}


def test_with_tags_and_users_switched_off_a_removal_needs_neither(ground: Ground) -> None:
    configuration = {
        **CONFIGURATION,
        "aws": {**CONFIGURATION["aws"], "read_tags": False},  # type: ignore[dict-item]
        "matchers": [{"name": "all", "iam_users": "ignore"}],
        "deregistration": {"missed_sweeps": 1, "grace": "0s", "max_percent": 100},
    }
    ground.cli.configure(json.dumps(configuration))
    for account_id in (HUB, MEMBER, OTHER):
        arguments = ("hub",) if account_id == HUB else ("member", "--account", account_id)
        ground.documents[account_id] = ground.cli.run("policies", *arguments).document
        assert not {"ListTagsForResource", "GetResources", "DescribeUsers"} & {
            action.partition(":")[2]
            for statement in ground.documents[account_id]["Statement"]
            for action in [statement["Action"]]
            if isinstance(action, str)
        }
    ground.attach()
    assert ground.sweep()["summary"]["create"] == 9
    matchers = [{"name": "few", "names": ["orders"], "iam_users": "ignore"}]
    ground.cli.configure(json.dumps({**configuration, "matchers": matchers}))
    ground.sweep()
    assert ground.sweep()["summary"]["delete"] == 6
    assert not [call for call in ground.cli.aws.calls if call.error]
