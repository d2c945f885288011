"""How things look in a terminal: a sign, a word and a colour for each. Never a colour alone."""

from __future__ import annotations

import re
from typing import Final, TextIO, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from discovery.codes import Action, ScopeStatus, Severity
from discovery.reports.hostile import shortened, visible

SIGNS: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.KEEP: "=",
    Action.SKIPPED: ".",
    Action.BLOCKED: "!",
    Action.CONFLICT: "!",
    Action.HELD: "?",
}

STYLES: Final = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.DELETE: "red",
    Action.KEEP: "dim",
    Action.SKIPPED: "dim",
    Action.BLOCKED: "bold red",
    Action.CONFLICT: "bold red",
    Action.HELD: "cyan",
}

SCOPE_SIGNS: Final = {
    ScopeStatus.COMPLETE: "=",
    ScopeStatus.FAILED: "!",
    ScopeStatus.SKIPPED: ".",
}

SCOPE_STYLES: Final = {
    ScopeStatus.COMPLETE: "dim",
    ScopeStatus.FAILED: "bold red",
    ScopeStatus.SKIPPED: "dim",
}

SEVERITY_SIGNS: Final = {Severity.BLOCKER: "!", Severity.WARNING: "?", Severity.INFO: "."}

SEVERITY_STYLES: Final = {
    Severity.BLOCKER: "bold red",
    Severity.WARNING: "yellow",
    Severity.INFO: "dim",
}

NAME_LIMIT: Final = 120
MESSAGE_LIMIT: Final = 600
_FILE_WIDTH: Final = 80
_TRAILING: Final = re.compile(r" +(?=\n)")


def console_for(stream: TextIO) -> Console:
    """A console that reads no markup out of what it prints; 80 columns unless on a terminal."""
    if stream.isatty():
        return _Plain(file=stream, markup=False, highlight=False, emoji=False)
    plain = cast(TextIO, _Trimmed(stream))
    return _Plain(file=plain, width=_FILE_WIDTH, markup=False, highlight=False, emoji=False)


class _Plain(Console):
    """A console that leaves a reader who went away to whoever opened the stream."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class _Trimmed:
    """A stream without the spaces that tables leave behind the last word of a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        return self._stream.write(_TRAILING.sub("", text))

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return False


def cell(text: str, style: str = "", *, limit: int = MESSAGE_LIMIT) -> Text:
    """Text for a table, made safe to print; monsters are cut in the middle."""
    return Text(shortened(text, limit), style=style, overflow="fold")


def columns(*widths: int | None) -> Table:
    """A table without lines: columns of these widths, None for the one that takes the rest."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for width in widths:
        table.add_column(width=width, ratio=1 if width is None else None, overflow="fold")
    return table


def heading(text: str, remark: str = "") -> Text:
    """The title of a section, with a quiet remark behind it, both made safe to print."""
    quiet = f"  {visible(remark)}" if remark else ""
    return Text.assemble((visible(text), "bold"), (quiet, "dim"))
