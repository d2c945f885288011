"""How a reader wants a report; what it says does not depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """What `--format` takes."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a command shows of a report for people."""

    title: str
    """The command: `sweep` or `audit`."""
    findings: bool
    """IAM findings with their repairs, not only their number."""
    verbose: bool = False
    """Everything is listed, nothing only counted."""
