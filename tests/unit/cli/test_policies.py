"""`policies` as a shell asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from discovery.cli.policies import command
from discovery.policies.kinds import KINDS
from tests.support.command_line import HUB, MEMBER, CommandLine
from tests.support.command_line import cli as make_rig

AGENT = f"arn:aws:iam::{HUB}:role/agent"
SECRET = "not-for-print"


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    with make_rig(tmp_path) as made:
        role = f"arn:aws:iam::{MEMBER}:role/cachemuster"
        accounts = [{"id": HUB}, {"id": MEMBER, "role_arn": role, "external_id": "env:WORD"}]
        connect = {"assume_role_arn": "arn:{partition}:iam::{account_id}:role/connect"}
        made.configure(
            json.dumps(
                {
                    "version": 1,
                    "group": "trial",
                    "aws": {"regions": ["eu-central-1"], "accounts": accounts},
                    "matchers": [{"name": "all", "connect": connect}],
                    "control_plane": {
                        "kind": "teleport",
                        "address": "t.example.com:443",
                        "identity_file": "identity",
                    },
                    "service": {
                        "events": {"queue_url": f"https://sqs.eu-central-1.amazonaws.com/{HUB}/q"}
                    },
                }
            )
        )
        yield made


def test_the_help_page_lists_every_kind() -> None:
    lines = [line.strip() for line in (command.help or "").splitlines()]
    for kind, each in KINDS.items():
        assert f"{kind.ljust(25)}{each.about}" in lines


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_printed_without_any_network(cli: CommandLine, kind: str) -> None:
    run = cli.run("policies", kind, "--hub", AGENT, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert run.code == 0, run
    if KINDS[kind].is_for_teleport:
        assert all(isinstance(each, dict) for each in yaml.safe_load_all(run.out))
    else:
        assert json.loads(run.out)


@pytest.mark.parametrize("kind", list(KINDS))
def test_as_cloudformation_where_it_is_aws(cli: CommandLine, kind: str) -> None:
    run = cli.run("policies", kind, "--hub", AGENT, "--format", "cloudformation")
    if KINDS[kind].stack is None:
        assert (run.code, run.out) == (64, "")
    else:
        assert run.document["AWSTemplateFormatVersion"] == "2010-09-09"


def test_without_a_name_aws_says_who_the_agent_is(cli: CommandLine) -> None:
    run = cli.run("policies", "trust")
    assert run.document["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{HUB}:user/agent"}
    assert "--hub names another" in run.err


def test_external_ids_are_not_printed(cli: CommandLine) -> None:
    for form in ("json", "cloudformation"):
        kind = "trust" if form == "json" else "member"
        run = cli.run("policies", kind, "--hub", AGENT, "--format", form, WORD=SECRET)
        assert SECRET not in run.out + run.err
    run = cli.run("policies", "trust", "--hub", AGENT, WORD=SECRET)
    assert "Put the value of env:WORD where its name is" in run.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "is not one of"),
        (["hub", "--hub", "agent"], "is not the ARN"),
        (["member", "--account", "999988887777"], "No role is taken on in account"),
        (["connect", "--matcher", "none"], "No matcher is named"),
        (["connect-trust", "--via", "hop"], "is not the ARN of a role"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: CommandLine, arguments: list[str], said: str) -> None:
    run = cli.run("policies", "--hub", AGENT, *arguments)
    assert (run.code, run.out) == (64, "")
    assert said in run.err


def test_an_agent_of_another_partition_is_a_mistake(cli: CommandLine) -> None:
    run = cli.run("policies", "hub", "--hub", AGENT.replace("aws", "aws-cn", 1))
    assert run.code == 78


def test_into_a_file(cli: CommandLine) -> None:
    run = cli.run("policies", "hub", "--hub", AGENT, "-o", "hub.json")
    assert (run.code, run.out) == (0, "")
    assert json.loads((cli.directory / "hub.json").read_text())["Version"] == "2012-10-17"


def test_a_role_is_yaml_or_json(cli: CommandLine) -> None:
    as_yaml = cli.run("policies", "teleport-bot-role").out
    as_json = cli.run("policies", "teleport-bot-role", "--format", "json").document
    assert yaml.safe_load(as_yaml) == as_json


def test_without_any_region_nothing_is_allowed_everywhere(cli: CommandLine) -> None:
    cli.configure("version: 1\ngroup: trial\n")
    run = cli.run("policies", "hub", "--hub", AGENT, AWS_REGION="")
    assert (run.code, run.out) == (64, "")
    run = cli.run("policies", "hub", "--hub", AGENT, AWS_REGION="eu-west-3")
    assert ":eu-west-3:" in run.document["Statement"][0]["Resource"]


def test_teleports_own_command_is_printed_beside_the_configuration(cli: CommandLine) -> None:
    run = cli.run("policies", "database-service-config")
    assert run.code == 0, run
    assert (
        "teleport db configure create --output=file --proxy=t.example.com:443 "
        "--token=/etc/teleport-token "
        "--dynamic-resources-labels=managed-by=cachemuster,cachemuster/group=trial" in run.err
    )
