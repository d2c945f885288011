"""What keeps people from logging in to a cache with IAM, and the commands that repair it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from discovery.codes import IamVerdict, Severity
from discovery.model import Finding, Scope
from discovery.reports.hostile import visible
from discovery.reports.report import Report
from discovery.reports.sentence import counted
from discovery.reports.shell import continued
from discovery.reports.style import (
    SEVERITY_SIGNS,
    SEVERITY_STYLES,
    cell,
    columns,
    heading,
)

_ORDER: Final = (Severity.BLOCKER, Severity.WARNING, Severity.INFO)
_NAMED: Final = 3
"""Caches named for a finding that several of them share."""
_INDENT: Final = 14


@dataclass(frozen=True, slots=True)
class SharedFinding:
    """One finding and all the caches of a scope that have it: caches share users and groups."""

    scope: Scope
    finding: Finding
    caches: tuple[str, ...]


def shared_findings(report: Report) -> tuple[SharedFinding, ...]:
    """The findings of all items, each told once for each scope, blockers first."""
    caches: dict[tuple[Scope, Finding], list[str]] = {}
    for item in report.items:
        for finding in item.iam.findings if item.iam else ():
            caches.setdefault((item.scope, finding), []).append(item.cache or item.name or "?")
    shared = (SharedFinding(scope, found, tuple(names)) for (scope, found), names in caches.items())
    return tuple(sorted(shared, key=lambda one: _ORDER.index(one.finding.severity)))


def print_findings(report: Report, console: Console) -> None:
    """Every finding stands in the console with its repair; nothing when nobody was judged."""
    judged = Counter(item.iam.verdict for item in report.items if item.iam)
    if not judged:
        return
    console.print(heading("IAM login", _verdicts(judged)))
    for shared in shared_findings(report):
        _print_finding(shared, console)
    console.print()


def print_findings_count(report: Report, console: Console) -> None:
    """One line: on how many caches nobody could log in with IAM."""
    judged = Counter(item.iam.verdict for item in report.items if item.iam)
    if judged[IamVerdict.NOT_READY] or judged[IamVerdict.UNKNOWN]:
        console.print(heading("IAM login", f"{_verdicts(judged)}; `cachemuster audit` says why"))
        console.print()


def _verdicts(judged: Counter[IamVerdict]) -> str:
    return ", ".join(f"{judged[verdict]} {verdict.value}" for verdict in IamVerdict)


def _print_finding(shared: SharedFinding, console: Console) -> None:
    finding = shared.finding
    style = SEVERITY_STYLES[finding.severity]
    table = columns(_INDENT - 2, None)
    sign = Text(f"{SEVERITY_SIGNS[finding.severity]} {finding.severity.value}", style=style)
    first = Text(" · ").join((cell(_affected(shared), "bold"), cell(finding.code.value)))
    table.add_row(sign, Text("\n").join((first, cell(finding.message))))
    console.print(table)
    for line in _repair_lines(finding, console.width - _INDENT):
        console.print(Padding(Text(line, style="cyan", no_wrap=True), (0, 0, 0, _INDENT)))


def _affected(shared: SharedFinding) -> str:
    """`orders, payments and 3 more caches · 111122223333/eu-west-1`"""
    named = ", ".join(shared.caches[:_NAMED])
    rest = len(shared.caches) - _NAMED
    more = f" and {counted(rest, 'more cache')}" if rest > 0 else ""
    return f"{named}{more} · {shared.scope}"


def _repair_lines(finding: Finding, width: int) -> Iterator[str]:
    for command in finding.repair:
        yield from continued(visible(command), width)
