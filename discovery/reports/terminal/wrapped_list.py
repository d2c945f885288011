"""Print long lists: a sign in the margin, and lines wrapped beside it.

They look like the rows of a table; a table for each of thousands of entries takes ten times as
long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.segment import Segment, Segments

from discovery.reports.safe_text import MESSAGE_LIMIT, shortened
from discovery.reports.terminal.style import folds_words
from discovery.reports.terminal.wrapping import wrapped

_AT_ONCE: Final = 4_000
"""Segments handed over together: enough to be quick, too few to be felt in memory."""

Run = tuple[str, str]
"""Text that is safe to print, and its style."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list."""

    margin: Sequence[Run]
    """A sign, and what else stands to the left; shorter than the indent."""
    lines: Sequence[Sequence[Run]]
    """Wrapped to the width of the console."""
    whole: Sequence[Run] = ()
    """Lines that stand as they are behind them, to be copied."""
    indent: int = 0
    """Columns that it is indented more than the list."""


def run(text: str, style: str = "", *, limit: int = MESSAGE_LIMIT) -> Run:
    """Make text safe to print; long text is cut in the middle."""
    return shortened(text, limit), style


def print_entries(entries: Iterable[Entry], console: Console, *, indent: int) -> None:
    """Print every entry, its lines `indent` columns from the left."""
    waiting: list[Segment] = []
    for entry in entries:
        waiting += _segments(entry, console, indent)
        if len(waiting) > _AT_ONCE:
            console.print(Segments(waiting), end="", soft_wrap=True)
            waiting.clear()
    if waiting:
        console.print(Segments(waiting), end="", soft_wrap=True)


def _segments(entry: Entry, console: Console, indent: int) -> Iterator[Segment]:
    indent += entry.indent
    size = sum(len(words) for words, _ in entry.margin)
    yield from _cut(entry.margin, 0, size, console)
    before = " " * (indent - size)
    for line in entry.lines:
        text = "".join(words for words, _ in line)
        for start, end in wrapped(text, console.width - indent, folds=folds_words(console)):
            yield Segment(before)
            yield from _cut(line, start, end, console)
            before = f"\n{' ' * indent}"
    for words, style in entry.whole:
        yield Segment(before)
        yield Segment(words, console.get_style(style))
        before = f"\n{' ' * indent}"
    yield Segment("\n")


def _cut(line: Sequence[Run], start: int, end: int, console: Console) -> Iterator[Segment]:
    """What of a line's runs lies between two places."""
    place = 0
    for words, style in line:
        part = words[max(start - place, 0) : max(end - place, 0)]
        if part:
            yield Segment(part, console.get_style(style))
        place += len(words)
