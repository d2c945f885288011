"""A configuration that is no file: `-`, a pipe, a descriptor. It is the same configuration."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.scenarios.test_service import QUIET, wait_for_sweeps
from tests.support.command_line import SCRIPT
from tests.support.scenario import Scenario
from tests.support.service_process import service_process

pytestmark = pytest.mark.slow

WAYS = {
    "-": '"$@" -c - < c.yaml',
    "- through a pipe": 'cat c.yaml | "$@" -c -',
    "/dev/stdin": '"$@" -c /dev/stdin < c.yaml',
    "/dev/stdin through a pipe": 'cat c.yaml | "$@" -c /dev/stdin',
    "process substitution": '"$@" -c <(cat c.yaml)',
    "a descriptor": '"$@" -c /dev/fd/7 7< c.yaml',
    "/proc": '"$@" -c /proc/self/fd/7 7< c.yaml',
    "a named pipe elsewhere": 'mkfifo away/fifo; cat c.yaml > away/fifo & "$@" -c away/fifo',
    "by the environment": 'cat c.yaml | CACHEMUSTER_CONFIG=- "$@"',
}


def by_shell(scenario: Scenario, line: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line, "bash", *SCRIPT, *command],
        cwd=scenario.directory,
        env={**scenario.cli.environment, **scenario.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("line", WAYS.values(), ids=WAYS.keys())
def test_relative_paths_count_from_the_working_directory_so_it_is_the_same_plan(
    scenario: Scenario, line: str
) -> None:
    scenario.cache("orders")
    scenario.sweep()
    (scenario.directory / "away").mkdir()
    (scenario.directory / "cachemuster.yaml").rename(scenario.directory / "c.yaml")
    run = by_shell(scenario, line, "audit", "--format", "json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["summary"]["keep"] == 1
    assert not (scenario.directory / "away" / "cachemuster.db").exists()


def test_doctor_and_run_read_it_more_than_once_and_find_it(scenario: Scenario) -> None:
    (scenario.directory / "cachemuster.yaml").rename(scenario.directory / "c.yaml")
    run = by_shell(scenario, WAYS["process substitution"], "doctor", "--format", "json")
    assert run.returncode == 0, run.stderr


def test_a_mistake_in_it_has_its_line_and_column(scenario: Scenario) -> None:
    (scenario.directory / "c.yaml").write_text("version: 1\ngroup: prod\nmatcher: []\n")
    run = by_shell(scenario, WAYS["-"], "config", "check")
    assert run.returncode == 78
    assert run.stderr.startswith("<stdin>:3:1: matcher: there is no such key")


def test_a_closed_standard_input_is_said(scenario: Scenario) -> None:
    run = by_shell(scenario, '"$@" -c - <&-', "config", "check")
    assert run.returncode == 78
    assert "<stdin>" in run.stderr


def test_a_file_by_its_own_name_keeps_its_own_directory(scenario: Scenario, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    scenario.cache("orders")
    scenario.sweep()
    command = [*SCRIPT, "audit", "--format", "json", "-c", "../cachemuster.yaml"]
    environment = {**scenario.cli.environment, **scenario.environment}
    out = subprocess.check_output(command, cwd=elsewhere, env=environment)
    assert json.loads(out)["summary"]["keep"] == 1


def test_hangup_keeps_the_old_one_and_says_so(scenario: Scenario) -> None:
    scenario.configure(service=QUIET)
    scenario.cache("orders")
    text = (scenario.directory / "cachemuster.yaml").read_bytes()
    (scenario.directory / "cachemuster.yaml").unlink()
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    with os.fdopen(reading) as pipe, service_process(scenario, "-c", "-", stdin=pipe) as service:
        wait_for_sweeps(service)
        service.send(signal.SIGHUP)
        (refused,) = service.until("configuration.refused")
        assert "can be read only once" in refused["why"]
        assert "the configuration in force stays" in refused["next"]
        assert service.ended() == 0
    assert len(scenario.registry) == 1
