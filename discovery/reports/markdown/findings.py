"""Lay out in Markdown who cannot log in with IAM, and beside it the commands that repair it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from discovery.model.codes import ProbeOutcome
from discovery.reports.account_names import scope_text
from discovery.reports.common_text import GAP
from discovery.reports.findings import (
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
from discovery.reports.listing import first
from discovery.reports.markdown.limit import Block, Section
from discovery.reports.markdown.text import code, collapse, fenced, html_code, words
from discovery.reports.report import Report
from discovery.reports.shell import repair_lines
from discovery.reports.signs import SEVERITY_SIGNS
from discovery.reports.summary import counted

_FINDINGS: Final = 20
_COMMAND_WIDTH: Final = 100


def findings_section(report: Report, *, full: bool) -> Iterator[Section]:
    """Lay out findings by kind, each with its commands; nothing when no cache was judged."""
    if not judgements(report):
        return
    groups, unproved = finding_groups(report), unproved_logins(report)
    blocks = chain(
        (_block(group, report, full=full) for group in groups),
        (_unproved(group, report, full=full) for group in unproved),
    )
    yield Section(
        title=f"IAM login: {verdicts(report)}",
        blocks=blocks,
        total=sum(len(each.findings) for each in groups) + sum(len(e.members) for e in unproved),
        noun="findings",
        share=3,
    )


def _block(group: FindingGroup, report: Report, *, full: bool) -> Block:
    """What all findings of a kind say once, then each with its caches and commands."""
    sign, kind = html_code(SEVERITY_SIGNS[group.severity]), html_code(group.code.value)
    caches = counted(group.caches, "cache")
    head, tail = collapse(f"{sign} {group.severity.value} · {caches} · {kind}")
    head += f"{words(group.message)}\n\n"
    shown = first(group.findings, None if full else _FINDINGS)
    lines = [_finding(shared, group, report) for shared in shown]
    return Block(head=head, lines=lines, tail=tail, total=len(group.findings))


def _unproved(group: LoginGroup, report: Report, *, full: bool) -> Block:
    """Logins that proved nothing: why, and at which caches."""
    sign, outcome = html_code("?"), ProbeOutcome.UNPROVED.value
    logins = counted(len(group.members), "login")
    head, tail = collapse(f"{sign} {outcome} · {logins} · at {group.kind.value}")
    head += f"{words(group.message)}\n\n"
    lines = []
    for item, probe in first(group.members, None if full else _FINDINGS):
        place = code(scope_text(item.scope, report.account_names))
        user = f" as {code(probe.user)}" if probe.user is not None else ""
        lines.append(f"- {code(short_name(item))} in {place}{user}\n")
    return Block(head=head, lines=lines, tail=tail, total=len(group.members))


def _finding(shared: SharedFinding, group: FindingGroup, report: Report) -> str:
    says = "" if group.is_exact else f": {words(shared.finding.message)}"
    listed, rest = affected(shared)
    place = code(scope_text(shared.scope, report.account_names))
    subject = shared.finding.subject
    names_subject = group.is_exact and GAP in group.message and subject not in shared.caches
    about = f" · {code(subject)}" if names_subject else ""
    entry = f"- {', '.join(map(code, listed))}{rest} in {place}{about}{says}\n"
    lines = [*repair_lines(shared.finding, _COMMAND_WIDTH)]
    return f"{entry}\n{fenced(lines, indent=2)}\n\n" if lines else entry
