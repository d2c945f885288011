"""The log of what clients asked the caches. Passwords are never in it."""

from dataclasses import dataclass
from datetime import datetime

from discovery.sandbox.calls import RecentCalls


@dataclass(frozen=True, slots=True)
class Call:
    """One command, or the beginning of a connection (`connect`), and how it ended."""

    at: datetime
    connection: int
    account_id: str | None
    region: str | None
    cache: str | None
    """None: the client named no host of a cache."""
    command: str
    user: str | None = None
    """Who was logged in afterwards."""
    error: str | None = None
    """Code of the refusal that was answered; None: there was none."""
    reason: str | None = None
    """What was wrong, which the client is not told."""


class CallLog(RecentCalls[Call]):
    """The latest commands and connections, oldest first."""

    def __init__(self, capacity: int = 10_000) -> None:
        super().__init__(capacity)
