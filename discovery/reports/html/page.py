"""Write the report as one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

from datetime import UTC
from functools import cache
from typing import Any, Final, TextIO

from jinja2 import Template

from discovery.model.values import Scope
from discovery.reports.attention import grouped, pressing_items
from discovery.reports.coverage import coverage, extent_read, reason_of
from discovery.reports.exit import is_expected
from discovery.reports.html.grid import coverage_grid
from discovery.reports.html.markup import (
    code,
    environment,
    message,
    script,
    security_policy,
    style_sheet,
)
from discovery.reports.html.overview import (
    UNJUDGED,
    VERDICT_SIGNS,
    VERDICT_WORDS,
    banners,
    finding_bars,
    login_shares,
    numbers,
)
from discovery.reports.html.selection import select
from discovery.reports.html.table import cache_table, finding_codes
from discovery.reports.item_text import differences, short_name, value_text
from discovery.reports.report import Report
from discovery.reports.safe_text import NAME_LIMIT, shortened
from discovery.reports.shell import repair_lines
from discovery.reports.signs import SEVERITY_SIGNS, SIGNS
from discovery.reports.summary import (
    about_run,
    clock_time,
    counted,
    guard_verdict,
    sentence,
    simulated_aws,
)
from discovery.reports.view import View


def write_page(report: Report, stream: TextIO, view: View) -> None:
    """Write the page piece by piece, so that only one row or part of it is in memory."""
    groups = grouped(report)
    pieces = _template().generate(
        report=report,
        view=view,
        banners=banners(report),
        numbers=numbers(report, groups),
        shares=login_shares(report),
        bars=finding_bars(report),
        pressing=pressing_items(groups),
        grid=coverage_grid(report),
        selection=select(groups, dry_run=report.dry_run, verbose=view.full),
        table=cache_table(report, groups),
    )
    for piece in pieces:
        stream.write(piece)


def place_of(scope: Scope) -> str:
    """Word a scope: `111122223333 · eu-west-1`."""
    return " · ".join(part for part in (scope.account_id, scope.region) if part)


_NAMES: Final[dict[str, Any]] = {
    "SEVERITY_SIGNS": SEVERITY_SIGNS,
    "SIGNS": SIGNS,
    "NAME_LIMIT": NAME_LIMIT,
    "UNJUDGED": UNJUDGED,
    "UTC": UTC,
    "VERDICT_SIGNS": VERDICT_SIGNS,
    "VERDICT_WORDS": VERDICT_WORDS,
    "about_run": about_run,
    "clock_time": clock_time,
    "counted": counted,
    "coverage": coverage,
    "differences": differences,
    "extent_read": extent_read,
    "guard_verdict": guard_verdict,
    "is_expected": is_expected,
    "reason_of": reason_of,
    "repair_lines": repair_lines,
    "sentence": sentence,
    "simulated_aws": simulated_aws,
}
"""What every template may name."""
_FILTERS: Final[dict[str, Any]] = {
    "code": code,
    "finding_codes": finding_codes,
    "message": message,
    "place": place_of,
    "short_name": lambda item: shortened(short_name(item), NAME_LIMIT),
    "shortened": lambda words: shortened(words, NAME_LIMIT),
    "value_text": value_text,
}


@cache
def _template() -> Template:
    pages = environment()
    pages.globals.update(
        _NAMES, script=script(), security_policy=security_policy(), style_sheet=style_sheet()
    )
    pages.filters.update(_FILTERS)
    macros = pages.get_template("macros.html").module
    for name in ("action_badge", "severity_badge", "verdict_badge"):  # few, and asked for often
        pages.filters[name] = cache(getattr(macros, name))
    return pages.get_template("page.html")
