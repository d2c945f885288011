"""What the pages of deploy/ tell people to do, as values."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from discovery.cli.app import COMMANDS, cachemuster

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def shell_lines(text: str) -> Iterator[str]:
    """Every line of the shell blocks of a page, each with those that continue it."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        whole = re.sub(r"\\\n\s*", "", block)
        yield from (line for line in whole.splitlines() if line.strip())


def named_files(text: str) -> set[str]:
    """The files named in the first column of the page's first table."""
    rows = re.findall(r"^\| (`[^|]*`) \|", text[: text.index("\n## ")], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def invocations(line: str) -> Iterator[tuple[str, ...]]:
    """What cachemuster is called with in a line of shell, whoever calls it."""
    words = list(shlex.shlex(line, posix=True, punctuation_chars=True))
    words = shlex.split(line) if not set(words) & {"|", "&&", "||", ";", ">"} else words
    for place, word in enumerate(words[:-1]):
        is_program = word == "cachemuster" or word.endswith("/bin/cachemuster")
        if is_program and words[place + 1] in COMMANDS:
            rest = words[place + 1 :]
            stop = next((i for i, each in enumerate(rest) if set(each) <= set("|&;><")), len(rest))
            yield tuple(rest[:stop])


def parse(words: tuple[str, ...]) -> str:
    """The name of the command, once it has taken all these words. Raises: click.UsageError."""
    context = click.Context(
        cachemuster, info_name="cachemuster", help_option_names=["-h", "--help"]
    )
    with context:
        rest = cachemuster.parse_args(context, list(words))
    name, command, rest = cachemuster.resolve_command(context, [*context._protected_args, *rest])
    assert name is not None
    while isinstance(command, click.Group):
        _, command, rest = command.resolve_command(context, rest)
    assert command is not None
    with click.Context(command, info_name=name, parent=context) as inner:
        command.parse_args(inner, rest)
    return name
