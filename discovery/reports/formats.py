"""The formats of a report, and the function that writes each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TextIO

from discovery.reports.document import write_document
from discovery.reports.item_csv import write_items
from discovery.reports.markdown.page import write_markdown
from discovery.reports.report import Report
from discovery.reports.terminal.table import write_table
from discovery.reports.view import Format, View

Renderer = Callable[[Report, TextIO, View], None]


def _write_json(report: Report, stream: TextIO, view: View) -> None:
    del view  # the document is the same for every view
    write_document(report, stream)


def _write_html(report: Report, stream: TextIO, view: View) -> None:
    from discovery.reports.html.page import write_page  # noqa: PLC0415 - only pages need Jinja

    write_page(report, stream, view)


RENDERERS: Final[Mapping[Format, Renderer]] = {
    Format.TABLE: write_table,
    Format.JSON: _write_json,
    Format.MARKDOWN: write_markdown,
    Format.HTML: _write_html,
    Format.CSV: write_items,
}
