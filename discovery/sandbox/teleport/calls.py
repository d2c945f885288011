"""What was asked of the simulated Teleport, and who came to ask, for tests to read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

WRITES = frozenset({"CreateDatabase", "UpdateDatabase", "DeleteDatabase"})

UNDER_WAY = "(under way)"


@dataclass(slots=True)
class Call:
    """One call and how it ended."""

    at: datetime
    connection: int
    """The number of the handshake that it came through."""
    port: str
    """`proxy`, `auth`, or `web`."""
    user: str
    """Who asked; empty without a client certificate and on the web."""
    method: str
    """Auth's method, or the path of a web request."""
    name: str = ""
    """The resource that it is about."""
    headers: Mapping[str, str] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    size_bytes: int = 0
    """Of the request message."""
    outcome: str = UNDER_WAY
    """`OK`, a gRPC status, an HTTP status, `(dropped)`, `(cancelled)`."""


@dataclass(slots=True)
class Handshake:
    """One connection, as far as it came."""

    number: int
    at: datetime
    port: str
    """`proxy` or `auth`."""
    server_name: str = ""
    alpn: tuple[str, ...] = ()
    """What the client offered, in its order."""
    led_to: str = ""
    """`auth` or `web`; empty when it led nowhere."""
    user: str = ""
    certificates: int = 0
    """How many certificates the client sent."""
    refusal: str = ""
    """Why nothing came of it."""


class CallLog:
    """The latest calls and handshakes, oldest first."""

    def __init__(self, capacity: int = 50_000) -> None:
        self._calls: deque[Call] = deque(maxlen=capacity)
        self.handshakes: deque[Handshake] = deque(maxlen=capacity)
        self._writes = 0
        self.most_writes_at_once = 0

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def begin(self, call: Call) -> None:
        """`call` is the latest, and under way."""
        self._calls.append(call)
        if call.method in WRITES:
            self._writes += 1
            self.most_writes_at_once = max(self.most_writes_at_once, self._writes)

    def end(self, call: Call, outcome: str) -> None:
        """`call` has ended so."""
        call.outcome = outcome
        if call.method in WRITES:
            self._writes -= 1

    def clear(self) -> None:
        """No call was made, nobody came. Numbers of connections go on."""
        self._calls.clear()
        self.handshakes.clear()
        self.most_writes_at_once = self._writes

    def of(
        self, *methods: str, name: str | None = None, outcome: str | None = None
    ) -> tuple[Call, ...]:
        """The calls of these methods (any when none is given) that match what is given."""
        return tuple(
            call
            for call in self
            if (not methods or call.method in methods)
            and name in (None, call.name)
            and outcome in (None, call.outcome)
        )

    @property
    def writes(self) -> tuple[tuple[str, str], ...]:
        """(method, name) of every call that writes."""
        return tuple((call.method, call.name) for call in self if call.method in WRITES)
