"""The table of all caches and registrations, and the choices of the form that filters it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from discovery.model.codes import FindingCode, IamVerdict
from discovery.model.values import Finding
from discovery.plan.item import Item
from discovery.reports.attention import Attention, Group, title_of
from discovery.reports.html.overview import UNJUDGED, VERDICT_WORDS
from discovery.reports.report import Report

_ROWS: Final = 20_000
"""Rows of the table: what a browser shows within seconds."""
_MANY: Final = 2_000
"""From so many rows on, a browser lays out only those near what is seen."""
_BODY: Final = 250
"""Rows that are laid out together."""

Row = tuple[Item, Attention]
Choice = tuple[str, str]
"""The value of a row that is looked for, and the words for it."""


@dataclass(frozen=True, slots=True)
class CacheTable:
    """The rows of the table, most pressing first, and what they can be filtered by."""

    bodies: Iterator[list[Row]]
    """Rows that a browser lays out together; to be read once."""
    total: int
    left_out: int
    is_many: bool
    plans: tuple[Choice, ...]
    logins: tuple[Choice, ...]
    findings: tuple[Choice, ...]


def cache_table(report: Report, groups: tuple[Group, ...]) -> CacheTable:
    """Lay out the items of a report as rows."""
    total = len(report.items)
    found = {each.code for item in report.items if item.iam for each in item.iam.findings}
    return CacheTable(
        bodies=_bodies(groups),
        total=total,
        left_out=max(0, total - _ROWS),
        is_many=total > _MANY,
        plans=tuple(_plan(group, dry_run=report.dry_run) for group in groups),
        logins=(*((each.value, VERDICT_WORDS[each]) for each in IamVerdict), ("none", UNJUDGED)),
        findings=tuple((code.value, code.value) for code in FindingCode if code in found),
    )


def finding_codes(findings: tuple[Finding, ...]) -> str:
    """Name the kinds of the findings, each once, by which a row is found."""
    return " ".join(sorted({finding.code.value for finding in findings}))


def _bodies(groups: tuple[Group, ...]) -> Iterator[list[Row]]:
    rows = islice(((item, group.attention) for group in groups for item in group.items), _ROWS)
    while body := list(islice(rows, _BODY)):
        yield body


def _plan(group: Group, *, dry_run: bool) -> Choice:
    title, _ = title_of(group.attention, dry_run=dry_run)
    return group.attention.name.lower(), f"{title} ({len(group.items)})"
