"""What stands in the documents of a configuration, and what does not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from discovery.config.load import parse_config
from discovery.policies.kinds import KINDS, PolicyRequest, references, statement_allowing
from discovery.policies.usage import AwsUsage, Hub, NotApplicable

HUB = Hub.of("arn:aws:iam::111122223333:role/agent")
MEMBER = {"id": "222233334444", "role_arn": "arn:aws:iam::222233334444:role/cachemuster"}
ORGANIZATION = {"organization": {"role_name": "cachemuster", "external_id": "env:WORD"}}
QUEUE = "https://sqs.eu-central-1.amazonaws.com/111122223333/cachemuster"
TELEPORT = {"kind": "teleport", "address": "t.example.com:443", "identity_file": "/id/identity"}
CONNECT = {
    "assume_role_arn": "arn:{partition}:iam::{account_id}:role/db/connect-{region}",
    "external_id": "env:CONNECT",
}


def usage(hub: Hub = HUB, default_region: str | None = "eu-west-1", **sections: Any) -> AwsUsage:
    document = json.dumps({"version": 1, "group": "prod", **sections})
    return AwsUsage.of(
        parse_config(document, file="c.yaml", base=Path("/etc")), hub, default_region
    )


def aws(*accounts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"regions": ["eu-west-1"], **({"accounts": list(accounts)} if accounts else {}), **more}


def made(kind: str, found: AwsUsage, account: str | None = None, matcher: str | None = None) -> Any:
    return KINDS[kind].make(PolicyRequest(found, account, matcher))


def actions(kind: str, found: AwsUsage) -> set[str]:
    listed: set[str] = set()
    for statement in made(kind, found)["Statement"]:
        action = statement["Action"]
        listed |= {action} if isinstance(action, str) else set(action)
    return listed


ALL_READS = {
    "elasticache:DescribeServerlessCaches",
    "elasticache:ListTagsForResource",
    "elasticache:DescribeUsers",
    "elasticache:DescribeUserGroups",
    "tag:GetResources",
    "ec2:DescribeSubnets",
}
TAGS = {"elasticache:ListTagsForResource", "tag:GetResources"}
USERS = {"elasticache:DescribeUsers", "elasticache:DescribeUserGroups"}
IGNORING = [{"name": "a", "iam_users": "ignore"}]


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        pytest.param({}, ALL_READS, id="nothing-configured"),
        pytest.param({"aws": aws(read_tags=False)}, ALL_READS - TAGS, id="no-tags"),
        pytest.param({"aws": aws(), "matchers": IGNORING}, ALL_READS - USERS, id="no-users"),
        pytest.param(
            {"aws": aws(), "matchers": [*IGNORING, {"name": "b"}]}, ALL_READS, id="one-looks"
        ),
        pytest.param(
            {"aws": aws(regions=["eu-*"])}, ALL_READS | {"ec2:DescribeRegions"}, id="globs"
        ),
        pytest.param(
            {"aws": aws(regions=["me-south-1"])},
            ALL_READS | {"ec2:DescribeRegions"},
            id="a-region-that-may-be-disabled",
        ),
        pytest.param({"aws": aws(MEMBER)}, {"sts:AssumeRole"}, id="another-account-only"),
        pytest.param(
            {"aws": aws(MEMBER, {"id": "111122223333"})},
            ALL_READS | {"sts:AssumeRole"},
            id="own-account-too",
        ),
        pytest.param(
            {
                "aws": aws(
                    {"id": "111122223333", "role_arn": "arn:aws:iam::111122223333:role/x"},
                    own_account="assume",
                )
            },
            {"sts:AssumeRole"},
            id="own-account-by-its-role",
        ),
        pytest.param(
            {"aws": aws(ORGANIZATION)},
            ALL_READS | {"sts:AssumeRole", "organizations:ListAccounts"},
            id="organization",
        ),
        pytest.param(
            {
                "aws": aws(
                    {
                        "organization": {
                            "role_name": "r",
                            "include_ous": ["ou-ab12-cdef3456"],
                            "exclude_accounts": ["111122223333"],
                        }
                    }
                )
            },
            {
                "sts:AssumeRole",
                "organizations:ListAccountsForParent",
                "organizations:ListOrganizationalUnitsForParent",
            },
            id="units-without-the-own-account",
        ),
        pytest.param(
            {"aws": aws(), "service": {"events": {"queue_url": QUEUE}}},
            ALL_READS
            | {
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
                "sqs:GetQueueAttributes",
            },
            id="events",
        ),
    ],
)
def test_the_hub_is_allowed_what_is_used(sections: dict[str, Any], expected: set[str]) -> None:
    assert actions("hub", usage(**sections)) == expected


def test_resources_name_regions_and_accounts_in_use() -> None:
    found = usage(aws=aws(MEMBER, regions=["us-east-1", "eu-*"]))
    statements = {each["Sid"]: each for each in made("member", found)["Statement"]}
    assert statements["ReadUsers"]["Resource"] == [
        "arn:aws:elasticache:eu-*:222233334444:user:*",
        "arn:aws:elasticache:us-east-1:222233334444:user:*",
    ]
    condition = {"StringLike": {"aws:RequestedRegion": ["eu-*", "us-east-1"]}}
    assert statements["ReadTagsInBulk"]["Condition"] == condition
    assert statements["ReadSubnets"]["Condition"] == condition
    assert "Condition" not in statements["ListRegions"]
    [assume] = made("hub", found)["Statement"]
    assert assume["Resource"] == MEMBER["role_arn"]


def test_every_region_is_no_condition() -> None:
    statements = made("hub", usage(aws=aws(regions=["*", "eu-west-1"])))["Statement"]
    assert not any("Condition" in each for each in statements)
    assert statements[0]["Resource"] == "arn:aws:elasticache:*:111122223333:serverlesscache:*"


def test_without_regions_the_default_one_counts() -> None:
    [first, *_] = made("hub", usage())["Statement"]
    assert first["Resource"] == "arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:*"


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:sts::111122223333:assumed-role/agent/i-1", HUB.arn),
        ("arn:aws:iam::111122223333:role/ops/agent", "arn:aws:iam::111122223333:role/ops/agent"),
        ("arn:aws-cn:iam::111122223333:user/me", "arn:aws-cn:iam::111122223333:user/me"),
    ],
)
def test_the_hub_is_a_role_or_a_user(arn: str, expected: str) -> None:
    assert Hub.of(arn).arn == expected


@pytest.mark.parametrize("arn", ["agent", "arn:aws:iam::111122223333:root", "arn:aws:s3:::x"])
def test_nothing_else_is_a_hub(arn: str) -> None:
    with pytest.raises(ValueError, match="is not the ARN"):
        Hub.of(arn)


def test_a_role_that_is_known_by_a_session_only_is_trusted_by_name_whatever_its_path() -> None:
    """A session's ARN never holds the path of its role: that ARN might name a role that is not."""
    session = Hub.of("arn:aws-cn:sts::111122223333:assumed-role/agent/i-1")
    found = usage(hub=session, aws=aws({**MEMBER, "external_id": "env:WORD"}))
    expected = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws-cn:iam::111122223333:root"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"sts:ExternalId": "<the value of env:WORD>"},
            "ArnLike": {
                "aws:PrincipalArn": [
                    "arn:aws-cn:iam::111122223333:role/agent",
                    "arn:aws-cn:iam::111122223333:role/*/agent",
                ]
            },
        },
    }
    assert made("trust", found)["Statement"] == [expected]
    stack = KINDS["member"].stack
    assert stack is not None
    role = stack(PolicyRequest(found))["Resources"]["DiscoveryRole"]["Properties"]
    [in_stack] = role["AssumeRolePolicyDocument"]["Statement"]
    assert in_stack["Principal"] == expected["Principal"]
    assert in_stack["Condition"]["ArnLike"] == expected["Condition"]["ArnLike"]  # type: ignore[index]


