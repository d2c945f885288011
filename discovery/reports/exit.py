"""Decide the exit code of a report.

Source: discovery/README: Exit codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from discovery.model.codes import Severity
from discovery.model.values import AccountId, Scope

if TYPE_CHECKING:  # what it looks at is loaded by whoever has one
    from discovery.reports.report import Report


class Exit(IntEnum):
    """Exit codes of this program."""

    DONE = 0
    """Blocked, conflicting and waiting items are results, not failures."""
    FAILED = 1
    """Could not do it."""
    PENDING = 2
    """Changes are pending; only with `--detailed-exitcode`."""
    INCOMPLETE = 3
    """Some scope was not read, or some item failed."""
    REFUSED = 4
    """A guard refused, or `--checksum` named another plan; of an audit: it would."""
    FINDINGS = 5
    """Findings at or above `--fail-on`."""
    USAGE = 64
    LOCKED = 75
    """The state is held by another process."""
    CONFIG = 78
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRules:
    """What else the exit code is to tell, as options ask."""

    detailed: bool = False
    """`--detailed-exitcode`: 2 when a create, update or delete is pending."""
    fail_on: Severity | None = None
    """`--fail-on`: 5 when a finding is at least this severe."""


ANY_ACCOUNT: Final = AccountId("*")
"""The account of an expected failure that is one of a region."""

_RANK: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.BLOCKER: 2}


def exit_code(
    report: Report,
    strictness: ExitRules = ExitRules(),
    *,
    terminated: bool = False,
) -> Exit:
    """Return the first exit code that applies of 130 or 143, 1, 4, 3, 5, 2; else 0.

    Args:
        report: The finished run.
        strictness: Which of the codes 5 and 2 are asked for.
        terminated: The interruption was SIGTERM, not SIGINT.
    """
    if report.interrupted:
        return Exit.TERMINATED if terminated else Exit.INTERRUPTED
    if report.error is not None:
        return Exit.FAILED
    if report.guard.refused or report.plan_changed:
        return Exit.REFUSED
    if report.failed_items or any(not is_expected(s.scope, report) for s in report.unread_scopes):
        return Exit.INCOMPLETE
    if strictness.fail_on is not None and has_finding(report, strictness.fail_on):
        return Exit.FINDINGS
    if strictness.detailed and any(item.action.writes for item in report.items):
        return Exit.PENDING
    return Exit.DONE


def has_finding(report: Report, least: Severity) -> bool:
    """Tell whether some cache has a finding at least as severe as `least`."""
    return any(
        _RANK[finding.severity] >= _RANK[least]
        for item in report.items
        if item.iam is not None
        for finding in item.iam.findings
    )


def is_expected(scope: Scope, report: Report) -> bool:
    """Tell whether `aws.expected_failures` names a scope, its account or its region."""
    whole_account = Scope(scope.account_id, None)
    everywhere = Scope(ANY_ACCOUNT, scope.region)
    return not report.expected_failures.isdisjoint({scope, whole_account, everywhere})
