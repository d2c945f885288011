"""The examples in the help of every command are ones that the program takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from discovery.cli.app import COMMANDS, cachemuster
from tests.golden.test_help import PAGES

END = re.compile(r"\s\d?>|\s\||\s&&|\)\"|\s{3,}")
"""Where what is cachemuster's ends in a line of a shell, or words about it begin."""


def page(path: tuple[str, ...]) -> click.Command:
    """The command behind a path of names."""
    command: click.Command = cachemuster
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    return command


def examples(path: tuple[str, ...]) -> list[str]:
    """The lines below `Examples:` up to an empty one."""
    lines = (page(path).help or "").splitlines()
    start = next((n for n, line in enumerate(lines, 1) if line.strip() == "Examples:"), len(lines))
    block = lines[start:]
    return block[: next((n for n, line in enumerate(block) if not line.strip()), len(block))]


def invocations(line: str) -> Iterator[list[str]]:
    """The arguments of every call of the program in a line."""
    for call in re.split(r"(?:^|[\s(])cachemuster\s", line)[1:]:
        end = END.search(call)
        yield shlex.split(call[: end.start()] if end else call)


def taken(group: click.Group, arguments: list[str]) -> None:
    """The arguments are parsed as far as a command's own; nothing is run."""
    # Commands keep the first form of --help that they are asked for, for whoever comes after.
    parent = click.Context(group, help_option_names=["-h", "--help"])
    _, rest, _ = group.make_parser(parent).parse_args(list(arguments))
    command = group.get_command(parent, rest[0])
    assert command is not None, f"there is no command {rest[0]}"
    if isinstance(command, click.Group):
        taken(command, rest[1:])
    else:
        command.make_context(rest[0], rest[1:], parent=parent)


@pytest.mark.parametrize("path", PAGES[1:], ids="-".join)
def test_every_command_has_three_examples_that_it_takes(path: tuple[str, ...]) -> None:
    lines = examples(path)
    calls = [call for line in lines for call in invocations(line)]
    assert len(calls) >= 3
    assert any(call[: len(path)] == list(path) for call in calls)
    for call in calls:
        taken(cachemuster, call)


@pytest.mark.parametrize(
    "arguments", [["audit", "--nope"], ["sweep", "--only", "x"], ["nothing"], ["config", "chek"]]
)
def test_what_is_not_taken_is_noticed(arguments: list[str]) -> None:
    with pytest.raises((click.UsageError, AssertionError)):
        taken(cachemuster, arguments)


def test_every_command_has_a_page() -> None:
    assert {path[0] for path in PAGES[1:]} == set(COMMANDS)
