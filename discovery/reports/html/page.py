"""Write the report as one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from functools import cache, partial
from typing import Any, Final, TextIO

from jinja2 import Template

from discovery.model.values import Scope
from discovery.reports.account_names import account_text
from discovery.reports.coverage import coverage, extent_read, reason_of
from discovery.reports.exit import is_expected
from discovery.reports.html.anchors import anchor_of, fragment
from discovery.reports.html.cache_list import CacheList, cache_list, row_values
from discovery.reports.html.charts import (
    UNJUDGED,
    VERDICT_SIGNS,
    VERDICT_WORDS,
    finding_alternative,
    finding_bars,
    login_shares,
    scope_shares,
    verdicts_of,
)
from discovery.reports.html.finding_list import finding_list
from discovery.reports.html.grid import coverage_grid
from discovery.reports.html.markup import (
    code,
    environment,
    message,
    script,
    security_policy,
    style_sheet,
)
from discovery.reports.html.overview import Picture, banners, login_pictures, numbers
from discovery.reports.item_text import differences, probe_text, short_name, value_text
from discovery.reports.listing import named
from discovery.reports.needs import Need, needs
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

_NAMED: Final = 3
"""Caches that are named beside what they need somebody for."""


def write_page(report: Report, stream: TextIO, view: View) -> None:
    """Write the page piece by piece, so that only one row or part of it is in memory."""
    pictures, caches = login_pictures(report), cache_list(report, view)
    place = partial(place_of, names=report.account_names)
    pieces = template("page.html").generate(
        report=report,
        view=view,
        place_of=place,
        banners=banners(report),
        needs=[(need, first_names(need, report)) for need in needs(report)],
        numbers=numbers(report),
        shares=login_shares(verdicts_of(report)),
        scope_shares=scope_shares(report),
        pictures=pictures,
        bars=finding_bars(report),
        grid=coverage_grid(report),
        findings=finding_list(report),
        caches=caches,
        fragments=sorted(_fragments(pictures, caches)),
    )
    for piece in pieces:
        stream.write(piece)


def place_of(scope: Scope, names: Mapping[str, str]) -> str:
    """Word a scope: `payments (111122223333) · eu-west-1`."""
    return " · ".join(
        part for part in (account_text(scope.account_id, names), scope.region) if part
    )


def first_names(need: Need, report: Report) -> str:
    """Name the first caches or scopes of a need: `orders, carts, prices and 2 more`."""
    scopes = (place_of(one.scope, report.account_names) for one in need.scopes)
    return named([*scopes, *map(short_name, need.items)], _NAMED)


def _fragments(pictures: Iterable[Picture], caches: CacheList) -> set[str]:
    """Where links lead that filter the list, in a browser without a script: to the list."""
    charted = {bar.fragment for picture in pictures for bar in picture.bars if bar.fragment}
    return charted - {group.anchor for group in caches.groups}


_NAMES: Final[dict[str, Any]] = {
    "NEED_COLOURS": {"!": "bad", "-": "bad", "?": "warn"},
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
    "finding_alternative": finding_alternative,
    "guard_verdict": guard_verdict,
    "is_expected": is_expected,
    "reason_of": reason_of,
    "repair_lines": repair_lines,
    "sentence": sentence,
    "simulated_aws": simulated_aws,
}
"""What every template may name."""
_FILTERS: Final[dict[str, Any]] = {
    "anchor": anchor_of,
    "clipped": lambda words: shortened(words, 36),
    "code": code,
    "fragment": fragment,
    "message": message,
    "row_values": row_values,
    "probe_text": lambda probe: shortened(probe_text(probe), NAME_LIMIT),
    "short_name": lambda item: shortened(short_name(item), NAME_LIMIT),
    "shortened": lambda words: shortened(words, NAME_LIMIT),
    "value_text": value_text,
}


@cache
def template(name: str) -> Template:
    """Compile a page's template, once."""
    pages = environment()
    pages.globals.update(
        _NAMES, script=script(), security_policy=security_policy(), style_sheet=style_sheet()
    )
    pages.filters.update(_FILTERS)
    macros = pages.get_template("macros.html").module
    for each in ("action_badge", "severity_badge", "verdict_badge"):  # few, and asked for often
        pages.filters[each] = cache(getattr(macros, each))
    return pages.get_template(name)
