"""README says what the program does: its codes, its exits, its commands, its two commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from discovery.cli.app import COMMANDS
from discovery.codes import REASONS_OF, Action
from discovery.config.load import parse_config
from discovery.reports.exit import Exit

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("action", list(Action))
def test_the_table_of_reasons_is_the_one_of_the_codes(action: Action) -> None:
    (row,) = re.findall(rf"^\| `{action.value}` \|[^|]*\|([^|]*)\|$", README, re.MULTILINE)
    documented = re.findall(r"`(\w+)`", row)
    assert set(documented) == {reason.value for reason in REASONS_OF[action]}
    assert len(documented) == len(set(documented))


def test_every_exit_code_is_in_its_table() -> None:
    table = README[README.index("| exit | means |") :]
    cells = re.findall(r"^\| ([0-9, ]+) \|", table, re.MULTILINE)
    documented = {int(code) for cell in cells for code in cell.split(",")}
    assert documented == {int(code) for code in Exit}


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


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    (example,) = [block for block in BLOCKS if block.startswith("version: 1")]
    assert parse_config(example, file="README.md", base=tmp_path).group == "prod"
