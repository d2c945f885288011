"""Write rows for a spreadsheet, which runs none of the text in them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from discovery.reports.safe_text import escape_unprintable

_RUNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Characters that begin what some spreadsheet takes for a formula."""


def write_rows(
    columns: Sequence[str], rows: Iterable[Iterable[str]], stream: TextIO, *, line_end: str
) -> None:
    """Write a heading and the rows as CSV; formulas are disarmed, control characters spelt out."""
    writer = csv.writer(stream, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows(map(escape_formula, row) for row in rows)


def escape_formula(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula."""
    shown = escape_unprintable(text)
    return f"'{shown}" if shown.startswith(_RUNS) or text.startswith(_RUNS) else shown
