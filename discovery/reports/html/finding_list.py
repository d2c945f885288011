"""The findings by kind, each once for the caches that share it, with their repair commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from discovery.model.values import Finding, Scope
from discovery.reports.findings import FindingGroup, SharedFinding, finding_groups
from discovery.reports.html.anchors import finding_anchor
from discovery.reports.report import Report

_SHOWN: Final = 2_000
"""Findings of the page: what a browser shows within seconds."""
_NAMED: Final = 12
"""Caches of a finding that are named."""


@dataclass(frozen=True, slots=True)
class FindingEntry:
    """A finding with its place in the page."""

    anchor: str
    shared: SharedFinding

    @property
    def named(self) -> tuple[str, ...]:
        """Those of its caches that are named."""
        return self.shared.caches[:_NAMED]

    @property
    def unnamed(self) -> int:
        """How many of its caches are not."""
        return len(self.shared.caches) - len(self.named)


@dataclass(frozen=True, slots=True)
class FindingSection:
    """The findings of one kind that are on the page."""

    group: FindingGroup
    entries: tuple[FindingEntry, ...]

    @property
    def left_out(self) -> int:
        """How many of the kind are not on the page."""
        return len(self.group.findings) - len(self.entries)


@dataclass(frozen=True, slots=True)
class FindingList:
    """All findings by kind, and where each is."""

    sections: tuple[FindingSection, ...]
    anchors: Mapping[tuple[Scope, Finding], str]

    def anchor(self, scope: Scope, finding: Finding) -> str | None:
        """Return where a finding is; None when it is not on the page."""
        return self.anchors.get((scope, finding))


def finding_list(report: Report) -> FindingList:
    """Collect the findings of a report, the most pressing kind first."""
    sections = tuple(_sections(report))
    anchors = {
        (entry.shared.scope, entry.shared.finding): entry.anchor
        for section in sections
        for entry in section.entries
    }
    return FindingList(sections, anchors)


def _sections(report: Report) -> Iterator[FindingSection]:
    room, used = _SHOWN, Counter[str]()
    for group in finding_groups(report):
        shown = group.findings[:room]
        room -= len(shown)
        yield FindingSection(group, tuple(_entry(each, used) for each in shown))


def _entry(shared: SharedFinding, used: Counter[str]) -> FindingEntry:
    anchor = finding_anchor(shared)
    used[anchor] += 1
    number = used[anchor]  # more than one: of one subject, with other words or commands
    return FindingEntry(f"{anchor}-{number}" if number > 1 else anchor, shared)
