"""Two charts as inline SVG: who can log in, and what keeps people out.

Widths are percentages and texts have their own size, so that a chart is as readable on a phone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from discovery.model.codes import FindingCode, IamVerdict, Severity
from discovery.reports.findings import judgements, kinds
from discovery.reports.html.markup import Html, element, joined
from discovery.reports.html.words import UNJUDGED, VERDICT_SIGNS, VERDICT_WORDS
from discovery.reports.report import Report
from discovery.reports.signs import SEVERITY_SIGNS
from discovery.reports.summary import counted

_ROW_PX: Final = 42
_BAR_PX: Final = 10


def charts(report: Report) -> Html:
    """Both charts; without a judgement or a finding, a line that says so."""
    return element("div", _readiness(report), _findings(report), class_="charts")


def _readiness(report: Report) -> Html:
    judged = judgements(report)
    unjudged = sum(1 for item in report.items if item.iam is None)
    parts = [
        (VERDICT_SIGNS[verdict], VERDICT_WORDS[verdict], verdict.value, judged[verdict])
        for verdict in (IamVerdict.READY, IamVerdict.NOT_READY, IamVerdict.UNKNOWN)
    ]
    parts.append((".", UNJUDGED, "quiet", unjudged))
    shown = [part for part in parts if part[3]]
    if not shown:
        return _figure("Who can log in with IAM", element("p", "There is no cache to judge."))
    told = ", ".join(f"{count} {words}" for _, words, _, count in shown)
    total = sum(count for _, _, _, count in shown)
    bar = element(
        "svg", *_stack(shown, total), class_="stack", role="img", aria_label=f"Bar: {told}"
    )
    legend = element("ul", *(_entry(part, total) for part in shown), class_="legend")
    return _figure("Who can log in with IAM", joined((bar, legend)))


def _stack(shown: list[tuple[str, str, str, int]], total: int) -> Iterator[Html]:
    start = 0.0
    for _, _, kind, count in shown:
        width = 100 * count / total
        yield element(
            "rect", x=f"{start:.3f}%", width=f"{width:.3f}%", height="100%", class_=f"fill-{kind}"
        )
        start += width


def _entry(part: tuple[str, str, str, int], total: int) -> Html:
    sign, words, kind, count = part
    mark = element("span", sign, class_=f"key is-{kind}", aria_hidden="true")
    share = element("small", _percent(count, total))
    return element("li", mark, " ", element("b", count), f" {words} ", share)


def _percent(count: int, total: int) -> str:
    """Never 0 % of something, never 100 % of not all."""
    share = 100 * count / total
    if 0 < share < 1:
        return "< 1 %"
    return "> 99 %" if 99 < share < 100 else f"{share:.0f} %"


def _findings(report: Report) -> Html:
    found = kinds(report)
    title = "What was found, by kind"
    if not found:
        return _figure(title, element("p", "Nothing was found.", class_="quiet"))
    most = max(found.values())
    told = "; ".join(f"{code.value}, {level.value}: {n}" for (level, code), n in found.items())
    rows = (_row(place, *one, most) for place, one in enumerate(found.items()))
    height = _ROW_PX * len(found)
    bars = element(
        "svg", *rows, class_="bars", height=height, role="img", aria_label=f"Caches with {told}"
    )
    return _figure(title, bars)


def _row(place: int, kind: tuple[Severity, FindingCode], count: int, most: int) -> Html:
    severity, code = kind
    top = _ROW_PX * place
    label = element("text", f"{SEVERITY_SIGNS[severity]} {code.value}", x=0, y=top + 16)
    number = element(
        "text", counted(count, "cache"), x="100%", y=top + 16, class_="number", text_anchor="end"
    )
    where = {"x": 0, "y": top + 23, "height": _BAR_PX, "rx": 2}
    track = element("rect", width="100%", class_="track", **where)
    width = f"{max(100 * count / most, 0.5):.3f}%"
    bar = element("rect", width=width, class_=f"fill-{severity.value}", **where)
    return joined((label, number, track, bar))


def _figure(title: str, content: Html) -> Html:
    return element("figure", element("figcaption", title), content)
