"""Break repair commands into short lines that can be copied and run as one command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from discovery.model.values import Finding
from discovery.reports.safe_text import escape_unprintable

_WORD: Final = re.compile(r"""(?:[^\s'"\\]|'[^']*'|"(?:\\.|[^"\\])*"|\\.)+""")
_CONTINUATION: Final = " \\"
_INDENT: Final = "    "


def repair_lines(finding: Finding, width: int) -> Iterator[str]:
    """Spell out the repair commands of a finding, safe to print, on lines of `width` characters."""
    for command in finding.repair:
        yield from continued(escape_unprintable(command), width)


def continued(command: str, width: int) -> tuple[str, ...]:
    """Break a command between words with backslashes into lines of at most `width`.

    A word, quoted text included, is never broken, and an option stays beside its value; a command
    that does not parse stays one line, and a comment too: nothing continues it.
    """
    words = _words(command)
    if len(command) <= width or words is None or command.startswith("#"):
        return (command,)
    lines: list[str] = []
    line = ""
    for phrase in _phrases(words):
        longer = f"{line} {phrase}" if line else phrase
        if line.strip() and len(longer) + len(_CONTINUATION) > width:
            lines.append(line + _CONTINUATION)
            longer = _INDENT + phrase
        line = longer
    return (*lines, line)


def _words(command: str) -> list[str] | None:
    """The command's words in their own spelling, None when quotes do not close."""
    words: list[str] = []
    end = 0
    for match in _WORD.finditer(command):
        if command[end : match.start()].strip():
            return None
        words.append(match.group())
        end = match.end()
    return words if not command[end:].strip() else None


def _phrases(words: list[str]) -> list[str]:
    """An option and what follows it up to the next option; words before the first one by one."""
    phrases: list[str] = []
    for word in words:
        if phrases and phrases[-1].startswith("-") and not word.startswith("-"):
            phrases[-1] += f" {word}"
        else:
            phrases.append(word)
    return phrases
