"""Print what keeps people from logging in with IAM, and the commands that repair it."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from discovery.model.codes import IamVerdict
from discovery.reports.findings import (
    SharedFinding,
    affected,
    judgements,
    kinds,
    shared_findings,
    verdicts,
)
from discovery.reports.report import Report
from discovery.reports.shell import repair_lines
from discovery.reports.signs import SEVERITY_SIGNS
from discovery.reports.summary import counted
from discovery.reports.terminal.style import SEVERITY_STYLES, cell, heading
from discovery.reports.terminal.wrapped_list import Entry, print_entries, run

_INDENT: Final = 14
_LISTED: Final = 500
"""Findings listed, blockers first; more are counted unless all are asked for."""


def print_findings(report: Report, console: Console, *, verbose: bool) -> None:
    """Print findings with their repairs; nothing when no cache was judged."""
    judged = judgements(report)
    if not judged:
        return
    console.print(heading("IAM login", verdicts(judged)))
    if len(found := kinds(report)) > 1:
        counts = ", ".join(f"{code.value} {count}" for (_, code), count in found.items())
        console.print(cell(f"caches by finding: {counts}", "dim"))
    shared = shared_findings(report)
    listed = shared if verbose else shared[:_LISTED]
    width = console.width - _INDENT
    print_entries((_entry(each, width) for each in listed), console, indent=_INDENT)
    if left_out := len(shared) - len(listed):
        text = f"and {counted(left_out, 'more finding')}; -v lists them, --format html by cache"
        console.print(cell(text, "dim"))
    console.print()


def print_findings_count(report: Report, console: Console) -> None:
    """Print in one line on how many caches nobody could log in with IAM."""
    judged = judgements(report)
    if judged[IamVerdict.NOT_READY] or judged[IamVerdict.UNKNOWN]:
        console.print(heading("IAM login", f"{verdicts(judged)}; `cachemuster audit` says why"))
        console.print()


def _entry(shared: SharedFinding, width: int) -> Entry:
    """A sign before the caches and the message, and the repair, whose lines stand as they are."""
    finding = shared.finding
    style = SEVERITY_STYLES[finding.severity]
    sign = (f"{SEVERITY_SIGNS[finding.severity]} {finding.severity.value}", style)
    first = (run(affected(shared), "bold"), (" · ", ""), run(finding.code.value))
    repair = tuple((line, "cyan") for line in repair_lines(finding, width))
    return Entry((sign,), (first, (run(finding.message),)), repair)
