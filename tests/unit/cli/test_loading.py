"""What a command loads: help needs neither AWS SDK nor sandbox, and what only reads no SDK."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from discovery.cli import policies, sandbox
from discovery.cli.app import COMMANDS, cachemuster
from discovery.policies.kinds import KINDS
from discovery.sandbox.aws.world import World
from discovery.sandbox.generated_world import MOST_ACCOUNTS, REGIONS, Spread
from tests.support.command_line import FRANKFURT, HUB, agent_environment

AWS_SDK = ("aioboto3", "aiobotocore", "boto3", "botocore", "discovery.aws", "s3transfer")
SANDBOX = ("discovery.sandbox",)
NEEDED_BY_WORK = (
    "aiohttp",
    "asyncio",
    "cryptography",
    "google",
    "grpclib",
    "httpx",
    "pydantic",
    "rich",
    "sqlite_utils",
    "structlog",
)
NOT_NEEDED_TO_ASK_AWS = (
    "discovery.control_plane",
    "discovery.reports.document",
    "discovery.reports.terminal",
    "discovery.service",
    "discovery.sweep.sweep",
    "httpx",
    "jinja2",
    "pygments",
    "rich",
    "sqlite_utils",
    "state",
    "tenacity",
)
PAGES = [
    ["--help"],
    ["--version"],
    ["version"],
    ["completion", "bash"],
    ["nope"],
    *([name, "--help"] for name in COMMANDS),
    ["config", "check", "--help"],
    ["config", "schema", "--help"],
]
READING = [
    ["config", "check"],
    ["config", "schema"],
    ["status"],
    ["history"],
    ["pause", "--for", "1h"],
    ["resume"],
]

LOOK = """
import contextlib, io, json, sys
before = set(sys.modules)
from discovery.cli.app import run
loaded = {}
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()):
        code = run(arguments)
    loaded[" ".join(arguments)] = [code, sorted(set(sys.modules) - before)]
json.dump(loaded, sys.stdout)
"""
"""Every command of a list in one process; what is loaded once stays for those that follow."""


LOOK_AT_FIRST_REQUEST = """
import os, sys

def look(event, _arguments):
    if event == "socket.connect":
        print(*sys.modules, flush=True)
        os._exit(0)

sys.addaudithook(look)
from discovery.cli.start import main
main()
"""
"""A command that ends when it is about to send its first request."""


def modules_after(commands: list[list[str]], directory: Path) -> dict[str, tuple[int, list[str]]]:
    """The exit code of each command, and every module that was loaded by then."""
    found = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps(commands)],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded: dict[str, tuple[int, list[str]]] = json.loads(found.stdout)
    return loaded


def of(libraries: tuple[str, ...], modules: list[str]) -> list[str]:
    """Those of the modules that belong to one of the libraries."""
    within = tuple(f"{each}." for each in libraries)
    return [each for each in modules if f"{each}.".startswith(within)]


@pytest.mark.slow
def test_help_and_version_load_no_sdk_no_sandbox_and_nothing_that_only_work_needs(
    tmp_path: Path,
) -> None:
    unwanted = AWS_SDK + SANDBOX + NEEDED_BY_WORK
    for command, (code, modules) in modules_after(PAGES, tmp_path).items():
        assert code == (64 if command == "nope" else 0), command
        assert of(unwanted, modules) == [], command


@pytest.mark.slow
def test_commands_that_read_files_alone_load_no_sdk_and_no_sandbox(tmp_path: Path) -> None:
    (tmp_path / "cachemuster.yaml").write_text("version: 1\ngroup: trial\n")
    for command, (code, modules) in modules_after(READING, tmp_path).items():
        assert code == 0, command
        assert of(AWS_SDK + SANDBOX, modules) == [], command


def test_a_sweep_asks_aws_before_it_loads_what_comes_afterwards(tmp_path: Path) -> None:
    (tmp_path / "cachemuster.yaml").write_text("version: 1\ngroup: trial\n")
    key = World().account(HUB).add_key("agent")
    said = subprocess.run(
        [sys.executable, "-c", LOOK_AT_FIRST_REQUEST, "sweep"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env=agent_environment("http://127.0.0.1:9", key, FRANKFURT),
    )
    modules = said.stdout.split()
    assert of(("aiobotocore", "discovery.aws", "pydantic"), modules) != []
    assert of(SANDBOX + NOT_NEEDED_TO_ASK_AWS, modules) == []


@pytest.mark.slow
def test_a_module_that_a_command_works_with_is_seen_here(tmp_path: Path) -> None:
    (tmp_path / "cachemuster.yaml").write_text("version: 1\ngroup: trial\n")
    [(_, modules)] = modules_after([["status"]], tmp_path).values()
    assert of(("pydantic", "sqlite_utils"), modules) != []


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param("cachemuster pol", "policies", id="a-command"),
        pytest.param("cachemuster policies tele", "teleport-bot", id="a-kind"),
        pytest.param("cachemuster sweep --dry", "--dry-run", id="an-option"),
    ],
)
def test_completion_loads_no_sdk_no_sandbox_and_nothing_that_only_work_needs(
    words: str, offered: str, tmp_path: Path
) -> None:
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "discovery.cli"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "_CACHEMUSTER_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
    )
    assert f"plain,{offered}" in said.stdout.splitlines()
    modules = [line.rpartition("|")[2].strip() for line in said.stderr.splitlines()]
    assert "discovery.cli.options" in modules
    assert of(AWS_SDK + SANDBOX + NEEDED_BY_WORK, modules) == []


def test_each_command_of_the_table_is_the_one_of_its_module() -> None:
    context = click.Context(cachemuster)
    for name, short_help in COMMANDS.items():
        command = cachemuster.get_command(context, name)
        assert command is not None
        assert (command.name, command.short_help) == (name, short_help)
        assert command.help


def test_the_list_of_commands_imports_none(tmp_path: Path) -> None:
    [(_, modules)] = modules_after([["--help"]], tmp_path).values()
    assert of(tuple(f"discovery.cli.{name}" for name in COMMANDS), modules) == []


def test_what_options_spell_out_is_what_the_work_knows() -> None:
    assert tuple(KINDS) == policies.KINDS
    assert sandbox.MOST_ACCOUNTS == MOST_ACCOUNTS
    assert len(REGIONS) == sandbox.MOST_REGIONS
    assert tuple(Spread) == sandbox.SPREADS
