"""The log of the calls that the simulated AWS has answered."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from discovery.sandbox.calls import RecentCalls


@dataclass(frozen=True, slots=True)
class Call:
    """One request and how it ended."""

    at: datetime
    account_id: str | None
    """Whose key signed it; None when the key is unknown."""
    region: str
    service: str
    """As boto3 names it: `elasticache`, `resourcegroupstaggingapi`."""
    operation: str
    access_key_id: str
    """Empty when the request was not signed; such a call has `?` for what it does not say."""
    error: str | None
    """The error code that was answered, `(reset)` or `(cut off)` for a broken answer, or None."""
    members: Mapping[str, Any]
    """The input, as it was read; empty when it was refused before that."""


class CallLog(RecentCalls[Call]):
    """The latest calls of AWS, and how many there were of each operation."""

    def __init__(self, capacity: int = 100_000) -> None:
        super().__init__(capacity)
        self._tally: Counter[str] = Counter()

    def add(self, call: Call) -> None:
        """Append a call and count it."""
        super().add(call)
        self._tally[f"{call.service}:{call.operation}"] += 1

    def clear(self) -> None:
        """Forget every call and every count."""
        super().clear()
        self._tally.clear()

    @property
    def tally(self) -> Mapping[str, int]:
        """Number of calls by `service:Operation`, those forgotten included."""
        return dict(self._tally)

    def of(
        self,
        operation: str | None = None,
        *,
        account: str | None = None,
        region: str | None = None,
        service: str | None = None,
    ) -> tuple[Call, ...]:
        """Return the calls that match everything given."""
        return self.select(operation=operation, account_id=account, region=region, service=service)
