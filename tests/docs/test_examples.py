"""Every command line that the documentation shows is one that the program takes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from discovery.cli.app import COMMANDS, cachemuster

ROOT = Path(__file__).parents[2]
PAGES = sorted({ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")})
LINE = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )?(cachemuster (?!:).*)$", re.MULTILINE)


def help_pages() -> Iterator[tuple[str, str]]:
    """The help text of every command, as its source has it."""
    root = click.Context(cachemuster)
    for name in COMMANDS:
        command = cachemuster.get_command(root, name)
        assert command is not None
        yield name, command.help or ""
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", one.help or "") for sub, one in command.commands.items())


def shown(text: str) -> list[str]:
    """The command lines in a text: without what follows a pipe, a redirection or a remark."""
    lines = (match.group(1) for match in LINE.finditer(text))
    return [re.split(r"\s(?:\||2?>>?|&&|#)\s|\s{3,}", line)[0].strip() for line in lines]


EXAMPLES = [(name, line) for name, text in help_pages() for line in shown(text)]
DOCUMENTED = [
    (page.name, line)
    for page in PAGES
    for block in re.findall(r"```(?:sh|shell|bash|console)\n(.*?)```", page.read_text(), re.DOTALL)
    for line in shown(block)
]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3 * len(COMMANDS)


@pytest.mark.parametrize(
    ("source", "line"), EXAMPLES + DOCUMENTED, ids=lambda part: part.replace("/", "|")
)
def test_an_example_is_a_command_line(source: str, line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = cachemuster
    # Commands keep the first form of --help that they are asked for, for whoever comes after.
    context = click.Context(
        cachemuster, info_name="cachemuster", help_option_names=["-h", "--help"]
    )
    while isinstance(command, click.Group):
        with context:
            rest = command.parse_args(context, words)
        name, found, words = command.resolve_command(context, [*context._protected_args, *rest])
        assert found is not None, f"{source}: {line}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    with context:
        command.parse_args(context, words)
