"""README has every command of the program, and the two commands that other programs run."""

from __future__ import annotations

import re
from pathlib import Path

from discovery.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_table_of_commands_has_every_command_once_and_no_other() -> None:
    _, _, rest = README.partition("\n## Commands\n")
    section, _, _ = rest.partition("\n## ")
    documented = re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)
    assert sorted(documented) == sorted(COMMANDS)


def test_the_first_two_blocks_are_the_two_commands_each_on_one_line() -> None:
    first, second = (block.strip() for block in BLOCKS[:2])
    assert "\n" not in first + second
    assert first.endswith("cachemuster quickstart")
    assert second.endswith("pytest")
