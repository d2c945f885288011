"""deploy/aws: the templates are sound and fit the configuration, and its policy is the printed one.

`UPDATE_GOLDEN=1` writes the printed policy anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from discovery.config.load import load_config
from discovery.config.snapshot import parse_snapshot
from discovery.policies.kinds import KINDS, PolicyRequest
from discovery.policies.usage import AwsUsage, Hub
from tests.docs.pages import DEPLOY, named_files
from tests.docs.test_deploy_iam import Tagged
from tests.unit.policies.test_documents import cfn_lint

HERE = DEPLOY / "aws"
README = (HERE / "README.md").read_text("utf-8")
CONFIG = load_config(HERE / "cachemuster.yaml")
HUB = Hub.of("arn:aws:iam::111122223333:role/cachemuster")
USAGE = AwsUsage.of(CONFIG, HUB, None)
TEMPLATE: dict[str, Any] = yaml.load((HERE / "scheduled-sweep.yaml").read_text("utf-8"), Tagged)
RESOURCES = TEMPLATE["Resources"]


def test_the_task_may_do_what_policies_prints() -> None:
    stack = KINDS["hub"].stack
    assert stack is not None
    printed = json.dumps(stack(PolicyRequest(USAGE)), indent=2) + "\n"
    path = HERE / "task-policy.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(printed, "utf-8")
    assert path.read_text("utf-8") == printed
    assert "s3:DeleteObject" in printed
    # Nothing is attached to the role beside it, and it is attached to that role.
    assert RESOURCES["TaskRole"]["Properties"].keys().isdisjoint({"Policies", "ManagedPolicyArns"})
    agent = json.loads(printed)["Parameters"]["Agent"]["Default"]
    assert agent == TEMPLATE["Parameters"]["RoleName"]["Default"] == HUB.name


def test_tbot_is_set_up_as_printed_but_keeps_nothing() -> None:
    printed = KINDS["tbot"].make(PolicyRequest(USAGE))
    assert isinstance(printed, dict)
    written = yaml.safe_load((HERE / "tbot.yaml").read_text("utf-8"))
    assert written == {**printed, "storage": {"type": "memory"}}


@pytest.mark.slow
def test_cfn_lint_has_nothing_to_say(tmp_path: Path) -> None:
    """The policy is linted where it is made."""
    run = cfn_lint(tmp_path, sweep=TEMPLATE)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_page_names_every_file() -> None:
    assert named_files(README) == {file.name for file in HERE.iterdir()} - {"README.md"}


def test_the_bucket_is_the_one_of_the_configuration_and_private() -> None:
    assert CONFIG.state.snapshot is not None
    assert f"Bucket={parse_snapshot(CONFIG.state.snapshot).bucket} " in README
    bucket = RESOURCES["StateBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert RESOURCES["StateBucket"]["DeletionPolicy"] == "Retain"


def container(name: str) -> dict[str, Any]:
    containers = RESOURCES["Task"]["Properties"]["ContainerDefinitions"]
    (found,) = [each for each in containers if each["Name"] == name]
    return dict(found)


def test_paths_and_variables_of_the_task_are_those_of_the_configuration() -> None:
    sweep, tbot, volumes = container("sweep"), container("tbot"), container("volumes")
    mounted = {each["SourceVolume"]: each["ContainerPath"] for each in sweep["MountPoints"]}
    identity = str(getattr(CONFIG.control_plane, "identity_file", ""))
    assert identity.startswith(mounted["identity"])
    assert str(CONFIG.state.path).startswith(mounted["state"])
    assert {each["SourceVolume"]: each["ContainerPath"] for each in tbot["MountPoints"]} == {
        "identity": mounted["identity"]
    }
    assert {each["SourceVolume"] for each in volumes["MountPoints"]} == mounted.keys()
    variables = {each["Name"] for each in sweep["Secrets"]}
    external_id = (HERE / "cachemuster.yaml").read_text("utf-8").split("external_id: env:")[1]
    assert external_id.split()[0] in variables
    assert sweep["User"] == tbot["User"] == "65532"
    assert sweep["ReadonlyRootFilesystem"] is True
    assert "cachemuster sweep --config /tmp/cachemuster.yaml" in sweep["Command"][0]


def test_each_role_is_for_one_service_and_none_may_do_everything() -> None:
    roles = [each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::IAM::Role"]
    for role in roles:
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Condition"]["StringEquals"]["aws:SourceAccount"]
        for statement in (
            each
            for policy in role.get("Policies", ())
            for each in policy["PolicyDocument"]["Statement"]
        ):
            assert "*" not in statement["Action"]
            alone = statement["Action"] == "ecr:GetAuthorizationToken"
            assert (statement["Resource"] == "*") == alone, statement["Sid"]
    passing = RESOURCES["SchedulerRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    assert all(each["Condition"] for each in passing["Statement"])
