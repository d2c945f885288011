"""The same of configurations that read the agent's own account by a role, take a whole organization
as it is, and connect: their documents are enough, and each statement of them is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from discovery.sandbox.aws.iam import is_allowed, statements_of, trust_of
from tests.contract.test_policies import (
    CONFIGURATION,
    OTHER,
    WORD,
    Ground,
    Policy,
    fleet,
    notes,
    partly,
    unread,
    without,
)
from tests.support.command_line import FRANKFURT, HUB, MEMBER, CommandLine

pytestmark = pytest.mark.slow

AGENT = "user/agent"
ROLE = "role/cachemuster"
EVERYBODY = (HUB, MEMBER, OTHER)
BY_ROLE = {
    **CONFIGURATION,
    "aws": {
        "regions": ["eu-central-*"],
        "own_account": "assume",
        "accounts": [{"organization": {"role_name": "cachemuster", "external_id": "env:WORD"}}],
    },
}
"""Every account of the organization as it is listed, the agent's own one too, by its role."""


def documents(cli: CommandLine) -> dict[str, Policy]:
    """What is attached, by principal."""
    member = cli.run("policies", "member").document
    return {
        AGENT: cli.run("policies", "hub").document,
        **dict.fromkeys(EVERYBODY, member),
    }


def attach(ground: Ground, **changed: Policy) -> None:
    """Roles by their account, the agent by its name."""
    for key, document in {**ground.documents, **changed}.items():
        account = ground.cli.aws.world.account(HUB if key == AGENT else key)
        account.allow(account.iam_arn(AGENT if key == AGENT else ROLE), document)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with fleet(tmp_path) as cli:
        cli.configure(json.dumps(BY_ROLE))
        trust = cli.run("policies", "trust").out
        shown = trust_of(json.loads(trust.replace("<the value of env:WORD>", WORD)))
        for number in EVERYBODY:
            account = cli.aws.world.account(number)
            account.add_role("cachemuster", trusted=shown.principals, external_id=shown.external_id)
        ground = Ground(cli, documents(cli))
        attach(ground)
        yield ground


def test_by_its_role_the_own_account_is_read_as_any_other(ground: Ground) -> None:
    document = ground.sweep()
    assert (unread(document), partly(document)) == ({}, {})
    assert document["summary"]["create"] == 9
    assert not [call for call in ground.cli.aws.calls if call.error]


def test_the_agent_itself_may_take_on_roles_and_list_accounts_and_nothing_else(
    ground: Ground,
) -> None:
    statements = ground.documents[AGENT]["Statement"]
    assert {each["Sid"] for each in statements} == {"AssumeDiscoveryRoles", "ReadOrganization"}


@pytest.mark.parametrize(
    ("action", "scopes"),
    [
        ("sts:AssumeRole", {f"{each}/None": "ASSUME_ROLE_DENIED" for each in EVERYBODY}),
        ("organizations:ListAccounts", {f"{HUB}/None": "DENIED"}),
    ],
)
def test_without_a_statement_the_agent_fails_where_it_is_for(
    ground: Ground, action: str, scopes: Mapping[str, str]
) -> None:
    attach(ground, **{AGENT: without(ground.documents[AGENT], action)})
    assert unread(ground.sweep()) == scopes


@pytest.mark.parametrize(
    ("action", "lacks"),
    [
        ("elasticache:DescribeServerlessCaches", "DENIED"),
        ("ec2:DescribeRegions", "REGIONS_UNREADABLE"),
        ("elasticache:ListTagsForResource", "TAGS_UNKNOWN"),
        ("elasticache:DescribeUsers", "USERS_UNKNOWN"),
        ("elasticache:DescribeUserGroups", "USERS_UNKNOWN"),
        ("ec2:DescribeSubnets", "SUBNETS_UNKNOWN"),
    ],
)
def test_without_a_statement_the_role_of_the_own_account_fails_alone(
    ground: Ground, action: str, lacks: str
) -> None:
    attach(ground, **{HUB: without(ground.documents[HUB], action)})
    document = ground.sweep()
    found = {*unread(document).values(), *notes(document, HUB)}
    assert found == {lacks}
    assert {key.partition("/")[0] for key in (*unread(document), *partly(document))} == {HUB}
    assert notes(document, MEMBER) == notes(document, OTHER) == set()


# -- the role with which Teleport connects -------------------------------------------------------

