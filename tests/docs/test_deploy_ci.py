"""deploy/ci: the scripts of the workflow are run in order, before a simulated AWS and Teleport.

What needs GitHub, docker or AWS's own trust is left out: instead, `uses` has to be pinned, and
the files around the workflow have to fit. A stand-in is `gh`, which keeps the comment.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from discovery.config.load import parse_config
from discovery.policies.kinds import KINDS, PolicyRequest
from discovery.policies.usage import AwsUsage, Hub
from discovery.sandbox.teleport.cluster import Cluster
from tests.docs.pages import DEPLOY, ROOT, named_files
from tests.support.teleport_sweeps import TeleportAgent, agent

HERE = DEPLOY / "ci"
README = (HERE / "README.md").read_text("utf-8")
WORKFLOW = HERE / "github-actions.yaml"
TEXT = WORKFLOW.read_text("utf-8")
JOBS: dict[str, Any] = yaml.safe_load(TEXT)["jobs"]
PULL_REQUEST = {
    "github.token": "token",
    "github.repository": "example/configuration",
    "github.event.pull_request.number": "7",
}


def step(job: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in JOBS[job]["steps"] if each.get("name") == name]
    return dict(found)


@dataclass
class Runner:
    """Runs steps as GitHub does: each in a shell of its own, told of files for what it answers."""

    agent: TeleportAgent
    known: dict[str, str] = field(default_factory=lambda: dict(PULL_REQUEST))
    """What expressions such as `${{ github.token }}` stand for."""

    @property
    def directory(self) -> Path:
        return self.agent.cli.directory

    def run(self, job: str, name: str) -> subprocess.CompletedProcess[str]:
        chosen = step(job, name)
        assert "${{" not in chosen["run"]
        environment = {
            key: re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: self.known[found[1]], str(value))
            for key, value in chosen.get("env", {}).items()
        }
        script = self.directory / "step.sh"
        script.write_text(chosen["run"], "utf-8")
        return subprocess.run(
            ["sh", "-e", str(script)],
            cwd=self.directory,
            env={
                **self.agent.cli.environment,
                **environment,
                "PATH": f"{self.directory / 'programs'}:/usr/bin:/bin",
                "GITHUB_OUTPUT": str(self.directory / "output"),
                "GITHUB_STEP_SUMMARY": str(self.directory / "summary"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def audit(self) -> int:
        """Run the audit's step, and hand on what it answers. Returns: its exit code."""
        (self.directory / "output").unlink(missing_ok=True)
        code = self.run("audit", "Audit").returncode
        if code == 0:
            lines = (self.directory / "output").read_text("utf-8").splitlines()
            answers = dict(line.split("=", 1) for line in lines)
            assert set(answers) == set(JOBS["audit"]["outputs"])
            self.known |= {f"needs.audit.outputs.{key}": each for key, each in answers.items()}
        return code

    @property
    def is_pending(self) -> bool:
        return self.known["needs.audit.outputs.pending"] == "true"


STAND_INS = {
    "cachemuster": f'exec {sys.executable} -m discovery.cli "$@"',
    "gh": 'echo "$GH_REPO" "$@" > gh.log\n'
    'while [ "$1" != --body-file ]; do shift; done\n'
    'cp "$2" comment.md',
}


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    with agent(tmp_path, Cluster()) as made:
        made.without_theirs()
        (tmp_path / "programs").mkdir()
        for name, line in STAND_INS.items():
            (tmp_path / "programs" / name).write_text(f"#!/bin/sh\n{line}\n")
            (tmp_path / "programs" / name).chmod(0o755)
        yield Runner(made)


@pytest.mark.slow
def test_what_was_commented_and_approved_is_applied_and_nothing_else(runner: Runner) -> None:
    assert runner.audit() == 0
    assert runner.is_pending
    done = runner.run("audit", "Comment on the pull request")
    assert done.returncode == 0, done.stderr
    log = (runner.directory / "gh.log").read_text("utf-8")
    assert log.startswith("example/configuration pr comment 7 --body-file audit.md")
    comment = (runner.directory / "comment.md").read_text("utf-8")
    assert runner.known["needs.audit.outputs.checksum"] in comment
    assert comment in (runner.directory / "summary").read_text("utf-8")
    assert runner.agent.databases == {}

    # Somebody deletes a cache before the approval: what was approved is not what would be done.
    runner.agent.cli.region().remove_cache("orders")
    refused = runner.run("sweep", "Sweep")
    assert (refused.returncode, "::error::The plan is not the approved one" in refused.stdout) == (
        4,
        True,
    ), refused.stderr
    assert runner.agent.databases == {}

    assert runner.audit() == 0
    done = runner.run("sweep", "Sweep")
    assert done.returncode == 0, done.stderr
    assert len(runner.agent.databases) == 2
    summary = (runner.directory / "summary").read_text("utf-8")
    assert '"create": 2' in summary
    assert done.stdout == "", "names of caches are no text for the runner's log"

    assert runner.audit() == 0
    assert not runner.is_pending


@pytest.mark.slow
def test_a_configuration_that_is_wrong_or_a_cluster_that_is_silent_ends_the_run(
    runner: Runner,
) -> None:
    runner.agent.cli.configure("version: 1\ngrup: prod\n")
    assert runner.run("audit", "Check the configuration").returncode == 78
    assert runner.audit() == 78


