"""deploy/teleport: every document is what the code asks for, and every command line exists.

`UPDATE_GOLDEN=1` writes the documents that `policies` prints anew.
"""

from __future__ import annotations

import ast
import configparser
import io
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from discovery.cli.app import cachemuster
from discovery.config.control_plane import Teleport
from discovery.config.load import load_config, parse_config
from discovery.control_plane.teleport.preflight import unserved_of
from discovery.control_plane.teleport.services import ServiceMatcher
from discovery.model.ownership import GROUP_LABEL, IAM_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from discovery.policies.document import trust_document
from discovery.policies.kinds import KINDS, PolicyRequest, placeholder
from discovery.policies.usage import AwsUsage, Hub
from discovery.reports.tctl import write_documents
from discovery.sandbox.teleport.roles import Role, RoleSet
from tests.support.teleport_site import registration

HERE = Path(__file__).parents[2] / "deploy" / "teleport"
README = (HERE / "README.md").read_text("utf-8")
FRONT = (HERE.parents[1] / "README.md").read_text("utf-8")
SECTION = FRONT[FRONT.index("## Register in a Teleport cluster") : FRONT.index("## Commands")]
"""What the README of the whole says of it."""
CONFIG = load_config(HERE / "cachemuster.yaml")
HUB = Hub.of("arn:aws:iam::111122223333:role/cachemuster")
FENCE = {MANAGED_BY_LABEL: MANAGED_BY, GROUP_LABEL: CONFIG.group}
PRINTED = {
    "bot-role.yaml": "teleport-bot-role",
    "bot.yaml": "teleport-bot",
    "tbot.yaml": "tbot",
    "access-role.yaml": "teleport-access-role",
    "connect-policy.json": "connect",
    "database-service-policy.json": "database-service",
    "teleport.yaml": "database-service-config",
}
BESIDES = {"access-role.yaml": {"db_names": ["*"]}}
"""Redis has no database names to choose between; the example says so all the same."""


def printed(file: str) -> str:
    """What `cachemuster policies` prints for the example configuration."""
    made = KINDS[PRINTED[file]].make(PolicyRequest(AwsUsage.of(CONFIG, HUB, None)))
    documents = list(made) if isinstance(made, tuple) else [made]
    for document in documents:
        if file in BESIDES:
            document["spec"]["allow"] |= BESIDES[file]
    if file.endswith(".json"):
        return json.dumps(documents[0], indent=2) + "\n"
    stream = io.StringIO()
    write_documents(documents, stream)
    return stream.getvalue()


def documents(file: str) -> list[dict[str, Any]]:
    text = (HERE / file).read_text("utf-8")
    return [json.loads(text)] if file.endswith(".json") else list(yaml.safe_load_all(text))


@pytest.mark.parametrize("file", PRINTED)
def test_a_document_is_what_policies_prints(file: str) -> None:
    path = HERE / file
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(printed(file), "utf-8")
    assert path.read_text("utf-8") == printed(file)
    assert f"`{file}`" in README
    assert f"cachemuster policies {PRINTED[file]}`" in README


def test_every_file_is_told_of_and_every_file_told_of_is_there() -> None:
    files = {file.name for file in HERE.iterdir() if file.suffix != ".md"}
    table = README[: README.index("## 1.")]
    shown = set(re.findall(r"`([a-z-]+\.(?:yaml|json|service))`", table))
    assert shown == files


def test_every_yaml_and_json_can_be_read() -> None:
    for file in HERE.iterdir():
        if file.suffix in (".yaml", ".json"):
            assert all(documents(file.name)), file


class TestRoles:
    def test_the_bots_role_is_the_fence_with_the_verbs_that_the_agent_uses(self) -> None:
        (document,) = documents("bot-role.yaml")
        assert document["spec"]["allow"]["db_labels"] == FENCE
        roles = RoleSet((Role.from_document(document),))
        assert all(roles.may(verb, "db") for verb in ("list", "read", "create", "update", "delete"))
        for kind in ("db_service", "db_server"):
            assert [roles.may(verb, kind) for verb in ("list", "read")] == [True, True]
            assert not roles.may("create", kind)
        assert roles.reaches(registration().labels)
        assert not roles.reaches({**registration().labels, GROUP_LABEL: "other"})
        assert not roles.reaches({"env": "prod"})
        assert not roles.may("list", "role")
        assert roles.reaches_service({}), "without db_service_labels the list of them is empty"

    def test_the_bot_has_that_role_alone(self) -> None:
        (role,) = documents("bot-role.yaml")
        bot, token = documents("bot.yaml")
        assert bot["spec"]["roles"] == [role["metadata"]["name"]]
        assert token["spec"]["bot_name"] == bot["metadata"]["name"]
        assert f"--roles={role['metadata']['name']}" in README

    def test_people_reach_what_somebody_can_log_in_to(self) -> None:
        (document,) = documents("access-role.yaml")
        roles = RoleSet((Role.from_document(document),))
        ready = registration(**{IAM_LABEL: "ready"}).labels
        assert roles.reaches(ready)
        assert not roles.reaches({**ready, IAM_LABEL: "not-ready"})
        assert not roles.reaches({**ready, GROUP_LABEL: "other"})
        allow = document["spec"]["allow"]
        assert allow["db_users"] == ["{{internal.db_users}}"]
        assert allow["db_names"] == ["*"]
        assert f"--roles={document['metadata']['name']}" in README

    def test_no_role_reaches_further_than_it_says(self) -> None:
        for file in ("bot-role.yaml", "access-role.yaml"):
            (document,) = documents(file)
            assert set(document["spec"]) == {"allow"}
            assert "*" not in document["spec"]["allow"]["db_labels"]


