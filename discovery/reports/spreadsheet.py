"""Rows for a spreadsheet, which runs what looks like a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from discovery.reports.safe_text import escape_unprintable

_RUNS: Final = ("=", "+", "-", "@", "\t", "\r")


def write_csv(columns: Sequence[str], rows: Iterable[Iterable[str]], stream: TextIO) -> None:
    """Write a heading and the rows, no cell of which can act."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(escape_formula, row) for row in rows)


def escape_formula(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula."""
    shown = escape_unprintable(text)
    return f"'{shown}" if shown.startswith(_RUNS) or text.startswith(_RUNS) else shown
