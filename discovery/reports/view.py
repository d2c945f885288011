"""How a command shows a report: the format, and what of it is listed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """Values of `--format`."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    CSV = "csv"


class Detail(StrEnum):
    """How much of a report is listed."""

    SUMMARY = "summary"
    """One screen for any fleet: totals, and what needs somebody."""
    NORMAL = "normal"
    """What needs somebody first; long lists end with how many more there are."""
    FULL = "full"
    """Everything."""


class GroupBy(StrEnum):
    """Values of `--group-by`: what items are listed under."""

    ACCOUNT = "account"
    REGION = "region"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a command shows a report to people; the document is the same for every view."""

    title: str
    """The command: `sweep` or `audit`."""
    findings: bool
    """IAM findings with their repairs, not only their number."""
    detail: Detail = Detail.NORMAL
    group_by: GroupBy | None = None

    @property
    def full(self) -> bool:
        """Whether everything is listed."""
        return self.detail is Detail.FULL
