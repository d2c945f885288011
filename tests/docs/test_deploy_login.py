"""deploy/teleport/users.md: its commands are run as they stand, and answer what the page shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.docs.pages import DEPLOY, invocations, parse
from tests.support.command_line import SCRIPT, bare_environment
from tests.support.started_aws_cli import started_aws_cli

PAGE = (DEPLOY / "teleport" / "users.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
CLUSTER = "# needs a Teleport cluster\n"
"""The first line of a block that is not run."""
END = "---- end of a block ----"
PROGRAMS = ("redis-cli", "jq", "aws")
MISSING = [program for program in PROGRAMS if shutil.which(program) is None]


def test_all_but_tsh_is_run() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "text"}
    kept_back = [text for kind, text in BLOCKS if kind == "sh" and text.startswith(CLUSTER)]
    assert [text.removeprefix(CLUSTER).split()[:3] for text in kept_back] == [
        ["tsh", "db", "connect"]
    ]
    assert "tsh" not in "".join(text for kind, text in BLOCKS if text not in kept_back)


def test_every_command_in_its_sentences_is_one_that_the_program_takes() -> None:
    lines = re.findall(r"`(cachemuster \S+ [^`]+)`", " ".join(PAGE.split()))
    named = {parse(words) for line in lines for words in invocations(line)}
    assert named == {"policies", "probe", "sandbox"}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """The sandbox, with its variables in `sandbox.env`; the environment in which commands run."""
    program = tmp_path / "bin" / "cachemuster"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m discovery.cli "$@"\n')
    program.chmod(0o700)
    with (
        started_aws_cli(tmp_path) as aws,
        (tmp_path / "sandbox.env").open("w") as variables,
        subprocess.Popen(
            [*SCRIPT, "sandbox"],
            env=bare_environment(),
            stdout=variables,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("What the cluster holds"):
                break
        found = bare_environment()
        path = f"{program.parent}:{aws}:{found['PATH']}"
        yield {**found, "PATH": path, "AWS_CONFIG_FILE": "/dev/null", "AWS_PAGER": ""}
        process.terminate()
        process.communicate(timeout=60)


def script() -> tuple[str, dict[int, str]]:
    """The commands of the page, and by the number of their block what some of them answer."""
    commands: list[str] = []
    shown: dict[int, str] = {}
    for kind, text in BLOCKS:
        if kind == "text":
            shown[len(commands) - 1] = text
        elif not text.startswith(CLUSTER):
            commands.append(text)
    return "".join(f"{text}echo '{END}'\n" for text in commands), shown


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(bool(MISSING), reason=f"not installed here: {', '.join(MISSING)}")
def test_the_page_from_top_to_bottom(sandbox: Mapping[str, str], tmp_path: Path) -> None:
    commands, shown = script()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env=sandbox,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    # redis-cli ends an error with an empty line where it reads commands from a file.
    answers = done.stdout.replace("\n\n", "\n").split(f"{END}\n")
    assert {place: answers[place] for place in shown} == shown
    assert len(shown) == 5
