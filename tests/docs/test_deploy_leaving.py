"""deploy/leaving: every line is run in order, as a person does, with a simulated AWS and Teleport.

Stand-ins are `tctl`, which does to the simulated cluster what it does to a real one's databases and
writes down the rest, `tsh`, `sudo` and `systemctl`.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import EDITOR
from state.lock import lock_path, service_lock_path
from state.reserve import reserve_of
from state.sqlite import files_of
from state.store import load_state
from tests.docs.pages import DEPLOY, shell_lines
from tests.support.command_line import FRANKFURT, HUB, VIRGINIA
from tests.support.teleport_sweeps import Stage, stage

pytestmark = pytest.mark.slow

PAGE = (DEPLOY / "leaving" / "README.md").read_text("utf-8")
NAME = f"orders-elasticache-serverless-{FRANKFURT}-{HUB}"

TCTL = """
import json, os, sys, urllib.request
def asked(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["CONTROL"] + path, data, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
words = sys.argv[1:]
if words[:2] == ["get", "db"]:
    print(*asked("state")["databases"], sep="\\n")
elif words[0] == "rm" and words[1].startswith("db/"):
    asked("deeds", {"remove": {"name": words[1][3:]}})
else:
    with open("recorded", "a") as file:
        print("tctl", *words, file=file)
"""
STAND_INS = {
    "cachemuster": 'exec {python} -m discovery.cli "$@"',
    "tctl": 'exec {python} tctl.py "$@"',
    "tsh": 'for word; do case $word in --out=*) cp alice "${{word#--out=}}";; esac; done',
    "sudo": 'exec "$@"',
    "systemctl": 'echo systemctl "$@" >> recorded',
}


@dataclass
class Walk:
    """Somebody at a terminal with the page."""

    stage: Stage
    environment: dict[str, str]

    @property
    def directory(self) -> Path:
        return self.stage.rig.directory

    def section(self, number: str) -> str:
        """The shell lines of one section are run; answers what the terminal shows."""
        _, _, rest = PAGE.partition(f"\n## {number}")
        assert rest, number
        lines = "\n".join(shell_lines(rest.partition("\n## ")[0]))
        assert lines, number
        code, shown = self._typed("set -eu\n" + lines)
        assert code == 0, shown
        assert "Traceback" not in shown
        return shown

    def _typed(self, script: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.directory,
            env=self.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        received = b""
        while True:
            try:
                received += os.read(ours, 65536)
            except OSError:  # the last writer is gone
                break
            if received.endswith(b"[y/N]: "):
                os.write(ours, b"y\n")
        os.close(ours)
        return process.wait(timeout=60), " ".join(received.decode().split())

    @property
    def recorded(self) -> list[str]:
        """What the stand-ins were told, without what they could not do."""
        return (self.directory / "recorded").read_text().splitlines()

    @property
    def labels(self) -> dict[str, dict[str, str]]:
        every = self.stage.teleport.cluster.databases
        return {name: each["metadata"]["labels"] for name, each in every.items()}


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """Three caches are registered; one Database Service takes them by labels that stay."""
    cluster = Cluster()
    cluster.place_service("agent", {"account-id": HUB, "region": [FRANKFURT, VIRGINIA]})
    with stage(tmp_path, cluster) as made:
        made.without_theirs()
        assert made.rig.run("sweep").code == 0
        cluster.issue("alice", EDITOR).write(tmp_path / "alice")
        programs = tmp_path / "programs"
        programs.mkdir()
        for name, line in STAND_INS.items():
            (programs / name).write_text(f"#!/bin/sh\n{line.format(python=sys.executable)}\n")
            (programs / name).chmod(0o755)
        (tmp_path / "tctl.py").write_text(TCTL)
        environment = {
            **made.rig.environment,
            "PATH": f"{programs}:/usr/bin:/bin",
            "CONTROL": made.control,
            "TERM": "xterm",
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }
        yield Walk(made, environment)


def test_the_databases_stay_and_nothing_of_the_agent_is_left(walk: Walk) -> None:
    before = walk.labels
    walk.section("1.")
    listed = list(yaml.safe_load_all((walk.directory / "registered.yaml").read_text()))
    assert [each["metadata"]["name"] for each in listed] == sorted(before)
    walk.section("2.")
    shown = walk.section("3a.")
    assert "3 released" in shown
    assert "No Database Service serves" not in shown
    assert NAME in shown.rpartition("3 released")[2], "tctl still lists it"
    assert sorted(walk.labels) == sorted(before)
    for name, labels in walk.labels.items():
        assert not {"managed-by", *(key for key in labels if key.startswith("cachemuster/"))} & set(
            labels
        )
        assert labels.items() <= before[name].items()
    walk.section("4.")
    walk.section("6.")
    assert (walk.directory / "history.json").stat().st_size
    assert not list(walk.directory.glob("cachemuster.db*"))
    shown = walk.section("The way back")
    assert "3 adopted" in shown
    assert "3 caches in 1 account; nothing to change" in shown
    assert walk.labels == before
    assert len(load_state(walk.directory / "cachemuster.db").registrations) == 3


def test_the_databases_go_and_come_back_as_they_were(walk: Walk) -> None:
    before = walk.labels
    walk.section("1.")
    walk.section("2.")
    walk.section("3b.")
    assert walk.labels == {}
    for document in yaml.safe_load_all((walk.directory / "registered.yaml").read_text()):
        walk.stage.teleport.cluster.place(document)  # tctl create -f registered.yaml
    run = walk.stage.rig.run("audit", "--format", "json")
    assert {item["action"] for item in run.document["items"]} == {"keep"}
    assert walk.labels == before


def test_who_loses_a_database_service_is_named_before_a_person_agrees(walk: Walk) -> None:
    walk.stage.teleport.cluster.services.clear()
    walk.stage.teleport.cluster.place_service("agent", {"managed-by": "cachemuster"})
    shown = walk.section("3a.")
    named, _, _ = shown.partition("Shall cachemuster release this?")
    assert "No Database Service serves legacy-elasticache-serverless-us-east-1" in named
    assert "without these labels" in named


def test_the_names_are_those_of_the_other_pages(walk: Walk) -> None:
    walk.section("2.")
    walk.section("4.")
    (role,) = yaml.safe_load_all((DEPLOY / "teleport" / "bot-role.yaml").read_text())
    bot, token = yaml.safe_load_all((DEPLOY / "teleport" / "bot.yaml").read_text())
    assert [line for line in walk.recorded if line.startswith("tctl")] == [
        f"tctl bots rm {bot['metadata']['name']}",
        f"tctl tokens rm {token['metadata']['name']}",
        f"tctl rm role/{role['metadata']['name']}",
    ]
    units = {
        word for line in walk.recorded for word in re.findall(r"[\w-]+\.(?:service|timer)", line)
    }
    known = {file.name for page in ("systemd", "teleport") for file in (DEPLOY / page).iterdir()}
    assert units
    assert units <= known
    (access,) = yaml.safe_load_all((DEPLOY / "teleport" / "access-role.yaml").read_text())
    assert f"`{access['metadata']['name']}`" in PAGE


def test_no_line_of_the_page_is_left_out() -> None:
    run = {"1.", "2.", "3a.", "3b.", "4.", "6.", "The way back"}
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    with_lines = {each for each in sections if list(shell_lines(each))}
    assert {name for name in run if any(each.startswith(name) for each in with_lines)} == run
    assert len(with_lines) == len(run)


def test_no_file_of_a_service_is_left_beside_the_state(tmp_path: Path) -> None:
    state = tmp_path / "cachemuster.db"
    beside = {*files_of(state), lock_path(state), service_lock_path(state), reserve_of(state)}
    removed = {
        word for line in shell_lines(PAGE) if line.startswith("rm -f") for word in line.split()
    }
    assert {each.name for each in beside} - {"cachemuster.db-journal"} <= removed
