"""The top of the page: what went wrong, five numbers, and the data of two charts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import Action, FindingCode, IamVerdict, Severity
from discovery.model.values import Complete
from discovery.reports.attention import Group, pressing_items
from discovery.reports.findings import judgements, kinds
from discovery.reports.report import Report
from discovery.reports.signs import SIGNS
from discovery.reports.summary import counted, stop_reasons

VERDICT_SIGNS: Final = {
    IamVerdict.READY: "=",
    IamVerdict.NOT_READY: "!",
    IamVerdict.UNKNOWN: "?",
}
VERDICT_WORDS: Final = {
    IamVerdict.READY: "ready",
    IamVerdict.NOT_READY: "not ready",
    IamVerdict.UNKNOWN: "unknown",
}
UNJUDGED: Final = "not judged"


@dataclass(frozen=True, slots=True)
class Number:
    """One of the large numbers; `kind` is `good`, `bad` or empty."""

    term: str
    value: int | str
    remark: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the bar that shows who can log in, with its place in the legend."""

    sign: str
    words: str
    kind: str
    count: int
    start: str
    """Per cent of the bar's width, as is `width`."""
    width: str
    percent: str


@dataclass(frozen=True, slots=True)
class Bar:
    """How many caches have one kind of finding."""

    severity: Severity
    code: FindingCode
    count: int
    width: str
    """Per cent of the longest bar."""


def banners(report: Report) -> Iterator[tuple[str, str]]:
    """Title and message of what went wrong as a whole."""
    if report.guard.refused:
        yield "The guard refused", report.guard.message
    if report.plan_changed:
        words = "Something changed since it was reviewed. Nothing was written."
        yield "Not the plan that was named", words
    for why in stop_reasons(report):
        yield "Not finished", why


def numbers(report: Report, groups: tuple[Group, ...]) -> tuple[Number, ...]:
    """Count caches, logins that work, what needs attention, changes and unread scopes."""
    read = [scanned for scanned in report.scopes if isinstance(scanned, Complete)]
    accounts = len({scanned.scope.account_id for scanned in read})
    judged, summary, pressing = judgements(report), report.summary, len(pressing_items(groups))
    writes = " ".join(f"{SIGNS[each]}{summary[each.value]}" for each in Action if each.writes)
    changed = "created, updated, removed"
    scopes, unread = counted(len(report.scopes), "scope"), len(report.unread_scopes)
    return (
        Number(
            "Caches", sum(len(each.caches) for each in read), f"in {counted(accounts, 'account')}"
        ),
        Number(
            "IAM login ready",
            judged[IamVerdict.READY],
            f"of {judged.total()} judged",
            "good" if judged else "",
        ),
        Number(
            "Attention",
            pressing,
            "needs someone" if pressing == 1 else "need someone",
            "bad" if pressing else "",
        ),
        Number("Changes", writes, f"would be {changed}" if report.dry_run else changed),
        Number("Unread", unread, f"of {scopes}", "bad" if unread else ""),
    )


def login_shares(report: Report) -> tuple[Share, ...]:
    """Divide the caches by who can log in; kinds without a cache are left out."""
    judged = judgements(report)
    parts = [
        (VERDICT_SIGNS[verdict], VERDICT_WORDS[verdict], verdict.value, judged[verdict])
        for verdict in (IamVerdict.READY, IamVerdict.NOT_READY, IamVerdict.UNKNOWN)
    ]
    total = len(report.items)
    parts.append((".", UNJUDGED, "quiet", total - judged.total()))
    shares, start = [], 0.0
    for sign, words, kind, count in (part for part in parts if part[3]):
        width = 100 * count / total
        shares.append(
            Share(sign, words, kind, count, f"{start:.3f}%", f"{width:.3f}%", _percent(width))
        )
        start += width
    return tuple(shares)


def _percent(share: float) -> str:
    """Never 0 % of something, never 100 % of not all."""
    if 0 < share < 1:
        return "< 1 %"
    return "> 99 %" if 99 < share < 100 else f"{share:.0f} %"


def finding_bars(report: Report) -> tuple[Bar, ...]:
    """Count the caches by kind of finding, the most pressing kind first."""
    found = kinds(report)
    most = max(found.values(), default=1)
    return tuple(
        Bar(severity, code, count, f"{max(100 * count / most, 0.5):.3f}%")
        for (severity, code), count in found.items()
    )