class TestWorkflow:
    def test_every_action_is_pinned_to_a_commit(self) -> None:
        lines = [line.strip(" -") for line in TEXT.splitlines() if "uses:" in line]
        pinned = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v[0-9.]+")
        assert lines
        assert [line for line in lines if pinned.fullmatch(line) is None] == []

    def test_nothing_is_written_into_a_script(self) -> None:
        scripts = [each["run"] for job in JOBS.values() for each in job["steps"] if "run" in each]
        assert scripts
        assert not any("${{" in each for each in scripts)

    def test_a_job_has_only_permissions_that_it_names_and_a_time_limit(self) -> None:
        assert yaml.safe_load(TEXT)["permissions"] == {}
        assert set(JOBS["sweep"]["permissions"]) == {"contents", "id-token"}
        assert "write" not in JOBS["audit"]["permissions"]["contents"]
        assert all(job["timeout-minutes"] <= 60 for job in JOBS.values())

    def test_only_an_approved_run_of_the_main_branch_sweeps(self) -> None:
        sweep = JOBS["sweep"]
        assert sweep["needs"] == "audit"
        assert sweep["environment"] != JOBS["audit"]["environment"]
        assert "github.event_name != 'pull_request'" in sweep["if"]
        assert "pull_request_target" not in TEXT
        assert f"`{sweep['environment']}` with required reviewers" in README

    def test_zizmor_has_nothing_to_say(self) -> None:
        program = shutil.which("zizmor", path=str(Path(sys.executable).parent))
        if program is None:
            pytest.skip("zizmor is not installed")
        command = [program, "--offline", "--pedantic", str(WORKFLOW)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert run.returncode == 0, run.stdout + run.stderr

    def test_actionlint_has_nothing_to_say(self) -> None:
        program = shutil.which("actionlint")
        if program is None:
            pytest.skip("actionlint is not installed")
        run = subprocess.run([program, str(WORKFLOW)], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout


class TestTeleport:
    def test_tbot_is_set_up_as_policies_prints_but_joins_with_the_jobs_token(self) -> None:
        text = (DEPLOY / "kubernetes/overlays/run/cachemuster.yaml").read_text("utf-8")
        config = parse_config(text, file="cachemuster.yaml", base=Path("/"))
        hub = Hub.of("arn:aws:iam::111122223333:role/cachemuster")
        printed = KINDS["tbot"].make(PolicyRequest(AwsUsage.of(config, hub, None)))
        assert isinstance(printed, dict)
        expected = {
            **printed,
            "onboarding": {"join_method": "github"},
            "storage": {"type": "memory"},
        }
        assert yaml.safe_load((HERE / "tbot.yaml").read_text("utf-8")) == expected

    def test_a_job_joins_by_a_token_for_its_environment(self) -> None:
        tokens = list(yaml.safe_load_all((HERE / "tokens.yaml").read_text("utf-8")))
        joined = {
            step(name, "Join Teleport")["env"]["TOKEN"]: job["environment"]
            for name, job in JOBS.items()
        }
        assert joined == {
            each["metadata"]["name"]: each["spec"]["github"]["allow"][0]["environment"]
            for each in tokens
        }
        for each in tokens:
            assert each["spec"]["join_method"] == "github"
            assert f"tctl bots add {each['spec']['bot_name']} " in README


class TestPage:
    def test_it_tells_of_every_file(self) -> None:
        assert named_files(README) == {file.name for file in HERE.iterdir()} - {"README.md"}

    def test_the_trust_is_of_the_environment_that_writes(self) -> None:
        (block,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
        (statement,) = json.loads(block)["Statement"]
        subject = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
        repository = re.findall(r"repository: (\S+)", (HERE / "tokens.yaml").read_text("utf-8"))
        assert subject == f"repo:{repository[1]}:environment:{JOBS['sweep']['environment']}"

    def test_every_exit_code_that_the_scripts_know_is_explained(self) -> None:
        rows = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
        explained = {code for row in rows for code in row.split(", ")}
        scripts = step("audit", "Audit")["run"] + step("sweep", "Sweep")["run"]
        assert set(re.findall(r"^ +(\d)\) ", scripts, re.MULTILINE)) <= explained


HOOK: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))[0]


class TestHook:
    @pytest.mark.parametrize(
        ("name", "is_taken"),
        [
            ("cachemuster.yaml", True),
            ("deploy/cachemuster-prod.yml", True),
            ("values.yaml", False),
            ("docs/cachemuster.yaml.md", False),
            ("not-cachemuster.yaml", False),
        ],
    )
    def test_it_takes_configurations(self, name: str, *, is_taken: bool) -> None:
        assert (re.search(HOOK["files"], name) is not None) == is_taken

    def test_the_page_names_it(self) -> None:
        assert f"- id: {HOOK['id']}" in README
        assert HOOK["language"] == "python"

    @pytest.mark.slow
    def test_it_names_what_is_wrong_in_the_files_that_it_is_given(self, tmp_path: Path) -> None:
        good, bad = tmp_path / "cachemuster.yaml", tmp_path / "cachemuster-bad.yaml"
        good.write_text("version: 1\ngroup: prod\n")
        bad.write_text("version: 1\ngroup: prod\npolicy: everything\n")
        program, *words = HOOK["entry"].split()
        assert program == "cachemuster"
        command = [sys.executable, "-m", "discovery.cli", *words]
        for files, code in (([good], 0), ([good, bad], 78)):
            run = subprocess.run(
                [*command, *map(str, files)], capture_output=True, text=True, check=False
            )
            assert run.returncode == code
            assert ("cachemuster-bad.yaml:3:" in run.stderr) == (code == 78)
