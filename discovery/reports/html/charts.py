"""Pictures of counts: bars divided into parts, which no colour alone tells apart.

A fill is light or dark too, and every bar has its numbers beside it, so that a page printed in grey
says the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import FindingCode, IamVerdict, Severity
from discovery.model.values import Complete
from discovery.reports.coverage import lacks_a_fact
from discovery.reports.findings import kinds
from discovery.reports.report import Report
from discovery.reports.summary import counted

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

_ROWS: Final = 12
"""Bars of one picture; what is beyond them is one bar more."""


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of thing that a bar counts: its sign, its words and the fill that stands for it."""

    sign: str
    words: str
    kind: str


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a bar, with its place in it."""

    part: Part
    count: int
    start: str
    """Per cent of the bar's width, as is `width`."""
    width: str
    percent: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of several, with what it is about."""

    label: str
    fragment: str
    """Filters the list of caches by it; empty: it is about several."""
    shares: tuple[Share, ...]
    numbers: str

    @property
    def alternative(self) -> str:
        """What the bar shows, in words."""
        parts = ", ".join(f"{one.count} {one.part.words}" for one in self.shares)
        return f"{self.label}: {parts}"


@dataclass(frozen=True, slots=True)
class FindingBar:
    """How many caches have one kind of finding."""

    severity: Severity
    code: FindingCode
    count: int
    width: str
    """Per cent of the longest bar."""


LOGIN_PARTS: Final[Mapping[IamVerdict | None, Part]] = {
    **{each: Part(VERDICT_SIGNS[each], VERDICT_WORDS[each], each.value) for each in IamVerdict},
    None: Part(".", UNJUDGED, "quiet"),
}
_READ = Part("=", "read", "ready")
_PARTLY = Part("?", "partly read", "unknown")
_UNREAD = Part("!", "unread", "not-ready")
_NOT_ASKED = Part(".", "not asked, on purpose", "quiet")

Verdicts = Counter[IamVerdict | None]
"""Counts of caches by verdict; None: not judged."""


def divide(counts: Iterable[tuple[Part, int]]) -> tuple[Share, ...]:
    """Divide a bar among parts; parts without a count are left out."""
    found = [(part, count) for part, count in counts if count]
    total = sum(count for _, count in found)
    shares, start = [], 0.0
    for part, count in found:
        width = 100 * count / total
        shares.append(Share(part, count, f"{start:.3f}%", f"{width:.3f}%", _percent(width)))
        start += width
    return tuple(shares)


def _percent(share: float) -> str:
    """Never 0 % of something, never 100 % of not all."""
    if 0 < share < 1:
        return "< 1 %"
    return "> 99 %" if 99 < share < 100 else f"{share:.0f} %"


def login_shares(verdicts: Verdicts) -> tuple[Share, ...]:
    """Divide caches by who can log in; kinds without a cache are left out."""
    return divide((part, verdicts[verdict]) for verdict, part in LOGIN_PARTS.items())


def verdicts_of(report: Report) -> Verdicts:
    """Count the items of a report by verdict."""
    return Counter(item.iam.verdict if item.iam else None for item in report.items)


def scope_shares(report: Report) -> tuple[Share, ...]:
    """Divide the scopes of a report by how much of each was read."""
    complete = [scanned for scanned in report.scopes if isinstance(scanned, Complete)]
    partly, unread = sum(map(lacks_a_fact, complete)), len(report.unread_scopes)
    return divide(
        (
            (_READ, len(complete) - partly),
            (_PARTLY, partly),
            (_UNREAD, unread),
            (_NOT_ASKED, len(report.scopes) - len(complete) - unread),
        )
    )


def login_bars(
    found: Mapping[str, Verdicts], *, labels: Mapping[str, str], key: str, things: str
) -> tuple[Bar, ...]:
    """Draw one bar for each account, region or owner, the one with most that is not ready first.

    Args:
        found: The verdicts by account, region or owner.
        labels: How those are called, where that is not by the key in `found`.
        key: The filter that a bar sets.
        things: What the bars are about, in the plural; for what is beyond the last one.
    """
    order = sorted(found, key=lambda one: (*_rank(found[one]), not one, one))
    bars = [
        _login_bar(labels.get(one, one), f"{key}={one}" if one else "", found[one])
        for one in order[:_ROWS]
    ]
    if rest := order[_ROWS:]:
        sums = sum((found[one] for one in rest), Verdicts())
        bars.append(_login_bar(f"{len(rest)} more {things}", "", sums))
    return tuple(bars)


def _rank(verdicts: Verdicts) -> tuple[int, int, int]:
    not_ready, unknown = verdicts[IamVerdict.NOT_READY], verdicts[IamVerdict.UNKNOWN]
    return -not_ready, -unknown, -verdicts.total()


def _login_bar(label: str, fragment: str, verdicts: Verdicts) -> Bar:
    judged = verdicts.total() - verdicts[None]
    words = f"{verdicts[IamVerdict.READY]} of {judged} ready"
    return Bar(label, fragment, login_shares(verdicts), words if judged else UNJUDGED)


def finding_bars(report: Report) -> tuple[FindingBar, ...]:
    """Count the caches by kind of finding, the most pressing kind first."""
    found = kinds(report)
    most = max(found.values(), default=1)
    return tuple(
        FindingBar(severity, code, count, f"{max(100 * count / most, 0.5):.3f}%")
        for (severity, code), count in found.items()
    )


def finding_alternative(bars: Iterable[FindingBar]) -> str:
    """Word what the picture of the findings shows."""
    parts = (f"{one.code}, {one.severity}: {counted(one.count, 'cache')}" for one in bars)
    return f"Caches with {'; '.join(parts)}"
