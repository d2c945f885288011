"""`cachemuster repairs`: which caches are in the script, where it goes, how the command ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from discovery.sandbox.aws.faults import Effect, Fault
from tests.support.command_line import FRANKFURT, HUB, VIRGINIA, CommandLine, cli

pytestmark = pytest.mark.slow

CONFIGURATION = f"""\
version: 1
group: trial
aws: {{regions: [{FRANKFURT}, {VIRGINIA}]}}
matchers:
  - {{name: all, exclude_tags: {{teleport: "off"}}}}
"""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[CommandLine]:
    with cli(tmp_path, configuration=CONFIGURATION) as made:
        yield made


def test_it_prints_a_script_for_the_caches_that_matchers_take(line: CommandLine) -> None:
    line.region(VIRGINIA).add_cache("private", tags={"teleport": "off"})
    done = line.run("repairs")
    assert done.code == 0
    assert done.out.startswith("#!/bin/sh\n")
    assert "begin legacy && " in done.out
    assert "private" not in done.out
    assert "The script repairs 1 cache in 1 account; 1 finding is left to a person." in done.err
    assert not line.aws.calls.of("CreateUser")


def test_a_scope_that_was_not_read_is_named_and_makes_exit_3(line: CommandLine) -> None:
    line.aws.faults.add(
        Fault(effect=Effect.DENIED, service="elasticache", region=FRANKFURT, account=HUB)
    )
    done = line.run("repairs", "-o", "repairs.sh")
    assert done.code == 3
    text = (line.directory / "repairs.sh").read_text("utf-8")
    assert "# Not covered, since 1 scope was not read:" in text
    assert f"#   {HUB}/{FRANKFURT}" in text
    assert "begin legacy" in text


def test_options_narrow_it(line: CommandLine) -> None:
    nothing = "echo 'Nothing to repair.'\n"
    assert line.run("repairs", "--only", f"{HUB}/{FRANKFURT}").out.endswith(nothing)
    assert line.run("repairs", "--finding", "USER_DISABLED").out.endswith(nothing)
    blockers = line.run("repairs", "--severity", "blocker")
    assert "NO_USER_GROUP" in blockers.out
    assert "DEFAULT_USER_UNREPLACED" not in blockers.out


def test_a_code_that_is_none_is_refused(line: CommandLine) -> None:
    refused = line.run("repairs", "--finding", "NOPE")
    assert refused.code == 64
    assert "'NOPE'" in refused.err
