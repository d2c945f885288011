"""Collect the repairs of a report, scope by scope. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import FindingCode, Severity
from discovery.model.values import UNKNOWN, Complete, Finding, KnownCache, Scope
from discovery.plan.iam.ways import CacheRepairs, Repair, repairs_in_scope
from discovery.reports.report import Report

_RANK: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.BLOCKER: 2}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which findings are to be repaired."""

    codes: frozenset[FindingCode] = frozenset()
    """Empty: all codes."""
    least: Severity = Severity.WARNING

    def __call__(self, finding: Finding) -> bool:
        """Tell whether a finding is among them."""
        fits = not self.codes or finding.code in self.codes
        return fits and _RANK[finding.severity] >= _RANK[self.least]


@dataclass(frozen=True, slots=True)
class ScopeRepairs:
    """The repairs in one scope."""

    scope: Scope
    caches: tuple[CacheRepairs, ...]

    @property
    def repairs(self) -> Iterator[Repair]:
        """All repairs, cache by cache."""
        for each in self.caches:
            yield from each.repairs


def collect_repairs(report: Report, selection: Selection) -> tuple[ScopeRepairs, ...]:
    """Choose repairs for the caches that are wanted or registered; others were not judged."""
    judged: dict[Scope, list[KnownCache]] = {}
    for item in report.items:
        if item.iam is not None and isinstance(item.found, KnownCache):
            judged.setdefault(item.scope, []).append(item.found)
    users = {
        each.scope: each.users_and_groups for each in report.scopes if isinstance(each, Complete)
    }
    repairs = (
        ScopeRepairs(scope, repairs_in_scope(caches, users.get(scope, UNKNOWN), selection))
        for scope, caches in sorted(judged.items(), key=lambda pair: pair[0].key)
    )
    return tuple(each for each in repairs if each.caches)
