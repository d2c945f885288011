"""Styles, consoles and cells of what is printed at a terminal; no colour stands alone."""

from __future__ import annotations

import os
import re
from typing import Any, Final, TextIO, cast

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from discovery.model.codes import Action, ProbeOutcome, ScopeStatus, Severity
from discovery.reports.safe_text import MESSAGE_LIMIT, escape_unprintable, shortened
from discovery.reports.terminal.wrapping import wrapped

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


SCOPE_STYLES: Final = {
    ScopeStatus.COMPLETE: "dim",
    ScopeStatus.FAILED: "bold red",
    ScopeStatus.SKIPPED: "dim",
}


SEVERITY_STYLES: Final = {
    Severity.BLOCKER: "bold red",
    Severity.WARNING: "yellow",
    Severity.INFO: "dim",
}

OUTCOME_STYLES: Final = {
    ProbeOutcome.PROVED: "green",
    ProbeOutcome.REFUSED: "bold red",
    ProbeOutcome.UNREACHABLE: "yellow",
    ProbeOutcome.UNPROVED: "yellow",
}

_FILE_WIDTH: Final = 80
_LEAST_WIDTH: Final = 20
_TRAILING: Final = re.compile(r" +(?=\n)")


def console_for(stream: TextIO) -> Console:
    """Make a console that reads no markup out of what it prints.

    It is as wide as COLUMNS says, else as the terminal, else 80 columns. Off a terminal no word is
    broken, so that a name can be searched for: what does not fit stands out over the edge.
    """
    width = _columns_asked()
    if stream.isatty():
        return _Plain(file=stream, width=width, markup=False, highlight=False, emoji=False)
    plain = cast(TextIO, _Trimmed(stream))
    return _Whole(
        file=plain, width=width or _FILE_WIDTH, markup=False, highlight=False, emoji=False
    )


def _columns_asked() -> int | None:
    """What COLUMNS says; None where it is not set or says nothing that can be."""
    asked = os.environ.get("COLUMNS", "")
    return max(int(asked), _LEAST_WIDTH) if re.fullmatch("[1-9][0-9]{0,3}", asked) else None


class _Plain(Console):
    """A console that leaves a reader who went away to whoever opened the stream."""

    def __init__(self, **options: Any) -> None:
        super().__init__(_environ=_without_size(), **options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class _Whole(_Plain):
    """A console that breaks lines between words alone."""

    def print(self, *objects: Any, **options: Any) -> None:
        if options.get("soft_wrap"):
            super().print(*objects, **options)
            return
        broken = [self._broken(each) for each in objects]
        whole = all(isinstance(each, Text) for each in broken)
        extra = {"overflow": "ignore", "crop": False} if whole else {"crop": False}
        super().print(*broken, **{**extra, **options})

    def _broken(self, each: Any) -> Any:
        """The same with its line breaks made: a text, or one that is set in from the left."""
        left = each.left if isinstance(each, Padding) else 0
        text = each.renderable if isinstance(each, Padding) else each
        if not isinstance(text, str | Text):
            return each
        whole = Text(text) if isinstance(text, str) else text
        lines = (
            part
            for line in whole.split(allow_blank=True)
            for part in line.divide(self._starts(line.plain, self.width - left))
        )
        return Text("\n").join(Text(" " * left).append_text(line) for line in lines)

    def _starts(self, line: str, width: int) -> list[int]:
        """Where each line but the first begins."""
        return [start for start, _ in wrapped(line, width, folds=False)][1:]


def folds_words(console: Console) -> bool:
    """Tell whether a console breaks a word that is longer than its line."""
    return not isinstance(console, _Whole)


def _without_size() -> dict[str, str]:
    # Rich believes any digits, also a COLUMNS of 0, and then prints nothing.
    return {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}


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
    """Make text safe to print in a style; long text is cut in the middle."""
    return Text(shortened(text, limit), style=style)


def columns(*widths: int | None) -> Table:
    """Make a table without lines; the column of width None takes the rest."""
    table = _Columns.grid(padding=(0, 2, 0, 0), expand=True)
    for width in widths:
        table.add_column(width=width, ratio=1 if width is None else None, overflow="fold")
    return table


class _Columns(Table):
    """Columns that grow with their longest word where the console breaks none."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if isinstance(console, _Whole):
            for column in self.columns:
                words = (word for text in column.cells for word in str(text).split())
                longest = max(map(cell_len, words), default=1)
                column.min_width = longest
                if column.width is not None:
                    column.width = max(column.width, longest)
            fixed = sum(column.width or column.min_width or 1 for column in self.columns)
            self.width = max(options.max_width, fixed + 2 * len(self.columns))
        yield from super().__rich_console__(console, options)


def heading(text: str, remark: str = "") -> Text:
    """Make the title of a section, with a quiet remark behind it, safe to print."""
    quiet = f"  {escape_unprintable(remark)}" if remark else ""
    return Text.assemble((escape_unprintable(text), "bold"), (quiet, "dim"))
