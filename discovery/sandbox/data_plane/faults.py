"""Faults that can be injected into connections to caches, and into their commands."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from discovery.sandbox.faults import ANY
from discovery.sandbox.faults import Fault as CommonFault

CONNECT = "connect"
"""In place of a command: the beginning of a connection, when TLS has named the cache."""


class Effect(StrEnum):
    """What a fault does."""

    RESET = "reset"
    """Resets the connection: before TLS, or in place of a reply."""
    SILENT = "silent"
    """Never answers: the ClientHello, or the command."""
    LATENCY = "latency"
    """Waits `delay_s` before going on as usual."""
    ERROR = "error"
    """Answers a command with `message`, code and all: `ERR service is not available`."""
    UNTRUSTED_CERTIFICATE = "untrusted-certificate"
    """Shows a certificate of another authority."""
    OTHER_HOST_CERTIFICATE = "other-host-certificate"
    """Shows a certificate of another host."""
    EXPIRED_CERTIFICATE = "expired-certificate"
    """Shows a certificate that ended yesterday."""


_OF_CONNECTIONS = frozenset(
    {Effect.UNTRUSTED_CERTIFICATE, Effect.OTHER_HOST_CERTIFICATE, Effect.EXPIRED_CERTIFICATE}
)


@dataclass(frozen=True, slots=True)
class CallSite:
    """The command that a fault may apply to, and of which cache."""

    account: str
    region: str
    cache: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(CommonFault):
    """One thing that goes wrong. `account`, `region`, `cache`, `command`: `*` is any."""

    effects: ClassVar[type[StrEnum]] = Effect

    effect: Effect
    account: str = ANY
    region: str = ANY
    cache: str = ANY
    """The cache's name."""
    command: str = ANY
    """`PING`, `AUTH`, or `connect`. `*`: any command."""
    message: str = "ERR injected by a test"

    def matches(self, call: CallSite) -> bool:
        """Return whether the fault applies to this command."""
        named = self.command == call.command or (self.command == ANY and call.command != CONNECT)
        return (
            named
            and self.account in (ANY, call.account)
            and self.region in (ANY, call.region)
            and self.cache in (ANY, call.cache)
        )

    def problems(self) -> Iterator[str]:
        """List what contradicts the effect."""
        if self.effect is Effect.LATENCY and self.delay_s <= 0:
            yield "effect latency needs delay_s"
        if self.effect in _OF_CONNECTIONS and self.command != CONNECT:
            yield f"effect {self.effect} needs command {CONNECT}"
        if self.effect is Effect.ERROR and self.command == CONNECT:
            yield "effect error needs a command, not a connection"
        if self.command not in (ANY, CONNECT, self.command.upper()):
            yield f"commands are in capitals: {self.command.upper()}"
