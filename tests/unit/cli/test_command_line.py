"""What a shell meets before any command does its work: help, versions, a full disk, odd names."""

from __future__ import annotations

import os
import subprocess
import time
from importlib import metadata
from pathlib import Path

import pytest

from discovery.cli.app import run
from tests.support.command_line import SCRIPT

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CACHEMUSTER_CONFIG", raising=False)


def test_the_bare_command_prints_its_help_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    help_text = capsys.readouterr().out
    assert run([]) == 0
    assert capsys.readouterr() == (help_text, "")


def test_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"cachemuster {metadata.version('cachemuster')}\n"


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [SCRIPT[0], "-m", "discovery", "--version"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("cachemuster ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["completion"],
            "Missing argument 'SHELL'. Choose from: bash, zsh, fish. "
            "Try `cachemuster completion --help`.\n",
        ),
        (["config"], "Name a command: check, import, schema. Try `cachemuster config --help`.\n"),
    ],
)
def test_what_is_missing_is_named_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 64
    assert capsys.readouterr() == ("", said)


def test_policies_without_a_kind_lists_the_kinds_without_tabs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["policies"]) == 64
    said = capsys.readouterr().err
    assert "\\x09" not in said
    assert "Choose from: hub, member, trust," in said


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        [],
        ["--version"],
        ["version"],
        ["completion", "bash"],
        ["config", "check"],
        ["config", "schema"],
        ["status"],
        ["token", "orders", "app", "--region", "eu-central-1"],
    ],
    ids=" ".join,
)
def test_a_full_stdout_is_one_sentence_and_exit_1(arguments: list[str], unbuffered: str) -> None:
    Path("cachemuster.yaml").write_text("version: 1\ngroup: x\n")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SCRIPT, *arguments],
            env={**os.environ, **KEYS, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "could not be written to standard output: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


ODD = "a\nb\x1b[2J.yaml"


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "-c", ODD],
        ["config", "check", "-c", ODD],
        ["config", "schema", "-o", f"missing/{ODD}"],
        ["history", "--cache", ODD],
        ["explain", ODD],
        ["sandbox", "--world", ODD],
        ["status", "-c", "state.yaml"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize("there", [False, True])
def test_a_line_break_in_a_name_is_shown_as_what_it_is(
    arguments: list[str], there: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("cachemuster.yaml").write_text("version: 1\ngroup: x\n")
    Path("state.yaml").write_text(f"version: 1\ngroup: x\nstate: {{path: 'nowhere/{ODD[:1]}'}}\n")
    if there:
        Path(ODD).write_text("version: 1\nversion: 2\n")
    assert run(arguments) != 0
    said = capsys.readouterr()
    assert "\x1b" not in said.err + said.out
    assert "\nb" not in said.err + said.out


@pytest.mark.slow
def test_twenty_thousand_unknown_keys_take_seconds_and_a_hundred_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys = "".join(f"unknown_{number}: 1\n" for number in range(20_000))
    Path("cachemuster.yaml").write_text(f"version: 1\ngroup: x\npolcy: sync\n{keys}")
    began = time.process_time()
    assert run(["config", "check"]) == 78
    assert time.process_time() - began < 20
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "cachemuster.yaml:3:1: polcy: there is no such key (did you mean policy?)"
    assert lines[-2] == "… and 19901 more"
    assert lines[-1].startswith("20001 problems in cachemuster.yaml.")
    assert len(lines) == 102
