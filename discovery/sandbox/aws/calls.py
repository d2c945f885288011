"""What was asked of the sandbox, for tests to read."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


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


class CallLog:
    """The latest calls, oldest first."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._calls: deque[Call] = deque(maxlen=capacity)
        self._tally: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """`call` is the latest."""
        self._calls.append(call)
        self._tally[f"{call.service}:{call.operation}"] += 1

    def clear(self) -> None:
        """No call was made."""
        self._calls.clear()
        self._tally.clear()

    @property
    def tally(self) -> Mapping[str, int]:
        """How many calls there were of each `service:Operation`, those forgotten included."""
        return dict(self._tally)

    def of(
        self,
        operation: str | None = None,
        *,
        account: str | None = None,
        region: str | None = None,
        service: str | None = None,
    ) -> tuple[Call, ...]:
        """The calls that match everything that is given."""
        return tuple(
            call
            for call in self
            if operation in (None, call.operation)
            and account in (None, call.account_id)
            and region in (None, call.region)
            and service in (None, call.service)
        )