def test_tbot_writes_the_file_that_the_agent_reads() -> None:
    (tbot,) = documents("tbot.yaml")
    settings = CONFIG.control_plane
    assert isinstance(settings, Teleport)
    (output,) = tbot["outputs"]
    assert Path(output["destination"]["path"]) / "identity" == settings.identity_file
    assert tbot["proxy_server"] == str(settings.address)
    _, token = documents("bot.yaml")
    assert tbot["onboarding"] == {
        "join_method": token["spec"]["join_method"],
        "token": token["metadata"]["name"],
    }


def test_the_database_service_takes_what_is_registered_and_nothing_else() -> None:
    (document,) = documents("teleport.yaml")
    service = document["db_service"]
    assert service["enabled"] is True
    matchers = [
        ServiceMatcher({key: (value,) for key, value in each["labels"].items()})
        for each in service["resources"]
    ]
    assert unserved_of({registration().name: registration().labels}, matchers, CONFIG.group) == ()
    assert unserved_of({}, matchers, CONFIG.group) == ()
    assert not any(each.matches({"managed-by": "terraform"}) for each in matchers)
    assert document["teleport"]["proxy_server"] == str(CONFIG.control_plane.address)  # type: ignore[union-attr]
    assert f"{document['teleport']['join_params']['token_name']}" in README


def test_the_role_to_connect_with_trusts_each_way_as_it_comes() -> None:
    service = "arn:aws:iam::111122223333:role/teleport-database-service"
    (connect,) = [each.connect for each in CONFIG.matchers if each.connect]
    assert connect.external_id is not None
    secret = placeholder(connect.external_id)
    assert documents("connect-trust-direct.json") == [trust_document(service, secret)]
    hop = service.replace("teleport-database-service", "teleport-hop")
    assert documents("connect-trust-chained.json") == [trust_document(hop, None)]
    (policy,) = documents("database-service-policy.json")
    (statement,) = policy["Statement"]
    role = connect.assume_role_arn.rpartition("/")[2]
    assert statement["Resource"].rpartition("/")[2] == role


@pytest.mark.parametrize("unit", ["tbot.service", "teleport.service"])
def test_a_unit_starts_what_is_installed_where_the_readme_puts_it(unit: str) -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(HERE / unit)
    assert set(parser.sections()) == {"Unit", "Service", "Install"}
    (configuration,) = re.findall(r"/etc/\w+\.yaml", parser["Service"]["ExecStart"])
    assert f" {configuration}\n" in README
    assert f"{unit} /etc/systemd/system/{unit}" in README


def lines(page: str) -> Iterator[str]:
    """Every line of cachemuster's in the page: in blocks, and in the text between backticks."""
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("cachemuster "):
                yield re.split(r"\s(?:\||&&)\s", line)[0]
    yield from re.findall(r"`(cachemuster (?:[a-z]+)(?: [^`]*)?)`", " ".join(page.split()))


TOLD = {*lines(README), *lines(SECTION)} - {"cachemuster policies KIND", "cachemuster policies"}


@pytest.mark.parametrize("line", sorted(TOLD))
def test_every_line_is_one_that_the_program_takes(line: str) -> None:
    context = click.Context(
        cachemuster, info_name="cachemuster", help_option_names=["-h", "--help"]
    )
    with context:
        words = cachemuster.parse_args(context, shlex.split(line)[1:])
    name, command, rest = cachemuster.resolve_command(context, [*context._protected_args, *words])
    assert command is not None
    while isinstance(command, click.Group):
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None
    with click.Context(command, info_name=name, parent=context) as inner:
        command.parse_args(inner, rest)


WALK = [
    "tctl create -f bot-role.yaml",
    "tctl create -f bot.yaml",
    "tbot start",
    "cachemuster sweep",
]
WALK += [
    "tctl tokens add --type=db",
    "systemctl enable --now teleport",
    "tctl users add",
    "tsh db ls",
]


@pytest.mark.parametrize("page", [README[README.index("## 1.") :], SECTION], ids=["page", "front"])
def test_it_walks_all_the_way(page: str) -> None:
    places = [page.index(step) for step in WALK]
    assert places == sorted(places)
    assert "one major version behind" in page
    for file in re.findall(r"deploy/teleport/([a-z-]+\.\w+)", page):
        assert (HERE / file).exists()


def test_the_control_plane_of_the_front_page_is_the_one_of_the_example() -> None:
    (block,) = re.findall(r"```yaml\n(control_plane:.*?)```", SECTION, re.DOTALL)
    found = parse_config(f"version: 1\ngroup: prod\n{block}", file="README.md", base=HERE)
    assert found.control_plane == CONFIG.control_plane


def sentences() -> set[str]:
    """Every text in the adapter, with … where something is filled in."""
    found = set()
    for file in (HERE.parents[1] / "discovery" / "control_plane" / "teleport").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (getattr(each, "value", None) for each in node.values)
                found.add("".join(each if isinstance(each, str) else "…" for each in parts))
            elif isinstance(node, ast.Constant):
                found.add(str(node.value))
    return found


def test_what_the_page_quotes_is_what_the_program_says() -> None:
    quoted = re.findall(r"^\| `cachemuster`: `([^`]+)` \|", README, re.MULTILINE)
    assert len(quoted) > 5
    said = sentences()
    assert not [quote for quote in quoted if not any(quote in each for each in said)]


def test_the_page_says_what_goes_wrong() -> None:
    assert "tsh db connect" in README
    for word in (
        "one major version behind",
        "18.2.2",
        "timeout",
        "AssumeRole",
        "x509",
        "WRONGPASS",
    ):
        assert word in README
    table = README[README.index("| symptom |") :].splitlines()
    assert all(row.replace("\\|", "").count("|") == 4 for row in table if row.startswith("|"))