def test_a_role_that_is_named_with_its_path_is_trusted_as_such() -> None:
    named = Hub.of("arn:aws:iam::111122223333:role/ops/agent")
    [statement] = made("trust", usage(hub=named, aws=aws(MEMBER)))["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111122223333:role/ops/agent"}
    assert "Condition" not in statement


def test_a_role_under_a_path_may_be_taken_on_by_its_whole_arn() -> None:
    organization = {"organization": {"role_name": "security/cachemuster"}}
    statements = made("hub", usage(aws=aws(organization)))["Statement"]
    [assume] = [each for each in statements if each["Action"] == "sts:AssumeRole"]
    assert assume["Resource"] == "arn:aws:iam::*:role/security/cachemuster"


def test_a_trust_policy_asks_for_the_word_and_does_not_print_it() -> None:
    found = usage(aws=aws({**MEMBER, "external_id": "env:WORD"}))
    trust = made("trust", found)
    [statement] = trust["Statement"]
    assert statement["Principal"] == {"AWS": HUB.arn}
    assert references(trust) == ("env:WORD",)
    assert references(made("trust", usage(aws=aws(MEMBER)))) == ()


def test_roles_that_differ_are_asked_for_one_by_one() -> None:
    found = usage(aws=aws(MEMBER, ORGANIZATION))
    with pytest.raises(NotApplicable, match="--account"):
        made("trust", found)
    assert references(made("trust", found, "222233334444")) == ()
    assert references(made("trust", found, "999988887777")) == ("env:WORD",)
    # What may be read does not hang on the role's name.
    assert ":*:user:*" in made("member", found)["Statement"][3]["Resource"]


