"""The log of the calls that the simulated Teleport has answered, and of its handshakes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from discovery.sandbox.calls import RecentCalls

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
    """The caller; empty without a client certificate and on the web."""
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
    """Why the connection was refused."""


class CallLog(RecentCalls[Call]):
    """The latest calls of Teleport and the latest handshakes, oldest first."""

    def __init__(self, capacity: int = 50_000) -> None:
        super().__init__(capacity)
        self.handshakes: deque[Handshake] = deque(maxlen=capacity)
        self._writes = 0
        self.most_writes_at_once = 0

    def add(self, call: Call) -> None:
        """Append a call that is under way."""
        super().add(call)
        if call.method in WRITES:
            self._writes += 1
            self.most_writes_at_once = max(self.most_writes_at_once, self._writes)

    def end(self, call: Call, outcome: str) -> None:
        """Record how a call ended."""
        call.outcome = outcome
        if call.method in WRITES:
            self._writes -= 1

    def clear(self) -> None:
        """Forget every call and handshake. Numbers of connections go on."""
        super().clear()
        self.handshakes.clear()
        self.most_writes_at_once = self._writes

    def of(
        self, *methods: str, name: str | None = None, outcome: str | None = None
    ) -> tuple[Call, ...]:
        """Return the calls of these methods (none: of any) that match what is given."""
        calls = self.select(name=name, outcome=outcome)
        return tuple(call for call in calls if not methods or call.method in methods)

    @property
    def writes(self) -> tuple[tuple[str, str], ...]:
        """(method, name) of every call that writes."""
        return tuple((call.method, call.name) for call in self.of(*WRITES))
