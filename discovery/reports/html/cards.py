"""A part of the page for each cache that is not simply kept and ready."""

from __future__ import annotations

from collections.abc import Iterator

from discovery.model.values import Change, Finding, IamJudgement
from discovery.plan.item import Item
from discovery.reports.changes import differences, value_text
from discovery.reports.html.markup import Html, closed, element, joined, lines, opened
from discovery.reports.html.selection import PageSection, Selection, anchor_of
from discovery.reports.html.words import (
    action_badge,
    badge,
    code,
    message,
    name_of,
    place_of,
    severity_badge,
    verdict_badge,
)
from discovery.reports.report import Report
from discovery.reports.safe_text import escape_unprintable
from discovery.reports.shell import continued
from discovery.reports.summary import clock_time, counted

_COMMAND_WIDTH = 88


def parts_section(report: Report, selection: Selection) -> Iterator[Html]:
    """The chapters, and in each a part for every item: plan, labels, users, findings, repairs."""
    yield opened("section", id="details", aria_labelledby="details-title")
    yield element("h2", "One by one", id="details-title")
    if not selection.chapters:
        words = "Every cache is kept as it is, and a person can log in to each."
        yield element("p", words, class_="quiet")
    for chapter in selection.chapters:
        yield from _chapter(chapter, report)
    yield closed("section")


def _chapter(chapter: PageSection, report: Report) -> Iterator[Html]:
    count = len(chapter.items) + chapter.left_out
    remark = element("small", " · ".join(filter(None, (str(count), chapter.remark))))
    yield element("h3", chapter.title, " ", remark, class_="chapter")
    for item in chapter.items:
        yield _part(item, report)
    if chapter.left_out:
        words = (
            f"{chapter.left_out} of {count} are only in the table above; `-v` gives each its "
            "part, and the JSON document has them all."
        )
        yield element("p", words, class_="quiet")


def _part(item: Item, report: Report) -> Html:
    anchor = anchor_of(item)
    head = element(
        "header",
        element("h4", name_of(item), id=f"{anchor}-title"),
        element("p", place_of(item.scope), class_="place"),
        element("p", action_badge(item), code(item.reason.value), class_="state"),
    )
    return element(
        "article",
        head,
        element("p", message(item.message)) if item.message else None,
        _error(item),
        _plan(item, report),
        _changes(item),
        _notes(item),
        _labels(item),
        _login(item, report),
        id=anchor,
        class_=f"part edge-{item.action.value}",
        aria_labelledby=f"{anchor}-title",
    )


def _error(item: Item) -> Html | None:
    if item.error is None:
        return None
    again = "the next sweep tries again" if item.error.retryable else "trying again does not help"
    return element(
        "p",
        badge("!", item.error.code, "failed"),
        " ",
        message(item.error.message),
        f" ({again})",
    )


def _plan(item: Item, report: Report) -> Html:
    rows: list[tuple[str, Html | str | None]] = [
        ("Resource", code(item.name) if item.name else None),
        ("Until now", code(item.previous_name) if item.previous_name else None),
        ("Address", code(item.database.uri, limit=200) if item.database else None),
        ("Matcher", code(item.matcher) if item.matcher else None),
        ("ARN", code(item.arn, limit=300) if item.arn else None),
        ("Missed", _missed(item, report)),
        ("Done", {True: "yes", False: "no", None: None}[item.applied]),
    ]
    shown = [
        element("div", element("dt", term), element("dd", held)) for term, held in rows if held
    ]
    return element("dl", *shown, class_="facts")


def _missed(item: Item, report: Report) -> str | None:
    if item.missed is None:
        return None
    since = clock_time(item.missed.since, report.finished_at)
    return f"{counted(item.missed.scans, 'scan')}, since {since} UTC"


def _changes(item: Item) -> Html | None:
    changes = differences(item)
    if not changes:
        return None
    head = element("tr", *(element("th", one, scope="col") for one in ("Field", "Before", "After")))
    rows = (_change(change) for change in changes)
    table = element("table", element("thead", head), element("tbody", *rows))
    scroll = element("div", table, class_="scroll", role="region", tabindex=0, aria_label="Changes")
    return joined((element("h5", "Changes"), scroll))


def _change(change: Change) -> Html:
    sides = (code(value_text(side), limit=300) for side in (change.old, change.new))
    field = element("th", code(change.field, limit=300), scope="row")
    return element("tr", field, *(element("td", side) for side in sides))


def _notes(item: Item) -> Html | None:
    if not item.notes:
        return None
    notes = (
        element("li", code(note.code.value), " ", message(note.message)) for note in item.notes
    )
    return joined((element("h5", "Notes"), element("ul", *notes)))


def _labels(item: Item) -> Html | None:
    """Those of the resource; of what is not to be registered yet, those it is to have."""
    database = item.database or item.wanted
    if database is None or not database.labels:
        return None
    title = "Labels" if item.database else "Labels that it is to have"
    pairs = (
        element(
            "li", code(key, limit=300), element("span", "=", class_="is"), code(value, limit=300)
        )
        for key, value in sorted(database.labels.items())
    )
    return joined((element("h5", title), element("ul", *pairs, class_="labels")))


def _login(item: Item, report: Report) -> Html | None:
    if item.iam is None:
        return None
    return joined(
        (
            element("h5", "IAM login ", verdict_badge(item)),
            _users(item.iam, report),
            *(_finding(finding) for finding in item.iam.findings),
        )
    )


def _users(iam: IamJudgement, report: Report) -> Html:
    read_at = clock_time(iam.as_of, report.finished_at) if iam.as_of else ""
    as_of = element("small", f" as of {read_at} UTC") if read_at else None
    if not iam.users:
        return element("p", "No user is known who could log in.", as_of)
    users = joined((code(user) for user in iam.users), ", ")
    return element("p", "These can log in: ", users, as_of)


def _finding(finding: Finding) -> Html:
    told = element(
        "p",
        severity_badge(finding.severity),
        " ",
        code(finding.code.value),
        " ",
        message(finding.message),
    )
    return element("div", told, _repair(finding), class_="finding")


def _repair(finding: Finding) -> Html | None:
    if not finding.repair:
        return None
    rows = [
        row
        for command in finding.repair
        for row in continued(escape_unprintable(command), _COMMAND_WIDTH)
    ]
    return element("pre", element("code", lines(rows)), tabindex=0)