@pytest.mark.parametrize(
    ("kind", "sections", "why"),
    [
        ("member", {}, "No role is taken on"),
        ("trust", {}, "No role is taken on"),
        ("connect", {}, "No matcher has `connect`"),
        ("tbot", {}, "not in a Teleport cluster"),
    ],
)
def test_what_is_not_in_use_is_refused(kind: str, sections: Any, why: str) -> None:
    with pytest.raises(NotApplicable, match=why):
        made(kind, usage(**sections))


def test_connecting_is_allowed_on_caches_that_are_taken_and_on_users() -> None:
    matchers: list[dict[str, Any]] = [
        {"name": "a", "names": ["Orders", "pay*"], "connect": CONNECT},
        {"name": "b"},
    ]
    [connect, *_] = made("connect", usage(aws=aws(), matchers=matchers))["Statement"]
    assert connect["Action"] == "elasticache:Connect"
    assert connect["Resource"] == [
        "arn:aws:elasticache:eu-west-1:*:serverlesscache:orders",
        "arn:aws:elasticache:eu-west-1:*:serverlesscache:pay*",
        "arn:aws:elasticache:eu-west-1:*:user:*",
    ]
    matchers[0]["names"] = ["^orders.*$"]
    [connect, *_] = made("connect", usage(aws=aws(), matchers=matchers))["Statement"]
    assert connect["Resource"][0] == "arn:aws:elasticache:eu-west-1:*:serverlesscache:*"


def test_the_event_pattern_has_the_changes_that_matter() -> None:
    found = usage(aws=aws(read_tags=False), matchers=IGNORING)
    calls = made("event-rule", found)["$or"][1]["detail"]
    assert calls["eventName"] == [
        "CreateServerlessCache",
        "DeleteServerlessCache",
        "ModifyServerlessCache",
    ]
    assert calls["errorCode"] == [{"exists": False}]
    assert "ModifyUserGroup" in made("event-rule", usage())["$or"][1]["detail"]["eventName"]


