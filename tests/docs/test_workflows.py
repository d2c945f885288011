"""Workflows of the repository's host: pinned, with few permissions, and clean for their linters."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v[0-9.]+")
differences = runpy.run_path(str(ROOT / ".ci" / "check_release.py"))["differences"]


def jobs(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))["jobs"]
    return found


def test_there_are_workflows() -> None:
    assert [file.stem for file in WORKFLOWS] == ["ci", "release"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_action_is_pinned_to_a_commit(file: Path) -> None:
    lines = [line.strip(" -") for line in file.read_text("utf-8").splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if PINNED.fullmatch(line) is None] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_job_has_only_permissions_that_it_names_and_a_time_limit(file: Path) -> None:
    assert yaml.safe_load(file.read_text("utf-8"))["permissions"] == {}
    for name, job in jobs(file).items():
        assert isinstance(job["permissions"], dict), name
        assert job["timeout-minutes"] <= 60, name


def test_every_version_of_python_is_tried() -> None:
    matrix = jobs(WORKFLOWS[0])["versions"]["strategy"]["matrix"]["python"]
    assert matrix == ["3.12", "3.13", "3.14"]


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = shutil.which(program, path=path)
    if found is None:
        pytest.skip(f"{program} is not installed")
    command = [found, *arguments, *map(str, WORKFLOWS)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("command", [("actionlint",), ("zizmor", "--offline", "--pedantic")])
def test_a_linter_has_nothing_to_say(command: tuple[str, ...]) -> None:
    run = _run(*command)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_release_needs_one_version_everywhere(tmp_path: Path) -> None:
    (tmp_path / "deploy/docker").mkdir(parents=True)
    for name in ("pyproject.toml", "deploy/docker/Dockerfile", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert len(differences("v9.9.9", tmp_path)) == 3
    with (tmp_path / "CHANGELOG.md").open("a") as changelog:
        changelog.write(f"\n## [{version[1]}] - 2026-12-01\n")
    assert differences(f"v{version[1]}", tmp_path) == []
