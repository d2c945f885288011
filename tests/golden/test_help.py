"""What every command says of itself, at 80 columns."""

import pytest
from click.testing import CliRunner

from discovery.cli.app import COMMANDS, cachemuster
from tests.golden.golden import assert_golden

PAGES = [
    (),
    *((name,) for name in COMMANDS),
    ("config", "check"),
    ("config", "import"),
    ("config", "schema"),
]


@pytest.mark.parametrize("command", PAGES, ids=lambda page: "-".join(page) or "cachemuster")
def test_help(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(
        cachemuster, [*command, "--help"], prog_name="cachemuster", terminal_width=80
    )
    assert result.exit_code == 0
    assert_golden(f"help/{'-'.join(command) or 'cachemuster'}.txt", result.output)
