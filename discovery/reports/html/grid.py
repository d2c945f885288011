"""The grid of accounts and regions: what was read, and why the rest was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.values import AccountId, Complete, Region, Scanned, Scope
from discovery.reports.account_names import account_label
from discovery.reports.coverage import has_remark, lacks_a_fact, unlisted_reasons
from discovery.reports.report import Report

_ROWS: Final = 1_000
"""Accounts in the grid; of more, those that lack something."""
_OPEN: Final = 40
"""Accounts that are seen without opening the rest; of more, those that lack something first."""
_REASONS: Final = 500
"""Scopes whose reason stands in full below the grid."""

SHORT: Final[Mapping[ScopeReason, str]] = {
    ScopeReason.CREDENTIALS: "no credentials",
    ScopeReason.ASSUME_ROLE_DENIED: "no role",
    ScopeReason.DENIED: "denied",
    ScopeReason.THROTTLED: "throttled",
    ScopeReason.EXPIRED: "expired",
    ScopeReason.CLOCK_SKEW: "clock skew",
    ScopeReason.WRONG_ACCOUNT: "wrong account",
    ScopeReason.REGIONS_UNREADABLE: "regions unread",
    ScopeReason.MALFORMED: "malformed",
    ScopeReason.TRUNCATED: "cut short",
    ScopeReason.REPEATED_TOKEN: "same page again",
    ScopeReason.TIMEOUT: "timed out",
    ScopeReason.UNREACHABLE: "unreachable",
    ScopeReason.SERVER_ERROR: "server error",
    ScopeReason.REGION_NOT_ENABLED: "off",
    ScopeReason.NOT_IN_RUN: "not in run",
}
"""Each reason as it fits into a cell."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell says, the kind that colours it, and how many regions it spans."""

    words: int | str = ""
    kind: str = ""
    span: int = 1


Row = tuple[str, tuple[Cell, ...]]
"""An account, as it is called, and its cells."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What was read of each account and region, and which scopes need words of their own."""

    regions: tuple[Region, ...]
    rows: tuple[Row, ...]
    folded: tuple[Row, ...]
    """Those that are seen once they are asked for."""
    accounts: int
    """How many accounts there are."""
    missing: tuple[Scanned, ...]
    """Scopes that were not, or not wholly, read."""
    not_listed: str
    """The other scopes that were not read, counted by reason."""

    @property
    def left_out(self) -> int:
        """How many accounts are not in the grid."""
        return self.accounts - len(self.rows) - len(self.folded)


def coverage_grid(report: Report) -> Grid:
    """Lay out the scopes of a report by account and region."""
    found = {scanned.scope: scanned for scanned in report.scopes}
    regions = sorted({scope.region for scope in found if scope.region})
    missing = tuple(scanned for scanned in report.scopes if _needs_words(scanned))[:_REASONS]
    accounts = _accounts(report)
    rows = [
        (account_label(report, account), _row(account, regions, found))
        for account in accounts[:_ROWS]
    ]
    shown, folded = tuple(rows[:_OPEN]), tuple(rows[_OPEN:])
    reasons = sorted(unlisted_reasons(report, missing).items())
    not_listed = ", ".join(f"{count} {reason}" for reason, count in reasons)
    return Grid(tuple(regions), shown, folded, len(accounts), missing, not_listed)


def _accounts(report: Report) -> list[AccountId]:
    """All accounts in order; when there are too many, those that lack something come first."""
    accounts = sorted({scanned.scope.account_id for scanned in report.scopes})
    if len(accounts) <= _OPEN:
        return accounts
    lacking = {each.scope.account_id for each in report.scopes if _needs_words(each)}
    return sorted(accounts, key=lambda account: (account not in lacking, account))


def _needs_words(scanned: Scanned) -> bool:
    return scanned.status is ScopeStatus.FAILED or has_remark(scanned)


def _row(
    account: AccountId, regions: Sequence[Region], found: Mapping[Scope, Scanned]
) -> tuple[Cell, ...]:
    """One account; one that failed before its regions were known has its reason across them."""
    whole = found.get(Scope(account, None))
    read = [found.get(Scope(account, region)) for region in regions]
    if whole is not None and not any(read):
        return (_cell(whole, span=max(len(regions), 1)),)
    return tuple(_cell(scanned or whole) for scanned in read)


def _cell(scanned: Scanned | None, *, span: int = 1) -> Cell:
    if scanned is None:
        return Cell(span=span)
    if isinstance(scanned, Complete):
        count = len(scanned.caches)
        if lacks_a_fact(scanned):
            return Cell(f"? {count}", "partly", span)
        return Cell(count, "complete" if count else "none", span)
    words = SHORT[scanned.reason]
    if scanned.status is ScopeStatus.FAILED:
        return Cell(f"! {words}", "failed", span)
    return Cell(words, "skipped", span)
