"""What an inheritor reads first: its links lead somewhere, its commands exist, its claims hold."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from discovery.reports.document import SCHEMA_VERSION
from state.migrations import STATE_FILE

ROOT = Path(__file__).parents[2]
TASKS = ROOT / ".ci" / "tasks"
PAGES = {
    name: (ROOT / name).read_text("utf-8")
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def tasks() -> set[str]:
    """The names that .ci/tasks answers with when it is given none."""
    asked = subprocess.run([str(TASKS)], capture_output=True, text=True, check=False)
    assert asked.returncode == 64
    return set(asked.stderr.split())


def links(page: str) -> list[str]:
    return [each for each in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]) if "://" not in each]


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        assert (ROOT / path).is_file(), link
        assert not anchor or anchor in anchors(ROOT / path), link


def test_every_task_stands_in_contributing_and_every_named_one_exists() -> None:
    named = set(re.findall(r"\.ci/tasks ([a-z]+)", PAGES["CONTRIBUTING.md"]))
    assert named == tasks()


def test_a_task_that_does_not_exist_runs_nothing() -> None:
    asked = subprocess.run([str(TASKS), "nope"], capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stdout) == (64, "")


def test_directories_and_modules_that_contributing_names_exist() -> None:
    text = PAGES["CONTRIBUTING.md"]
    tests = re.search(r"^- `tests/`: (.*?)^- ", text, re.MULTILINE | re.DOTALL)
    assert tests is not None
    for name in re.findall(r"`([a-z]+)`", tests[1]):
        assert (ROOT / "tests" / name).is_dir(), name
    for name in re.findall(r"`((?:discovery|matchers|state|deploy|tests)/[\w/.]*)`", text):
        assert (ROOT / name).exists(), name
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert module == "venv" or (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


def test_a_benchmark_that_contributing_names_exists() -> None:
    for name in re.findall(r"\.ci/tasks bench (\w+)", PAGES["CONTRIBUTING.md"]):
        assert (ROOT / "tests" / "bench" / f"{name}.py").is_file()


def test_hooks_before_a_commit_are_tasks() -> None:
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    entries = [hook["entry"] for repo in settings["repos"] for hook in repo["hooks"]]
    assert {repo["repo"] for repo in settings["repos"]} == {"local"}
    assert {each.removeprefix(".ci/tasks ") for each in entries} <= tasks()
    assert len(entries) == len(set(entries)) > 0


def test_the_gate_runs_the_command_of_the_readme_and_the_tasks() -> None:
    gate = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "README.md" in gate
    assert set(re.findall(r"\.ci/tasks ([a-z]+)", gate)) == {"lint", "types"}


def test_the_changelog_has_the_version_at_hand_and_what_is_not_released() -> None:
    headings = re.findall(r"^## \[([^\]]+)\]", PAGES["CHANGELOG.md"], re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert PYPROJECT["project"]["version"] in headings


def test_the_changelog_says_which_document_and_state_file_are_written() -> None:
    text = PAGES["CHANGELOG.md"]
    assert f"(`schema_version`, `urn:cachemuster:document:{SCHEMA_VERSION}`)" in text
    assert f"to {STATE_FILE.version}, and cannot be opened" in text


def test_each_package_says_that_it_is_typed() -> None:
    for package in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert (ROOT / package / "py.typed").is_file()


def test_contributing_names_the_floor_of_coverage() -> None:
    floor = PYPROJECT["tool"]["coverage"]["report"]["fail_under"]
    assert f"which may not fall below {floor} % |" in PAGES["CONTRIBUTING.md"]


def test_coverage_is_measured_of_the_three_packages() -> None:
    assert set(PYPROJECT["tool"]["coverage"]["run"]["source"]) == set(
        PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    )