def test_the_statement_for_an_action() -> None:
    found = usage(aws=aws(MEMBER, {"id": "111122223333"}))
    own = statement_allowing("elasticache:DescribeUsers", found, "111122223333")
    other = statement_allowing("elasticache:DescribeUsers", found, "222233334444")
    assert own is not None
    assert other is not None
    assert ":111122223333:" in own.resources[0]
    assert ":222233334444:" in other.resources[0]
    assert statement_allowing("organizations:ListRoots", found, None) is None


FULL = usage(
    hub=Hub.of("arn:aws:iam::111122223333:user/ops/agent"),
    aws=aws(
        {**MEMBER, "external_id": "env:WORD"},
        {"id": "111122223333"},
        {"organization": {**ORGANIZATION["organization"], "exclude_ous": ["ou-ab12-cdef3456"]}},
        regions=["eu-*", "us-east-1"],
    ),
    matchers=[{"name": "a", "names": ["orders*"], "connect": CONNECT}],
    control_plane=TELEPORT,
    service={"events": {"queue_url": QUEUE}},
)
PLAIN = usage(
    aws=aws(MEMBER),
    matchers=[{"name": "a", "connect": {"assume_role_arn": "arn:aws:iam::222233334444:role/c"}}],
    service={"events": {"queue_url": QUEUE}},
)


def cfn_lint(directory: Path, **templates: Any) -> subprocess.CompletedProcess[str]:
    """All of them in one run: it takes seconds to start."""
    if find_spec("cfnlint") is None:
        pytest.skip("cfn-lint is not installed: it comes with the extra `dev`")
    for name, template in templates.items():
        (directory / f"{name}.json").write_text(json.dumps(template), "utf-8")
    linter = shutil.which("cfn-lint", path=str(Path(sys.executable).parent))
    assert linter is not None
    files = sorted(str(file) for file in directory.glob("*.json"))
    arguments = [linter, "--regions", "eu-central-1", "us-east-1", "--", *files]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_templates_pass_cfn_lint(tmp_path: Path) -> None:
    templates = {
        f"{name}-{kind}": each.stack(PolicyRequest(found))
        for kind, each in KINDS.items()
        for name, found in (("full", FULL), ("plain", PLAIN))
        if each.stack is not None
    }
    assert len(templates) == 8
    stack = KINDS["event-rule"].stack
    assert stack is not None
    sharded = usage(aws=aws(), service={"events": {"queue_url": f"{QUEUE}-{{shard}}"}})
    templates["seven-queues"] = stack(PolicyRequest(sharded, shards=7))
    run = cfn_lint(tmp_path, **templates)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
def test_a_broken_template_does_not_pass(tmp_path: Path) -> None:
    stack = KINDS["hub"].stack
    assert stack is not None
    template = stack(PolicyRequest(PLAIN))
    del template["Resources"]["HubPolicy"]["Properties"]["PolicyDocument"]
    assert "PolicyDocument" in cfn_lint(tmp_path, hub=template).stdout


def test_a_template_names_the_account_it_is_deployed_to() -> None:
    stack = KINDS["member"].stack
    assert stack is not None
    template = stack(PolicyRequest(FULL, "222233334444"))
    role = template["Resources"]["DiscoveryRole"]["Properties"]
    assert role["RoleName"] == "cachemuster"
    resource = role["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"][0]
    assert resource == {"Fn::Sub": "arn:aws:elasticache:eu-*:${AWS::AccountId}:serverlesscache:*"}
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
    assert template["Parameters"]["ExternalId"]["NoEcho"] is True


def test_the_bot_sees_its_own_databases_only() -> None:
    spec = made("teleport-bot-role", FULL)["spec"]["allow"]
    assert spec["db_labels"] == {"managed-by": "cachemuster", "cachemuster/group": "prod"}
    assert spec["rules"][0] == {
        "resources": ["db"],
        "verbs": ["list", "read", "create", "update", "delete"],
    }
    assert "db_users" not in spec


