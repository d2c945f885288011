"""All caches and registrations in one table that a small script filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from discovery.model.codes import FindingCode, IamVerdict
from discovery.plan.item import Item
from discovery.reports.attention import Attention, Group, grouped, title_of
from discovery.reports.html.markup import Html, closed, element, joined, opened
from discovery.reports.html.selection import Selection
from discovery.reports.html.words import (
    UNJUDGED,
    VERDICT_WORDS,
    action_badge,
    name_of,
    place_of,
    verdict_badge,
)
from discovery.reports.report import Report
from discovery.reports.safe_text import NAME_LIMIT, shortened
from discovery.reports.summary import counted

_ROWS: Final = 20_000
"""Rows of the table: what a browser shows within seconds."""
_MANY: Final = 2_000
"""From so many rows on, a browser lays out only those near what is seen."""
_BODY: Final = 250
"""Rows that are laid out together."""
_HEADS: Final = ("Cache", "Plan", "IAM login", "Findings")


def listing_section(report: Report, selection: Selection) -> Iterator[Html]:
    """The table, most pressing first, and the form that filters it, hidden without a script."""
    groups = grouped(report)
    total = len(report.items)
    yield opened("section", id="caches", aria_labelledby="caches-title")
    yield element("h2", "Caches ", element("small", total), id="caches-title")
    if total:
        yield _form(report, groups)
        many = " many" if total > _MANY else ""
        yield opened("table", class_=f"listing{many}", id="listing")
        yield element("caption", "Every cache and registration", class_="unseen")
        yield element("thead", element("tr", *(element("th", one, scope="col") for one in _HEADS)))
        yield opened("tbody")
        for place, row in enumerate(_rows(groups, selection)):
            if place and place % _BODY == 0:
                yield joined((closed("tbody"), opened("tbody")))
            yield row
        yield closed("tbody", "table")
        if total > _ROWS:
            words = f"{total - _ROWS} of {total} are not in this table; the JSON document has all."
            yield element("p", words, class_="quiet")
    else:
        yield element("p", "No cache was found and nothing is registered.", class_="quiet")
    yield closed("section")


def _rows(groups: Iterable[Group], selection: Selection) -> Iterator[Html]:
    left = _ROWS
    for group in groups:
        for item in group.items[:left]:
            yield _row(item, group.attention, selection.anchor(item))
        left -= min(left, len(group.items))


def _row(item: Item, attention: Attention, anchor: str | None) -> Html:
    name = element("a", name_of(item), href=f"#{anchor}") if anchor else name_of(item)
    place = element("small", place_of(item.scope))
    findings = item.iam.findings if item.iam else ()
    return element(
        "tr",
        element("th", name, " ", place, scope="row"),
        element("td", action_badge(item), " ", element("small", item.reason.value)),
        element("td", verdict_badge(item)),
        element("td", len(findings) or None),
        data_plan=attention.name.lower(),
        data_login=item.iam.verdict.value if item.iam else "none",
        data_findings=" ".join(sorted({finding.code.value for finding in findings})) or None,
        data_name=shortened(item.name, NAME_LIMIT) if item.name else None,
    )


def _form(report: Report, groups: Iterable[Group]) -> Html:
    plans = [(group.attention.name.lower(), _titled(group, report)) for group in groups]
    logins = [(verdict.value, VERDICT_WORDS[verdict]) for verdict in IamVerdict]
    found = {one.code for item in report.items if item.iam for one in item.iam.findings}
    codes = [(code.value, code.value) for code in FindingCode if code in found]
    words = element(
        "input",
        type="search",
        name="words",
        id="filter-words",
        placeholder="name, account, region, reason",
        autocomplete="off",
        spellcheck="false",
    )
    count = element("output", counted(len(report.items), "row"), id="shown", for_="filter-words")
    return element(
        "form",
        _labelled("Find", "filter-words", words),
        _choice("Plan", "plan", plans),
        _choice("IAM login", "login", [*logins, ("none", UNJUDGED)]),
        _choice("Finding", "finding", codes) if codes else None,
        element("button", "Show all", type="reset"),
        count,
        id="filter",
        role="search",
        hidden=True,
    )


def _titled(group: Group, report: Report) -> str:
    title, _ = title_of(group.attention, dry_run=report.dry_run)
    return f"{title} ({len(group.items)})"


def _choice(label: str, name: str, choices: Iterable[tuple[str, str]]) -> Html:
    options = (element("option", words, value=value) for value, words in choices)
    anything = element("option", "any", value="")
    box = element("select", joined((anything, *options)), name=name, id=f"filter-{name}")
    return _labelled(label, f"filter-{name}", box)


def _labelled(label: str, name: str, control: Html) -> Html:
    return element("div", element("label", label, for_=name), control)
