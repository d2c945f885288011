"""The state of the running service, above its last report, and alone before there is one."""

from __future__ import annotations

from discovery.reports.html.markup import escape_markup, style_sheet
from discovery.reports.service_state import ServiceState, state_sentences


def service_banner(state: ServiceState) -> str:
    """Make the part that stands above the report, in classes of the page's style sheet."""
    sentences = escape_markup("; ".join(state_sentences(state)) + ".")
    return f'<div class="masthead"><p class="banner">{sentences}</p></div>\n'


def waiting_page(state: ServiceState) -> str:
    """Make the page of a service whose first sweep has not ended."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>cachemuster</title>\n<style>{style_sheet()}</style>\n</head>\n<body>\n"
        f"{service_banner(state)}<main><section><h1>No report yet</h1>\n"
        "<p>The first sweep has not come to its end. Load this page again later.</p>\n"
        "</section></main>\n</body>\n</html>\n"
    )
