"""What a round of the service is about; metrics and logs tell rounds apart by it."""

from __future__ import annotations

from enum import StrEnum


class SweepKind(StrEnum):
    """What a round is about."""

    SWEEP = "sweep"
    """Every scope of this process."""
    RESCAN = "rescan"
    """The scopes that events named."""
