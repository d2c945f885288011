"""The formats of a report, and the function that writes each.

A renderer is imported when something is written with it: a sweep writes one format, at its end.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TextIO

from discovery.reports.view import Format, View

if TYPE_CHECKING:
    from discovery.reports.report import Report

Renderer = Callable[["Report", TextIO, View], None]


def _write_table(report: Report, stream: TextIO, view: View) -> None:
    from discovery.reports.terminal.table import write_table

    write_table(report, stream, view)


def _write_json(report: Report, stream: TextIO, view: View) -> None:
    from discovery.reports.document import write_document

    del view  # the document is the same for every view
    write_document(report, stream)


def _write_markdown(report: Report, stream: TextIO, view: View) -> None:
    from discovery.reports.markdown.page import write_markdown

    write_markdown(report, stream, view)


def _write_html(report: Report, stream: TextIO, view: View) -> None:
    from discovery.reports.html.page import write_page

    write_page(report, stream, view)


def _write_csv(report: Report, stream: TextIO, view: View) -> None:
    from discovery.reports.item_csv import write_items

    write_items(report, stream, view)


RENDERERS: Final[Mapping[Format, Renderer]] = {
    Format.TABLE: _write_table,
    Format.JSON: _write_json,
    Format.MARKDOWN: _write_markdown,
    Format.HTML: _write_html,
    Format.CSV: _write_csv,
}
