"""The state of the running service, above its last report, and alone before there is one."""

from __future__ import annotations

from discovery.reports.html.page import template
from discovery.reports.service_state import ServiceState, state_sentences


def service_banner(state: ServiceState) -> str:
    """Make the part that stands above the report, in classes of the page's style sheet."""
    return template("banner.html").render(sentences=_sentences(state))


def waiting_page(state: ServiceState) -> str:
    """Make the page of a service whose first sweep has not ended."""
    return template("waiting.html").render(sentences=_sentences(state))


def _sentences(state: ServiceState) -> str:
    return "; ".join(state_sentences(state)) + "."
