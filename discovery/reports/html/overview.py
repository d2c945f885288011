"""The top of the page: what it is, the one sentence, five numbers, and what is pressing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from discovery.model.codes import Action, IamVerdict
from discovery.model.values import Complete
from discovery.plan.item import Item
from discovery.reports.attention import PRESSING, grouped
from discovery.reports.findings import judgements
from discovery.reports.html.charts import charts
from discovery.reports.html.markup import Html, closed, element, joined, opened
from discovery.reports.html.selection import Selection
from discovery.reports.html.words import (
    action_badge,
    badge,
    code,
    message,
    name_of,
    place_of,
)
from discovery.reports.report import Report, View
from discovery.reports.signs import SIGNS
from discovery.reports.summary import counted, sentence

_PRESSING: Final = 12
"""Items named at the top; the table holds them all."""
_CHAPTERS: Final = (
    ("overview", "Overview"),
    ("coverage", "Coverage"),
    ("caches", "Caches"),
    ("details", "One by one"),
    ("plan", "Guard and checksum"),
)


def page_header(report: Report, view: View) -> Html:
    """Title, sentence, and links to what follows."""
    started = report.started_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    took = (report.finished_at - report.started_at).total_seconds()
    written = "nothing was written" if report.dry_run else ""
    about = " · ".join(part for part in (started, f"{took:.1f} s", written) if part)
    links = (element("li", element("a", words, href=f"#{name}")) for name, words in _CHAPTERS)
    return element(
        "header",
        element("p", about, class_="when"),
        element("h1", f"cachemuster {view.title}"),
        element("p", sentence(report), class_="sentence"),
        *_banners(report),
        element("nav", element("ul", *links), aria_label="Parts of this report"),
        class_="masthead",
    )


def _banners(report: Report) -> Iterator[Html]:
    if report.endpoints:
        places = code(", ".join(sorted(set(report.endpoints.values()))))
        services = counted(len(report.endpoints), "service")
        yield _banner("?", "Not the real AWS", joined((places, f" answers for {services}.")))
    if report.guard.refused:
        yield _banner("!", "The guard refused", message(report.guard.message))
    if report.plan_changed:
        words = "Something changed since it was reviewed. Nothing was written."
        yield _banner("!", "Not the plan that was named", words)
    for why in (report.error, report.stop_message if report.interrupted else None):
        if why:
            yield _banner("!", "Not finished", message(why))


def _banner(sign: str, title: str, words: Html | str) -> Html:
    kind = "failed" if sign == "!" else "partly"
    return element("p", badge(sign, title, kind), " ", words, class_=f"banner edge-{kind}")


def overview_section(report: Report, selection: Selection) -> Iterator[Html]:
    """Five numbers, two charts, and what does not pass by itself."""
    yield opened("section", id="overview", aria_labelledby="overview-title")
    yield element("h2", "Overview", id="overview-title")
    yield element("dl", *_numbers(report), class_="numbers")
    yield charts(report)
    yield from _pressing(report, selection)
    yield closed("section")


def _numbers(report: Report) -> Iterator[Html]:
    read = [scope for scope in report.scopes if isinstance(scope, Complete)]
    accounts = len({scope.scope.account_id for scope in read})
    judged = judgements(report)
    summary = report.summary
    writes = [action for action in Action if action.writes]
    pending = " ".join(f"{SIGNS[action]}{summary[action.value]}" for action in writes)
    pressing = sum(len(group.items) for group in grouped(report) if group.attention in PRESSING)
    unread = len(report.unread_scopes)
    someone = "needs someone" if pressing == 1 else "need someone"
    caches = sum(len(scope.caches) for scope in read)
    yield _number("Caches", caches, f"in {counted(accounts, 'account')}")
    yield _number(
        "IAM login ready",
        judged[IamVerdict.READY],
        f"of {judged.total()} judged",
        kind="good" if judged.total() else "",
    )
    yield _number("Attention", pressing, someone, kind="bad" if pressing else "")
    changed = "created, updated, removed"
    yield _number("Changes", pending, f"would be {changed}" if report.dry_run else changed)
    yield _number(
        "Unread", unread, f"of {counted(len(report.scopes), 'scope')}", kind="bad" if unread else ""
    )


def _number(term: str, number: int | str, remark: str, *, kind: str = "") -> Html:
    return element(
        "div",
        element("dt", term),
        element("dd", element("b", number), element("small", remark)),
        class_=kind or None,
    )


def _pressing(report: Report, selection: Selection) -> Iterator[Html]:
    items = [
        item for group in grouped(report) if group.attention in PRESSING for item in group.items
    ]
    if not items:
        return
    yield element("h3", "Needs attention ", element("small", len(items)))
    yield element("ul", *(_line(item, selection) for item in items[:_PRESSING]), class_="pressing")
    if len(items) > _PRESSING:
        rest = len(items) - _PRESSING
        words = f"{rest} of {len(items)} are not named here; the table below has them."
        yield element("p", words, class_="quiet")


def _line(item: Item, selection: Selection) -> Html:
    anchor = selection.anchor(item)
    name = element("a", name_of(item), href=f"#{anchor}") if anchor else name_of(item)
    why = item.error.message if item.error else item.message
    return element(
        "li",
        element("p", action_badge(item), code(item.reason.value), class_="state"),
        element("p", element("b", name), " ", element("small", place_of(item.scope))),
        element("p", message(why)),
    )
