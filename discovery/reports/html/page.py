"""The report as one HTML file that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import TextIO

from discovery.reports.html.assets import script, security_policy, style_sheet
from discovery.reports.html.cards import parts_section
from discovery.reports.html.coverage import coverage_section
from discovery.reports.html.listing import listing_section
from discovery.reports.html.markup import (
    Html,
    closed,
    document_type,
    element,
    opened,
    verbatim,
)
from discovery.reports.html.overview import overview_section, page_header
from discovery.reports.html.selection import selected
from discovery.reports.html.words import badge, code, message
from discovery.reports.report import Report, View


def write_page(report: Report, stream: TextIO, view: View) -> None:
    """The page stands in `stream`, written piece by piece: a row or a part is in memory at once."""
    for piece in _page(report, view):
        stream.write(f"{piece.markup}\n")


def _page(report: Report, view: View) -> Iterator[Html]:
    selection = selected(report, verbose=view.verbose)
    yield document_type()
    yield opened("html", lang="en")
    yield _head(report, view)
    yield opened("body")
    yield element("a", "Skip to the caches", href="#caches", class_="skip")
    yield page_header(report, view)
    yield opened("main")
    yield from overview_section(report, selection)
    yield from coverage_section(report)
    yield from listing_section(report, selection)
    yield from parts_section(report, selection)
    yield _plan_section(report)
    yield closed("main")
    yield verbatim("script", script())
    yield closed("body", "html")


def _head(report: Report, view: View) -> Html:
    day = report.started_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=security_policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="robots", content="noindex"),
        element("title", f"cachemuster {view.title}, {day}"),
        verbatim("style", style_sheet()),
    )


def _plan_section(report: Report) -> Html:
    guard = report.guard
    verdict = badge("=", "lets the removals pass" if guard.removals else "nothing to weigh", "good")
    if guard.refused and guard.code is not None:
        verdict = badge("!", f"refused: {guard.code.value}", "failed")
    return element(
        "section",
        element("h2", "Guard and checksum", id="plan-title"),
        element("p", verdict, " ", message(guard.message)),
        element("p", "Checksum of this plan: ", code(report.checksum)),
        element("p", "Run ", code(report.sweep_id), class_="quiet"),
        id="plan",
        aria_labelledby="plan-title",
    )
