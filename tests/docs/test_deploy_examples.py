"""deploy/examples: every configuration is one that the program takes, and says what it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from discovery.config.control_plane import Teleport
from discovery.config.load import load_config, parse_config
from discovery.config.partitions import partition_problems
from discovery.config.problems import ConfigError
from discovery.policies.kinds import KINDS, PolicyRequest
from discovery.policies.usage import AwsUsage, Hub, NotApplicable
from tests.docs.pages import DEPLOY, named_files

HERE = DEPLOY / "examples"
README = (HERE / "README.md").read_text("utf-8")
FILES = sorted(HERE.glob("*.yaml"))
OTHERS = sorted(set(DEPLOY.glob("**/cachemuster.yaml")))
"""Configurations of other pages."""
PARTITIONS = {"govcloud.yaml": "aws-us-gov", "china.yaml": "aws-cn"}
STATE, SETTINGS = "/var/lib/cachemuster/", "/etc/cachemuster/"


def hub(file: Path) -> Hub:
    partition = PARTITIONS.get(file.name, "aws")
    return Hub.of(f"arn:{partition}:iam::111122223333:role/cachemuster")


@pytest.mark.parametrize("file", [*FILES, *OTHERS], ids=lambda file: file.name)
def test_an_example_is_taken_by_an_agent_of_its_partition(file: Path) -> None:
    assert partition_problems(load_config(file), hub(file).partition) == ()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_begins_with_what_it_is_for(file: Path) -> None:
    text = file.read_text("utf-8")
    assert text.startswith("# ")
    assert all(len(line) <= 100 for line in text.splitlines())


def test_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    text = (HERE / "service.yaml").read_text("utf-8").replace("debounce:", "debonce:")
    with pytest.raises(ConfigError, match="debounce"):
        parse_config(text, file="service.yaml", base=tmp_path)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_paths_are_those_of_the_pages_that_install_them(file: Path) -> None:
    config = load_config(file)
    if file.name == "one-account.yaml":
        assert config.state.path.parent == HERE
        return
    assert str(config.state.path).startswith(STATE)
    assert isinstance(config.control_plane, Teleport)
    assert str(config.control_plane.identity_file) == "/opt/machine-id/identity"
    secrets = re.findall(r"external_id: (\S+?)[}\s]", file.read_text("utf-8"))
    assert all(secret.startswith(f"file:{SETTINGS}") for secret in secrets)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_documents_of_an_example_stay_in_its_partition(file: Path) -> None:
    """What `cachemuster policies` prints of it names no ARN of another one."""
    usage = AwsUsage.of(load_config(file), hub(file), None)
    found: set[str] = set()
    for kind in KINDS.values():
        try:
            document = kind.make(PolicyRequest(usage))
        except NotApplicable:
            continue
        found |= set(re.findall(r"arn:(aws[a-z-]*):", str(document)))
    assert found == {hub(file).partition}


def test_the_page_tells_of_every_example() -> None:
    assert named_files(README) == {file.name for file in FILES}


def test_the_example_on_the_page_is_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"^```\w*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    (example,) = [block for block in blocks if block.startswith("version: 1")]
    assert parse_config(example, file="README.md", base=tmp_path).group == "prod"