def test_people_reach_what_somebody_can_log_in_to() -> None:
    labels = made("teleport-access-role", FULL)["spec"]["allow"]["db_labels"]
    assert labels["cachemuster/iam-auth"] == ["ready"]
    labels = made("teleport-access-role", usage(matchers=IGNORING))["spec"]["allow"]["db_labels"]
    assert labels["cachemuster/iam-auth"] == ["ready", "unknown"]


def test_the_bot_joins_as_the_agents_role() -> None:
    bot, token = made("teleport-bot", usage())
    assert bot["spec"]["roles"] == [made("teleport-bot-role", usage())["metadata"]["name"]]
    assert token["spec"]["allow"] == [
        {
            "aws_account": "111122223333",
            "aws_arn": "arn:aws:sts::111122223333:assumed-role/agent/*",
        }
    ]


@pytest.mark.parametrize(("route", "server"), [("auto", "proxy_server"), ("auth", "auth_server")])
def test_tbot_writes_where_the_agent_reads(route: str, server: str) -> None:
    found = made("tbot", usage(control_plane={**TELEPORT, "route": route}))
    assert found[server] == "t.example.com:443"
    assert found["outputs"][0]["destination"]["path"] == "/id"
    token = made("teleport-bot", usage())[1]
    assert found["onboarding"]["token"] == token["metadata"]["name"]


def resources_of(kind: str, found: AwsUsage, sid: str) -> list[str]:
    (statement,) = [each for each in made(kind, found)["Statement"] if each["Sid"] == sid]
    named = statement["Resource"]
    return [named] if isinstance(named, str) else named


def test_logins_are_allowed_only_where_they_are_asked_for() -> None:
    quiet = usage(aws=aws(MEMBER), matchers=[{"name": "all"}])
    assert "elasticache:Connect" not in actions("member", quiet) | actions("hub", quiet)
    asked = replace(quiet, probes=True)
    assert "elasticache:Connect" in actions("member", asked)
    assert resources_of("member", asked, "LogIn") == [
        "arn:aws:elasticache:eu-west-1:222233334444:serverlesscache:*",
        "arn:aws:elasticache:eu-west-1:222233334444:user:*",
    ]
    configured = usage(aws=aws(MEMBER), matchers=[{"name": "all"}], service={"probe": {}})
    assert made("member", configured) == made("member", asked)


def test_with_a_connect_role_the_agent_may_assume_it_and_connects_by_nothing_else() -> None:
    found = usage(
        aws=aws(MEMBER), matchers=[{"name": "all", "connect": CONNECT}], service={"probe": {}}
    )
    assert "elasticache:Connect" not in actions("member", found) | actions("hub", found)
    assert resources_of("hub", found, "AssumeConnectRoles") == ["arn:aws:iam::*:role/db/connect-*"]


def test_the_connect_role_lets_the_agent_in_where_logins_are_tried() -> None:
    plain = usage(aws=aws(MEMBER), matchers=[{"name": "all", "connect": CONNECT}])
    stack = KINDS["connect"].stack
    assert stack is not None
    for found, principals in ((plain, 1), (replace(plain, probes=True), 2)):
        role = stack(PolicyRequest(found))["Resources"]["ConnectRole"]["Properties"]
        trust = role["AssumeRolePolicyDocument"]["Statement"]
        assert len(trust) == principals
        assert all(each["Condition"] == trust[0]["Condition"] for each in trust)
    assert trust[1]["Principal"] == {"AWS": HUB.arn}


ROLE = "arn:{partition}:iam::{account_id}:role/teleport-connect"


def test_the_database_service_assumes_the_roles_that_matchers_name() -> None:
    matchers = [
        {"name": "own", "connect": {"assume_role_arn": ROLE}},
        {"name": "one", "connect": {"assume_role_arn": "arn:aws:iam::222233334444:role/one"}},
    ]
    policy = made("database-service", usage(aws=aws(), matchers=matchers))
    (statement,) = policy["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Resource"] == [
        "arn:aws:iam::*:role/teleport-connect",
        "arn:aws:iam::222233334444:role/one",
    ]


