"""Faults on demand: what goes wrong, with which call, and how often."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from grpclib.const import Status

from discovery.sandbox.teleport.changes import ClusterChange

ANY = "*"
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
    GOODBYE = "goodbye"
    """Ends the connection with GOAWAY, as a server does that is being stopped."""
    MEANWHILE = "meanwhile"
    """Somebody does `deed`."""
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
        Effect.GOODBYE,
        Effect.MEANWHILE,
    }
)
"""The effects that come before the server acts, or with `after` when it has acted."""

_ON_CONNECT = frozenset({Effect.DROP, Effect.SLOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong. `method`, `name`: `*` is any call, any resource."""

    effect: Effect
    method: str = ANY
    """A method of Auth (`ListDatabases`), or `find`, `web-ping`, `connect`. `*`: Auth's."""
    name: str = ANY
    """The resource that the call is about."""
    after: bool = False
    """True: the server has acted when it comes; only the answer is lost, late or wrong."""
    times: int | None = None
    """For how many calls; None: for ever."""
    skip: int = 0
    """How many matching calls pass before it begins."""
    status: str = "UNKNOWN"
    """Of effect error: a gRPC status by name."""
    message: str = "injected by a test"
    delay_s: float = 0.0
    page_size: int = 1
    deed: ClusterChange | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "effect", Effect(self.effect))
        problem = next(_problems(self), None)
        if problem:
            raise ValueError(problem)

    def matches(self, method: str, name: str) -> bool:
        """Whether a call is one that this fault is for."""
        named = self.method == method or (self.method == ANY and method not in _OUTSIDE)
        return named and self.name in (ANY, name)


_OUTSIDE = frozenset({CONNECT, FIND, WEB_PING})


def _problems(fault: Fault) -> Iterator[str]:
    if fault.status not in Status.__members__ or fault.status == "OK":
        yield f"no gRPC error status is called {fault.status!r}"
    if fault.effect is Effect.SLOW and fault.delay_s <= 0:
        yield "effect slow needs delay_s"
    if (fault.effect is Effect.MEANWHILE) != (fault.deed is not None):
        yield "effect meanwhile needs a deed, and no other has one"
    if fault.after and fault.effect not in EITHER_SIDE:
        yield f"effect {fault.effect} cannot come after"
    if fault.method == CONNECT and (fault.effect not in _ON_CONNECT or fault.after):
        yield f"a connection has only {', '.join(sorted(_ON_CONNECT))}"
    if fault.page_size < 1:
        yield "page_size is at least 1"
    if (fault.times is not None and fault.times < 1) or fault.skip < 0:
        yield "times is at least 1, skip at least 0"


class FaultBoard:
    """The faults in force."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._matched: dict[int, int] = {}
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[tuple[int, Fault]]:
        return iter(tuple(self._faults.items()))

    def add(self, fault: Fault) -> int:
        """The fault is in force; answers its number."""
        number = next(self._numbers)
        self._matched[number] = 0
        self._faults[number] = fault
        return number

    def remove(self, number: int) -> bool:
        """The fault is not in force; answers whether it was."""
        self._matched.pop(number, None)
        return self._faults.pop(number, None) is not None

    def clear(self) -> None:
        """No fault is in force."""
        self._faults.clear()
        self._matched.clear()

    def strike(self, method: str, name: str) -> tuple[Fault, ...]:
        """The faults that this call meets; each has been used once more."""
        return tuple(
            fault
            for number, fault in tuple(self._faults.items())
            if fault.matches(method, name) and self._use(number, fault)
        )

    def _use(self, number: int, fault: Fault) -> bool:
        used = self._matched[number] = self._matched[number] + 1
        if used <= fault.skip:
            return False
        if fault.times is not None and used >= fault.skip + fault.times:
            self.remove(number)
        return True
