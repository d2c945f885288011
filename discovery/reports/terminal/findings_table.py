"""Print what keeps people from logging in with IAM, and the commands that repair it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from discovery.model.codes import IamVerdict, ProbeOutcome, Severity
from discovery.reports.account_names import scope_text
from discovery.reports.common_text import GAP
from discovery.reports.findings import (
    NAMED,
    FindingGroup,
    LoginGroup,
    SharedFinding,
    affected,
    finding_groups,
    judgements,
    unproved_logins,
    verdicts,
)
from discovery.reports.item_text import short_name
from discovery.reports.listing import first, more
from discovery.reports.report import Report
from discovery.reports.safe_text import NAME_LIMIT
from discovery.reports.shell import repair_lines
from discovery.reports.signs import SEVERITY_SIGNS
from discovery.reports.summary import counted
from discovery.reports.terminal.style import OUTCOME_STYLES, SEVERITY_STYLES, cell, heading
from discovery.reports.terminal.wrapped_list import Entry, Run, print_entries, run

_INDENT: Final = 14
_FURTHER: Final = 2
_FINDINGS: Final = 5
"""Findings that are listed of each kind."""
_FEW: Final = 10
"""Up to so many findings are listed with the commands that repair them."""
_NAMES_LIMIT: Final = 20_000
"""Characters of the names of all caches that share a finding."""


def print_findings(
    report: Report, console: Console, *, full: bool, heads_only: bool = False
) -> None:
    """Print findings by kind; nothing when no cache was judged.

    `heads_only`: without the caches of several findings, which are listed elsewhere.
    """
    if not judgements(report):
        return
    console.print(heading("IAM login", verdicts(report)))
    groups = finding_groups(report)
    few = not heads_only and sum(len(group.findings) for group in groups) <= _FEW
    layout = _Layout(
        report.account_names,
        console.width - _INDENT,
        full=full,
        is_few=full or few,
        heads_only=heads_only,
    )
    entries = (entry for group in groups for entry in layout.group(group))
    print_entries(entries, console, indent=_INDENT)
    unproved = (entry for group in unproved_logins(report) for entry in layout.unproved(group))
    print_entries(unproved, console, indent=_INDENT)
    if groups and not layout.is_few:
        console.print(cell("`cachemuster repairs` prints the commands that repair this", "dim"))
    console.print()


def print_findings_count(report: Report, console: Console) -> None:
    """Print in one line on how many caches nobody could log in with IAM."""
    judged = judgements(report)
    if judged[IamVerdict.NOT_READY] or judged[IamVerdict.UNKNOWN]:
        console.print(heading("IAM login", f"{verdicts(report)}; `cachemuster audit` says why"))
        console.print()


@dataclass(frozen=True, slots=True)
class _Layout:
    """How findings are laid out."""

    account_names: Mapping[str, str]
    width: int
    """Columns that commands may take."""
    full: bool
    is_few: bool
    """True where each has its message and its commands."""
    heads_only: bool
    """True where the caches of several findings are not named."""

    def group(self, group: FindingGroup) -> Iterator[Entry]:
        """Findings of one kind: what all of them say once, then on which caches."""
        margin = _margin(group.severity)
        if len(group.findings) == 1:
            (shared,) = group.findings
            about = (*self._affected(shared), (" · ", ""), run(group.code.value))
            yield Entry(margin, (about, (run(group.message),)), self._repair(shared))
            return
        findings = f"{len(group.findings)} findings on {counted(group.caches, 'cache')}"
        head = (run(findings, "bold"), run(f" · {group.code.value}"))
        message = () if self.is_few and not group.is_exact else ((run(group.message),),)
        yield Entry(margin, (head, *message))
        if self.heads_only:
            return
        shown = first(group.findings, None if self.is_few else _FINDINGS)
        for shared in shown:
            yield from self._member(shared, group)
        if rest := more(len(group.findings), len(shown)):
            yield Entry((), ((run(rest, "dim"),),))

    def unproved(self, group: LoginGroup) -> Iterator[Entry]:
        """Logins that proved nothing: why, and at which caches."""
        count = counted(len(group.members), "login")
        head = (run(count, "bold"), run(f" · at {group.kind.value}"))
        margin = ((f"? {ProbeOutcome.UNPROVED.value}", OUTCOME_STYLES[ProbeOutcome.UNPROVED]),)
        yield Entry(margin, (head, (run(group.message),)))
        if self.heads_only:
            return
        shown = first(group.members, None if self.full else _FINDINGS)
        for item, probe in shown:
            place = run(scope_text(item.scope, self.account_names), "dim")
            user = (run(f" · as {probe.user}"),) if probe.user is not None else ()
            yield Entry((), ((run(short_name(item), "bold"), (" · ", ""), place, *user),))
        if rest := more(len(group.members), len(shown)):
            yield Entry((), ((run(rest, "dim"),),))

    def _member(self, shared: SharedFinding, group: FindingGroup) -> Iterator[Entry]:
        """One of several: its caches and whom it is about; then what it alone says."""
        finding, about = shared.finding, self._affected(shared)
        is_said = group.is_exact or not self.is_few
        names_subject = is_said and (GAP in group.message or not group.is_exact)
        if names_subject and finding.subject not in shared.caches:
            about = (*about, run(f" · {finding.subject}", limit=NAME_LIMIT))
        yield Entry((), (about,))
        says = () if is_said else ((run(finding.message),),)
        if repair := self._repair(shared):
            yield Entry((), says, repair, indent=_FURTHER)
        elif says:
            yield Entry((), says, indent=_FURTHER)

    def _affected(self, shared: SharedFinding) -> tuple[Run, ...]:
        listed, rest = affected(shared, most=None if self.full else NAMED)
        caches = run(", ".join(listed) + rest, "bold", limit=_NAMES_LIMIT)
        return caches, (" · ", ""), run(scope_text(shared.scope, self.account_names), "dim")

    def _repair(self, shared: SharedFinding) -> tuple[Run, ...]:
        if not self.is_few:
            return ()
        return tuple((line, "cyan") for line in repair_lines(shared.finding, self.width))


def _margin(severity: Severity) -> tuple[Run, ...]:
    return ((f"{SEVERITY_SIGNS[severity]} {severity.value}", SEVERITY_STYLES[severity]),)