SERVICE, HOP = (f"arn:aws:iam::111122223333:role/{name}" for name in ("service", "hop"))


def trusting(found: AwsUsage, **request: Any) -> list[tuple[str, Any]]:
    """Whom the role to connect with lets in, each with its condition."""
    statements = KINDS["connect-trust"].make(PolicyRequest(found, **request))["Statement"]  # type: ignore[call-overload]
    return [(each["Principal"]["AWS"], each.get("Condition")) for each in statements]


def test_only_the_first_role_of_a_chain_is_sent_the_external_id() -> None:
    found = usage(aws=aws(), matchers=[{"name": "a", "connect": CONNECT}])
    asked = {"StringEquals": {"sts:ExternalId": "<the value of env:CONNECT>"}}
    assert trusting(found, service_role=SERVICE) == [(SERVICE, asked)]
    assert trusting(found, service_role=SERVICE, via=HOP) == [(HOP, None)]
    assert trusting(replace(found, probes=True), via=HOP) == [(HOP, None), (HUB.arn, asked)]
    ((unnamed, _),) = trusting(found)
    assert "Database Service" in unnamed


def test_each_role_of_a_chain_assumes_the_next_one() -> None:
    found = usage(aws=aws(), matchers=[{"name": "a", "connect": {"assume_role_arn": ROLE}}])
    request = PolicyRequest(found, via=HOP)
    policies = (KINDS["database-service"].make(request), made("database-service", found))
    assumed = [policy["Statement"][0]["Resource"] for policy in policies]  # type: ignore[call-overload]
    assert assumed == [HOP, "arn:aws:iam::*:role/teleport-connect"]


def test_without_a_role_to_connect_with_the_database_service_connects_by_itself() -> None:
    found = usage(aws=aws(), matchers=[{"name": "a", "names": "orders"}])
    assert actions("database-service", found) == {
        "elasticache:Connect",
        "elasticache:DescribeServerlessCaches",
        "elasticache:DescribeUsers",
    }
    connect = made("database-service", found, account="222233334444")["Statement"][0]
    assert connect["Resource"] == [
        "arn:aws:elasticache:eu-west-1:222233334444:serverlesscache:orders",
        "arn:aws:elasticache:eu-west-1:222233334444:user:*",
    ]


def test_of_both_kinds_of_matchers_the_database_service_needs_both() -> None:
    matchers = [{"name": "a"}, {"name": "b", "connect": {"assume_role_arn": ROLE}}]
    assert "sts:AssumeRole" in actions("database-service", usage(aws=aws(), matchers=matchers))
    assert "elasticache:Connect" in actions("database-service", usage(aws=aws(), matchers=matchers))
    assert "sts:AssumeRole" not in actions("database-service", usage(aws=aws()))
    assert "elasticache:Connect" in actions("database-service", usage(aws=aws()))


@pytest.mark.parametrize(
    ("route", "key"), [("auto", "proxy_server"), ("proxy", "proxy_server"), ("auth", "auth_server")]
)
def test_the_database_service_serves_what_this_group_registers(route: str, key: str) -> None:
    plane = {
        "kind": "teleport",
        "address": "t.example.com:443",
        "identity_file": "identity",
        "route": route,
    }
    document = made("database-service-config", usage(control_plane=plane))
    assert document["teleport"][key] == "t.example.com:443"
    assert document["db_service"]["resources"] == [
        {"labels": {"managed-by": "cachemuster", "cachemuster/group": "prod"}}
    ]


def test_a_file_has_no_database_service() -> None:
    with pytest.raises(NotApplicable, match="not in a Teleport cluster"):
        made("database-service-config", usage())
