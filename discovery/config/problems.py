"""Problems of a configuration: what is wrong, and at which line."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where in the configuration: keys and list positions from the root."""

MOST_SHOWN = 100
"""Problems that are told of one file; nobody corrects more in one go."""

_SHOWN_LENGTH = 60
_LONGEST_GUESS = 64


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. Prints as `file:line:column: path: what is wrong`."""

    message: str
    path: Path = ()
    file: str = ""
    line: int = 0
    """Counted from 1; 0 when the problem belongs to no line."""
    column: int = 0

    def __str__(self) -> str:
        file = on_one_line(self.file)
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        return ": ".join(part for part in (place, dotted(self.path), self.message) if part)

    @property
    def order(self) -> tuple[int, int, str, str]:
        """Sort key: the order of the file."""
        return (self.line, self.column, dotted(self.path), self.message)


class ConfigError(Exception):
    """The configuration cannot be used. It holds every problem, in the order of the file."""

    consequence = (
        "Nothing was started or changed. Correct the file; `cachemuster config check` tells when "
        "it is right."
    )

    def __init__(self, problems: Iterable[Problem], file: str) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda problem: problem.order))
        self.file = file
        super().__init__(file)

    def __str__(self) -> str:
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if count > MOST_SHOWN:
            lines.append(f"… and {count - MOST_SHOWN} more")
        lines.append(f"{count} {noun} in {on_one_line(self.file)}. {self.consequence}")
        return "\n".join(lines)


def on_one_line(name: str) -> str:
    """Escape everything in a file's name that a terminal might obey."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)


def dotted(path: Path) -> str:
    """Format a path such as `aws.accounts[0].role_arn`; a key that is no plain word is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w/-]+", part, re.ASCII):
            text += f".{part}" if text else part
        else:
            text += f"[{quoted(part)}]"
    return text


def quoted(value: str) -> str:
    """Quote a value: cut short, and with everything escaped that a terminal might obey."""
    short = value if len(value) <= _SHOWN_LENGTH else value[:_SHOWN_LENGTH] + "…"
    plain = short.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in plain) + '"'


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean …?)` with the nearest known word, or nothing."""
    if len(word) > _LONGEST_GUESS:
        return ""
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
