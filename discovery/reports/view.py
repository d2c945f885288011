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


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a command shows a report to people; the document is the same for every view."""

    title: str
    """The command: `sweep` or `audit`."""
    findings: bool
    """IAM findings with their repairs, not only their number."""
    verbose: bool = False
    """Everything is listed, nothing only counted."""
