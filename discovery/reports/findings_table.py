"""What keeps people from logging in to a cache with IAM, and the commands that repair it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

from discovery.codes import IamVerdict
from discovery.model import Finding
from discovery.reports.findings import (
    SharedFinding,
    affected,
    judgements,
    kinds,
    shared_findings,
    verdicts,
)
from discovery.reports.hostile import visible
from discovery.reports.report import Report
from discovery.reports.shell import continued
from discovery.reports.style import (
    SEVERITY_SIGNS,
    SEVERITY_STYLES,
    cell,
    columns,
    heading,
)

_INDENT: Final = 14


def print_findings(report: Report, console: Console) -> None:
    """Every finding stands in the console with its repair; nothing when nobody was judged."""
    judged = judgements(report)
    if not judged:
        return
    console.print(heading("IAM login", verdicts(judged)))
    if len(found := kinds(report)) > 1:
        told = ", ".join(f"{code.value} {count}" for (_, code), count in found.items())
        console.print(cell(f"caches by finding: {told}", "dim"))
    for shared in shared_findings(report):
        _print_finding(shared, console)
    console.print()


def print_findings_count(report: Report, console: Console) -> None:
    """One line: on how many caches nobody could log in with IAM."""
    judged = judgements(report)
    if judged[IamVerdict.NOT_READY] or judged[IamVerdict.UNKNOWN]:
        console.print(heading("IAM login", f"{verdicts(judged)}; `cachemuster audit` says why"))
        console.print()


def _print_finding(shared: SharedFinding, console: Console) -> None:
    finding, width = shared.finding, console.width - _INDENT
    style = SEVERITY_STYLES[finding.severity]
    table = columns(_INDENT - 2, None)
    sign = Text(f"{SEVERITY_SIGNS[finding.severity]} {finding.severity.value}", style=style)
    first = Text(" · ").join((cell(affected(shared), "bold"), cell(finding.code.value)))
    table.add_row(sign, Text("\n").join((first, cell(finding.message))))
    console.print(table)
    repair = "\n".join(" " * _INDENT + line for line in _repair_lines(finding, width))
    if repair:
        console.print(Text(repair, style="cyan"), soft_wrap=True)


def _repair_lines(finding: Finding, width: int) -> Iterator[str]:
    for command in finding.repair:
        yield from continued(visible(command), width)
