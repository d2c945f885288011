"""How a reader wants a report; what it says does not depend on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a command shows of a report for people."""

    title: str
    """The command: `sweep` or `audit`."""
    findings: bool
    """IAM findings with their repairs, not only their number."""
    verbose: bool = False
    """Everything is listed, nothing only counted."""
