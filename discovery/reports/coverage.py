"""How much of what was to be read was read."""

from __future__ import annotations

from collections import Counter

from discovery.codes import ScopeStatus
from discovery.model import Complete, Scanned
from discovery.reports.report import Report


def coverage(report: Report) -> str:
    """`12 read, 2 unread, 3 not asked`"""
    count = Counter(scanned.status for scanned in report.scopes)
    parts = [f"{count[ScopeStatus.COMPLETE]} read"]
    if count[ScopeStatus.FAILED]:
        parts.append(f"{count[ScopeStatus.FAILED]} unread")
    if count[ScopeStatus.SKIPPED]:
        parts.append(f"{count[ScopeStatus.SKIPPED]} not asked")
    return ", ".join(parts)


def lacks_a_fact(scanned: Scanned) -> bool:
    """Its caches were listed, but tags, subnets or users of them could not be read."""
    return isinstance(scanned, Complete) and bool(scanned.message)


def reason_of(scanned: Scanned) -> str:
    """Why a scope was not read; empty for one that was."""
    return "" if isinstance(scanned, Complete) else scanned.reason.value
