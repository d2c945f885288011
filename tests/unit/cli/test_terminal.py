"""On a terminal: colours and progress, unless they are not wanted."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import SCRIPT, Rig
from tests.support.command_line import rig as make_rig

pytestmark = pytest.mark.slow

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with make_rig(tmp_path) as made:
        yield made


def on_a_terminal(rig: Rig, *arguments: str, **environment: str) -> str:
    """What a terminal receives from a command whose stdout and stderr it is."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*SCRIPT, *arguments],
        cwd=rig.directory,
        env={**rig.environment, "TERM": "xterm", "COLUMNS": "80", **environment},
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
    os.close(ours)
    assert process.wait(timeout=30) == 0
    return received.decode()


def test_a_person_sees_progress_and_colours_and_no_events(rig: Rig) -> None:
    received = on_a_terminal(rig, "audit")
    assert "Reading AWS" in received
    assert COLOUR.search(received)
    assert "audit.finished" not in received
    assert "3 caches in 1 account; 3 would be created" in received


def test_no_color_is_honoured(rig: Rig) -> None:
    received = on_a_terminal(rig, "audit", "-v", NO_COLOR="1")
    assert not COLOUR.search(received)
    assert "audit.finished" in received
    assert "+ create" in received


def test_where_json_is_asked_for_no_progress_stands_between_its_lines(rig: Rig) -> None:
    received = on_a_terminal(rig, "audit", "-o", "report.txt", "--log-format", "json")
    events = [json.loads(line)["event"] for line in received.splitlines()]
    assert "audit.finished" in events


def test_columns_of_0_is_no_width(rig: Rig) -> None:
    received = on_a_terminal(rig, "audit", COLUMNS="0")
    assert "3 caches in 1 account; 3 would be created" in received
    assert "+ create" in received


LONG = "a-cache-whose-name-is-forty-characters-x"
NAME = f"{LONG}-elasticache-serverless-eu-central-1-111122223333"


@pytest.mark.parametrize(
    "arguments",
    [["audit", "-v"], ["sweep"], ["status", "-v"], ["history"], ["explain", LONG]],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize("columns", [{}, {"COLUMNS": "40"}, {"COLUMNS": "0"}], ids=str)
def test_off_a_terminal_no_name_is_broken(
    rig: Rig, arguments: list[str], columns: dict[str, str]
) -> None:
    rig.region().add_cache(LONG, tags={"env": "prod"})
    if arguments[0] in ("status", "history", "explain"):
        rig.run("sweep")
    run = rig.run(*arguments, **columns)
    assert run.code == 0, run
    names = [word for word in run.out.split() if word.startswith("a-cache")]
    whole = (LONG, NAME, f"{NAME}:")
    assert names
    assert all(word in whole for word in names), names


def test_off_a_terminal_columns_is_honoured(rig: Rig) -> None:
    rig.run("sweep")
    narrow, usual, wide = (
        rig.run("explain", "orders", **columns).out.splitlines()
        for columns in ({"COLUMNS": "60"}, {}, {"COLUMNS": "200"})
    )
    assert len(wide) < len(usual) < len(narrow)
    assert max(map(len, wide)) > 80
