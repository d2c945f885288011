"""deploy/teleport: the commands that log in to a cache of the sandbox are run as they stand."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import SCRIPT, bare_environment

PAGE = (Path(__file__).parents[2] / "deploy" / "teleport" / "README.md").read_text("utf-8")
PROGRAMS = ("redis-cli", "jq", "aws")
MISSING = [program for program in PROGRAMS if shutil.which(program) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed here: {', '.join(MISSING)}"),
]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[None]:
    """The sandbox, with its variables in `sandbox.env`, and `cachemuster` on the way to it."""
    program = tmp_path / "bin" / "cachemuster"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m discovery.cli "$@"\n')
    program.chmod(0o700)
    with (
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
        yield
        process.terminate()
        process.communicate(timeout=60)


def test_a_token_gets_a_pong_as_the_page_says(sandbox: None, tmp_path: Path) -> None:
    section = PAGE[PAGE.index("## Try a login") :]
    [commands] = re.findall(r"```sh\n(.*?)```", section[: section.index("\n## ", 3)], re.DOTALL)
    environment = bare_environment()
    environment["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env={**environment, "AWS_CONFIG_FILE": "/dev/null", "AWS_PAGER": ""},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "PONG\n"), done.stderr
