"""Collect the findings of a report, each once for the caches of a scope that share it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import FindingCode, IamVerdict, ProbeOutcome, ProbeStep, Severity
from discovery.model.values import Finding, Probe, Scope
from discovery.plan.iam.finding_table import FINDINGS
from discovery.plan.item import Item
from discovery.reports.item_text import short_name
from discovery.reports.listing import first
from discovery.reports.message_groups import MessageGroup, group_by_message
from discovery.reports.report import Report
from discovery.reports.summary import counted, login_counts

SEVERITIES: Final = (Severity.BLOCKER, Severity.WARNING, Severity.INFO)
"""Severities, the most pressing first."""

_UNPROVED: Final = ProbeOutcome.UNPROVED

NAMED: Final = 3
"""How many of the caches that share a finding are named."""


@dataclass(frozen=True, slots=True)
class SharedFinding:
    """One finding, and the caches of a scope that have it because they share users."""

    scope: Scope
    finding: Finding
    caches: tuple[str, ...]


def shared_findings(report: Report) -> tuple[SharedFinding, ...]:
    """Collect the findings of all items, each once for a scope, blockers first."""
    caches: dict[tuple[Scope, Finding], list[str]] = {}
    for item in report.items:
        for finding in item.iam.findings if item.iam else ():
            caches.setdefault((item.scope, finding), []).append(short_name(item))
    shared = (SharedFinding(scope, found, tuple(names)) for (scope, found), names in caches.items())
    return tuple(sorted(shared, key=lambda one: SEVERITIES.index(one.finding.severity)))


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """All findings of one kind."""

    severity: Severity
    code: FindingCode
    message: str
    """What all of them say with `…` where they differ, else what the kind means."""
    findings: tuple[SharedFinding, ...]
    """Each once for the caches of a scope that share it."""
    caches: int
    """How many caches have a finding of this kind."""
    is_exact: bool
    """True when that is all of what every finding says, but for its subject and place."""


def finding_groups(report: Report) -> tuple[FindingGroup, ...]:
    """Group the findings of all items by kind, in the order of `kinds`."""
    found: dict[tuple[Severity, FindingCode], list[SharedFinding]] = {}
    for shared in shared_findings(report):
        found.setdefault((shared.finding.severity, shared.finding.code), []).append(shared)
    return tuple(
        _group(severity, code, found[severity, code], caches)
        for (severity, code), caches in kinds(report).items()
    )


def _group(
    severity: Severity, code: FindingCode, shared: list[SharedFinding], caches: int
) -> FindingGroup:
    group, *others = group_by_message(
        shared,
        kind=lambda one: one.finding.code,
        message=lambda one: one.finding.message,
        own_words=lambda _: (),
        beside=lambda one: (one.finding.subject, str(one.scope), *one.caches),
    )
    message = FINDINGS[code].meaning if others else group.message
    is_exact = group.is_exact and not others
    return FindingGroup(severity, code, message, tuple(shared), caches, is_exact)


def affected(shared: SharedFinding, *, most: int | None = NAMED) -> tuple[Sequence[str], str]:
    """Name the caches of a finding, the first `most` of them or all, and count the others.

    `["orders", "carts"]`, ` and 3 more caches`
    """
    listed = first(shared.caches, most)
    rest = len(shared.caches) - len(listed)
    return listed, f" and {counted(rest, 'more cache')}" if rest else ""


def kinds(report: Report) -> dict[tuple[Severity, FindingCode], int]:
    """Count caches by kind of finding, blockers first, then the most frequent."""
    found = Counter(
        kind
        for item in report.items
        if item.iam
        for kind in {(finding.severity, finding.code) for finding in item.iam.findings}
    )
    order = sorted(found, key=lambda kind: (SEVERITIES.index(kind[0]), -found[kind], kind[1]))
    return {kind: found[kind] for kind in order}


def judgements(report: Report) -> Counter[IamVerdict]:
    """Count items by IAM verdict; items that were not judged are left out."""
    return Counter(item.iam.verdict for item in report.items if item.iam)


def verdicts(report: Report) -> str:
    """Word the counts of verdicts, and of logins where some were tried.

    `2 ready, 1 not-ready, 0 unknown; logins: 2 proved`
    """
    judged, logins = judgements(report), login_counts(report)
    words = ", ".join(f"{judged[verdict]} {verdict.value}" for verdict in IamVerdict)
    return f"{words}; {logins}" if logins else words


LoginGroup = MessageGroup[ProbeStep, tuple[Item, Probe]]


def unproved_logins(report: Report) -> tuple[LoginGroup, ...]:
    """Group logins that proved nothing by step and message: they make no finding."""
    probes = ((item, item.iam.probe) for item in report.items if item.iam is not None)
    return group_by_message(
        [(item, probe) for item, probe in probes if probe and probe.outcome is _UNPROVED],
        kind=lambda login: login[1].step,
        message=lambda login: login[1].message,
        own_words=lambda login: (login[1].user,),
        beside=lambda login: (login[0].cache, str(login[0].scope)),
    )
