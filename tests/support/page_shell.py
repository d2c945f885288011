"""Lines of shell as a page has them: `cachemuster` runs in this process, the rest as it is."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.command_line import CommandLine

StandIn = Callable[[Sequence[str]], str]
"""Takes the words after the program's name, and returns what it prints."""

SEPARATORS = {"&&", "|", ">"}
ANSWERED = {"adopt", "release"}
"""Commands that ask a person, who says yes here."""


class NotInstalled(Exception):
    """A program of the line is not on this machine."""


def words_of(line: str) -> list[str]:
    """The words of a line, with `&&`, `|` and `>` as words of their own."""
    words = shlex.shlex(line, posix=True, punctuation_chars="&|>")
    words.whitespace_split = True
    return list(words)


@dataclass
class PageShell:
    """Somebody at a terminal with a page."""

    cli: CommandLine
    stand_ins: Mapping[str, StandIn] = field(default_factory=dict)
    adapted: Callable[[list[str]], list[str]] = list
    """Makes of the words for cachemuster those that fit this machine."""
    codes: list[tuple[str, int]] = field(default_factory=list)
    """Every line of cachemuster's that was run, with its exit code."""

    def run(self, line: str) -> str:
        """Run one line. Returns what it prints, of cachemuster's own both streams."""
        if not {"cachemuster", *self.stand_ins} & set(words_of(line)):
            return self._program(["bash", "-euo", "pipefail", "-c", line], "")[0]
        shown, taken, words = "", "", words_of(line)
        while words:
            end = next((n for n, word in enumerate(words) if word in SEPARATORS), len(words))
            separator = words[end] if end < len(words) else ""
            out, err = self._command(words[:end], taken)
            shown += err
            words = words[end + 1 :]
            taken = out if separator == "|" else ""
            if separator == ">":
                (self._here / words.pop(0)).write_text(out, "utf-8")
            elif separator != "|":
                shown += out
        return shown

    @property
    def _here(self) -> Path:
        return self.cli.directory

    def _command(self, words: list[str], taken: str) -> tuple[str, str]:
        """What one simple command prints on both streams."""
        words = words[1:] if words[0] == "sudo" else words
        if words[0] == "cachemuster":
            return self.cachemuster(words[1:])
        if words[0] in self.stand_ins:
            return self.stand_ins[words[0]](words[1:]), ""
        if shutil.which(words[0]) is None:
            raise NotInstalled(words[0])
        return self._program(words, taken)

    def _program(self, words: list[str], taken: str) -> tuple[str, str]:
        run = subprocess.run(
            words,
            input=taken,
            capture_output=True,
            text=True,
            cwd=self._here,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            timeout=60,
            check=False,
        )
        assert run.returncode == 0, (words, run.stderr)
        return run.stdout, run.stderr

    def cachemuster(self, words: Sequence[str]) -> tuple[str, str]:
        """Run one command. Returns what it prints on both streams."""
        words = self.adapted(list(words))
        run = self.cli.run(*words, *(["--yes"] if words[0] in ANSWERED else []))
        assert "Traceback" not in run.err, run
        self.codes.append((" ".join(words), run.code))
        return run.out, run.err
