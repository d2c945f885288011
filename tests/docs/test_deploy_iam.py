"""deploy/iam: the templates are what the command prints, and CloudFormation can read them.

`UPDATE_GOLDEN=1` writes the printed ones anew.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from discovery.config.load import load_config
from discovery.policies.kinds import KINDS, PolicyRequest
from discovery.policies.usage import AwsUsage, Hub
from tests.docs.pages import DEPLOY, invocations, named_files, parse, shell_lines
from tests.unit.policies.test_documents import cfn_lint

HERE = DEPLOY / "iam"
README = (HERE / "README.md").read_text("utf-8")
EXAMPLE = DEPLOY / "examples" / "service.yaml"
HUB = Hub.of("arn:aws:iam::111122223333:role/cachemuster")
PRINTED = {"hub-policy.json": "hub", "member-role.json": "member", "events.json": "event-rule"}
MOST_BYTES = 51_200
"""Of a template that is sent with the request (AWS CloudFormation quotas)."""


class Tagged(yaml.SafeLoader):
    """Reads CloudFormation's short forms as what they stand for."""


def _long(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    else:
        assert isinstance(node, yaml.SequenceNode)
        value = loader.construct_sequence(node, deep=True)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


Tagged.add_multi_constructor("!", _long)


def template(file: str) -> dict[str, Any]:
    text = (HERE / file).read_text("utf-8")
    found: dict[str, Any] = yaml.load(text, Tagged)
    return found


@pytest.mark.parametrize("file", PRINTED)
def test_a_template_is_what_policies_prints(file: str) -> None:
    stack = KINDS[PRINTED[file]].stack
    assert stack is not None
    printed = (
        json.dumps(stack(PolicyRequest(AwsUsage.of(load_config(EXAMPLE), HUB, None))), indent=2)
        + "\n"
    )
    path = HERE / file
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(printed, "utf-8")
    assert path.read_text("utf-8") == printed
    assert len(printed) < MOST_BYTES
    assert f"`cachemuster policies {PRINTED[file]} --format cloudformation`" in README


def test_the_page_prints_each_file_as_it_is_here() -> None:
    printing = {
        words[words.index("-o") + 1]: words
        for line in shell_lines(README)
        for words in invocations(line)
        if words[0] == "policies" and "--shards" not in words
    }
    assert {file: words[1] for file, words in printing.items()} == PRINTED
    for words in printing.values():
        assert words[words.index("--hub") + 1] == HUB.arn
        assert (HERE / words[words.index("-c") + 1]).resolve() == EXAMPLE


@pytest.mark.slow
def test_cfn_lint_has_nothing_to_say(tmp_path: Path) -> None:
    files = {file.stem: template(file.name) for file in HERE.iterdir() if file.suffix != ".md"}
    assert len(files) == 4
    run = cfn_lint(tmp_path, **files)
    assert run.returncode == 0, run.stdout + run.stderr


class TestHubRole:
    ROLE = template("hub-role.yaml")["Resources"]["AgentRole"]["Properties"]
    PARAMETERS = template("hub-role.yaml")["Parameters"]

    def test_irsa_lets_in_one_service_account_of_one_cluster(self) -> None:
        condition, text, _ = self.ROLE["AssumeRolePolicyDocument"]["Fn::If"]
        assert condition == "WithIrsa"
        values = {
            "AWS::Partition": "aws-cn",
            "AWS::AccountId": "111122223333",
            "OidcProvider": "oidc.eks.cn-north-1.amazonaws.com.cn/id/ABC",
            "ServiceAccount": self.PARAMETERS["ServiceAccount"]["Default"],
        }
        document = json.loads(re.sub(r"\$\{([^}]+)\}", lambda m: values[m[1]], text["Fn::Sub"]))
        (statement,) = document["Statement"]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        provider = values["OidcProvider"]
        assert statement["Principal"]["Federated"].endswith(f":oidc-provider/{provider}")
        assert statement["Condition"]["StringEquals"] == {
            f"{provider}:aud": "sts.amazonaws.com",
            f"{provider}:sub": "system:serviceaccount:cachemuster:cachemuster",
        }

    def test_elsewhere_a_service_of_aws_takes_it_on(self) -> None:
        *_, document = self.ROLE["AssumeRolePolicyDocument"]["Fn::If"]
        (statement,) = document["Statement"]
        text = json.dumps(statement)
        assert set(re.findall(r"[a-z0-9.-]+\.(?:amazonaws\.com|\$)", text)) == {
            "ec2.$",
            "ecs-tasks.amazonaws.com",
            "pods.eks.amazonaws.com",
        }
        assert set(re.findall(r"sts:\w+", text)) == {"sts:AssumeRole", "sts:TagSession"}

    def test_it_may_do_nothing_by_itself(self) -> None:
        assert not {"Policies", "ManagedPolicyArns"} & set(self.ROLE)

    def test_the_policy_is_attached_to_the_role_of_that_name(self) -> None:
        agent = template("hub-policy.json")["Parameters"]["Agent"]["Default"]
        assert self.PARAMETERS["RoleName"]["Default"] == agent == HUB.name

    def test_every_place_to_run_is_told_of(self) -> None:
        for place in self.PARAMETERS["RunsOn"]["AllowedValues"]:
            assert f"`{place}`" in README
        named = set(re.findall(r"RunsOn=([a-z0-9-]+)", README))
        assert named <= set(self.PARAMETERS["RunsOn"]["AllowedValues"])


def parameters_in(words: list[str]) -> set[str]:
    """The names of the parameters that a line of the AWS CLI gives."""
    sets = {found[1] for word in words if (found := re.match(r"ParameterKey=(\w+),", word))}
    if "--parameter-overrides" not in words:
        return sets
    return {word.partition("=")[0] for word in words[words.index("--parameter-overrides") + 1 :]}


def test_stacks_are_given_the_parameters_they_ask_for() -> None:
    given: dict[str, set[str]] = {}
    for words in map(shlex.split, shell_lines(README)):
        for word in words if words[0] == "aws" else ():
            if found := re.fullmatch(r"(?:file://)?([a-z-]+\.(?:json|yaml))", word):
                given.setdefault(found[1], set()).update(parameters_in(words))
    assert set(given) == {*PRINTED, "hub-role.yaml"}
    for file, names in given.items():
        asked = template(file).get("Parameters", {})
        assert names <= set(asked), file
        assert {name for name, each in asked.items() if "Default" not in each} <= names, file


def test_the_page_tells_of_every_file_and_its_commands_exist() -> None:
    assert {name for name in named_files(README) if "." in name} == {
        file.name for file in HERE.iterdir()
    } - {"README.md"}
    for line in shell_lines(README):
        for words in invocations(line):
            parse(words)
