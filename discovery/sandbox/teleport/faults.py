"""Faults that can be injected into calls of Teleport: what goes wrong, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from grpclib.const import Status

from discovery.sandbox.faults import ANY
from discovery.sandbox.faults import Fault as CommonFault
from discovery.sandbox.teleport.changes import ClusterChange

CONNECT = "connect"
"""The method name of a connection being made; its `name` is the port: `proxy` or `auth`."""
FIND, WEB_PING = "find", "web-ping"
"""The method names of `/webapi/find` and `/webapi/ping`."""


class Effect(StrEnum):
    """What a fault does."""

    UNAVAILABLE = "unavailable"
    """Answers UNAVAILABLE; on the web 503."""
    EXHAUSTED = "exhausted"
    """Answers RESOURCE_EXHAUSTED, as a rate limit does; on the web 429."""
    ERROR = "error"
    """Answers `status` and `message`; on the web 500."""
    SLOW = "slow"
    """Waits `delay_s`."""
    DROP = "drop"
    """Resets the connection, and with it every call that is under way on it."""
    GOAWAY = "goodbye"
    """Ends the connection with GOAWAY, as a server does that is being stopped."""
    CONCURRENT_CHANGE = "meanwhile"
    """Somebody makes the change `deed` meanwhile."""
    CUT_OFF = "cut-off"
    """Sends half of the answer, then resets the connection."""
    GARBAGE = "garbage"
    """Answers bytes that are no message; on the web a page of HTML."""
    EMPTY = "empty"
    """Answers a message without any field."""
    SHORT_PAGES = "short-pages"
    """Pages are cut at `page_size` resources."""
    REPEATED_TOKEN = "repeated-token"  # noqa: S105 - a page token
    """Every page has the token with which it was asked."""


EITHER_SIDE = frozenset(
    {
        Effect.UNAVAILABLE,
        Effect.EXHAUSTED,
        Effect.ERROR,
        Effect.SLOW,
        Effect.DROP,
        Effect.GOAWAY,
        Effect.CONCURRENT_CHANGE,
    }
)
"""The effects that come before the server acts, or with `after` when it has acted."""

_ON_CONNECT = frozenset({Effect.DROP, Effect.SLOW})


_OUTSIDE_AUTH = frozenset({CONNECT, FIND, WEB_PING})


@dataclass(frozen=True, slots=True)
class CallSite:
    """The call that a fault may apply to: its method, and the resource that it is about."""

    method: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(CommonFault):
    """One thing that goes wrong. `method`, `name`: `*` is any call, any resource."""

    effects: ClassVar[type[StrEnum]] = Effect

    effect: Effect
    method: str = ANY
    """A method of Auth (`ListDatabases`), or `find`, `web-ping`, `connect`. `*`: Auth's."""
    name: str = ANY
    """The resource that the call is about."""
    after: bool = False
    """True: the server has acted when it comes; only the answer is lost, late or wrong."""
    status: str = "UNKNOWN"
    """Of effect error: a gRPC status by name."""
    deed: ClusterChange | None = None

    def matches(self, call: CallSite) -> bool:
        """Return whether the fault applies to this call."""
        named = self.method == call.method or (
            self.method == ANY and call.method not in _OUTSIDE_AUTH
        )
        return named and self.name in (ANY, call.name)

    def problems(self) -> Iterator[str]:
        """List what contradicts the effect."""
        if self.status not in Status.__members__ or self.status == "OK":
            yield f"no gRPC error status is called {self.status!r}"
        if self.effect is Effect.SLOW and self.delay_s <= 0:
            yield "effect slow needs delay_s"
        if (self.effect is Effect.CONCURRENT_CHANGE) != (self.deed is not None):
            yield "effect meanwhile needs a deed, and no other has one"
        if self.after and self.effect not in EITHER_SIDE:
            yield f"effect {self.effect} cannot come after"
        if self.method == CONNECT and (self.effect not in _ON_CONNECT or self.after):
            yield f"a connection has only {', '.join(sorted(_ON_CONNECT))}"