CONNECTING = {
    **CONFIGURATION,
    "matchers": [
        {
            "name": "orders",
            "names": ["orders", "Ord-*"],
            "connect": {"assume_role_arn": "arn:{partition}:iam::{account_id}:role/connect"},
        }
    ],
}
CACHE = f"arn:aws:elasticache:{FRANKFURT}:{MEMBER}:serverlesscache"
USER = f"arn:aws:elasticache:{FRANKFURT}:{MEMBER}:user"


@pytest.fixture
def connecting(tmp_path: Path) -> Iterator[tuple[CommandLine, Policy]]:
    """A role to connect with in one account, and what `policies` says it needs."""
    with fleet(tmp_path) as cli:
        cli.configure(json.dumps(CONNECTING))
        account = cli.aws.world.account(MEMBER)
        account.add_role("connect", trusted=(HUB,))
        yield cli, cli.run("policies", "connect", "--account", MEMBER).document


def may_connect(policy: Policy, cache: str, user: str) -> bool:
    """AWS asks for both resources of the one action (aws/README: Permissions)."""
    statements = statements_of(policy)
    return all(
        is_allowed(statements, action="elasticache:Connect", resource=arn, region=FRANKFURT)
        for arn in (cache, user)
    )


def test_the_role_may_connect_to_what_its_matcher_takes_and_to_nothing_else(
    connecting: tuple[CommandLine, Policy],
) -> None:
    _, policy = connecting
    assert may_connect(policy, f"{CACHE}:orders", f"{USER}:app")
    assert may_connect(policy, f"{CACHE}:ord-2", f"{USER}:app"), "names in ARNs are in lower case"
    assert not may_connect(policy, f"{CACHE}:payments", f"{USER}:app")
    assert not may_connect(policy, f"{CACHE}:orders".replace(MEMBER, OTHER), f"{USER}:app")
    assert not may_connect(policy, f"{CACHE}:orders".replace("eu-", "us-"), f"{USER}:app")


def test_explain_names_resources_that_the_role_may_connect_to(
    connecting: tuple[CommandLine, Policy],
) -> None:
    cli, policy = connecting
    for number in (MEMBER, OTHER):
        account = cli.aws.world.account(number)
        account.add_role("cachemuster", trusted=(HUB,), external_id=WORD)
    cli.run("sweep")
    shown = cli.run("explain", f"{CACHE}:orders", "--format", "json").document["caches"][0]
    assert shown["connect_resources"] == [f"{CACHE}:orders", f"{USER}:app"]
    assert may_connect(policy, *shown["connect_resources"])


CHECKS: dict[str, tuple[str, dict[str, Any]]] = {
    "elasticache:DescribeServerlessCaches": (
        "describe_serverless_caches",
        {"ServerlessCacheName": "orders"},
    ),
    "elasticache:DescribeUsers": ("describe_users", {"UserId": "app"}),
}


def test_the_role_may_ask_what_a_database_service_asks(
    connecting: tuple[CommandLine, Policy],
) -> None:
    cli, policy = connecting
    assert refused(cli, policy) == set()


@pytest.mark.parametrize("action", ["elasticache:Connect", *CHECKS])
def test_without_a_statement_the_role_lacks_just_that(
    connecting: tuple[CommandLine, Policy], action: str
) -> None:
    cli, policy = connecting
    rest = without(policy, action)
    assert may_connect(rest, f"{CACHE}:orders", f"{USER}:app") is (action in CHECKS)
    assert refused(cli, rest) == ({action} & CHECKS.keys())


def refused(cli: CommandLine, policy: Policy) -> set[str]:
    """The checks of a Database Service that the simulated AWS denies to the role."""
    account = cli.aws.world.account(MEMBER)
    account.allow(account.iam_arn("role/connect"), policy)
    session = boto3.session.Session(
        aws_access_key_id=cli.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cli.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=FRANKFURT,
    )
    url = cli.environment["AWS_ENDPOINT_URL"]
    sts = session.client("sts", endpoint_url=url)
    found = sts.assume_role(RoleArn=account.iam_arn("role/connect"), RoleSessionName="db")
    made = found["Credentials"]
    client = session.client(
        "elasticache",
        endpoint_url=url,
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        aws_session_token=made["SessionToken"],
    )
    denied = set()
    try:
        for action, (call, arguments) in CHECKS.items():
            try:
                getattr(client, call)(**arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] != "AccessDenied":
                    raise
                denied.add(action)
    finally:
        sts.close()
        client.close()
    return denied
