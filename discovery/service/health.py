"""Serve `/healthz`, `/readyz` and `/metrics` on `service.listen`.

Whoever can reach the port may read these, so none names a cache or quotes AWS or Teleport; the last
report stands beside them where `service.page` lets somebody read it. A client costs little: one
request per connection, few connections, a few seconds each. All clients together get a quarter of
the file descriptors of the process: sweeps need the rest.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from aiohttp import web

from discovery.config.fields import HostPort
from discovery.model.descriptors import descriptor_limit
from discovery.service.errors import CannotListen
from discovery.service.heartbeat import Heartbeat
from discovery.service.metrics import Metrics
from discovery.service.read_only_server import (
    MAX_CONNECTIONS,
    AcceptErrors,
    Answer,
    ReadOnlyServer,
    page,
    text_page,
)

_SHUTDOWN_TIMEOUT_S: Final = 1.0
"""How long running answers may take when the service stops."""


_MAX_BACKLOG: Final = 128


@dataclass(slots=True, kw_only=True)
class HealthState:
    """Health of the service, updated by its loop, its runs and its identity checks."""

    heartbeat: Heartbeat
    max_age: timedelta
    """How old the heartbeat may be (`heartbeat_limit`)."""
    first_sweep_done: bool = False
    """True once a whole sweep has finished."""
    sweep_failed: bool = False
    """True while the last whole sweep did not finish."""
    state_error: str | None = None
    """Code of why the state file cannot be used, such as `LOCKED`; None: it can."""
    control_plane_error: str | None = None
    """Code of the error that the control plane last answered with; None: it answers."""

    def is_alive(self) -> tuple[bool, str]:
        """Whether the loop made progress recently, and a line that says so."""
        age_s = self.heartbeat.age_s
        alive = age_s <= self.max_age.total_seconds()
        message = (
            f"the loop moved {age_s:.0f} s ago; red after {self.max_age.total_seconds():.0f} s"
        )
        return alive, message

    def is_ready(self) -> tuple[bool, str]:
        """Whether a whole sweep has finished yet, and a line with all current problems.

        Later trouble with Teleport or the state file takes no readiness away: nothing else could
        take over, and a status page that says what is wrong is of most use then. Metrics and alerts
        report it.
        """
        errors = self.problems()
        parts = ["ready", *errors] if self.first_sweep_done else errors
        return self.first_sweep_done, "; ".join(parts)

    def problems(self) -> list[str]:
        """All current problems, without text of AWS or Teleport."""
        errors = []
        if not self.first_sweep_done:
            errors.append("the first sweep has not come to its end")
        elif self.sweep_failed:
            errors.append("the last sweep did not come to its end")
        if self.state_error is not None:
            errors.append(f"state: {_code(self.state_error)}")
        if self.control_plane_error is not None:
            errors.append(f"control plane: {_code(self.control_plane_error)}")
        return errors


def _code(trouble: str) -> str:
    """The text if it is a code, else `TROUBLE`: a message may quote what not everybody may read."""
    is_code = trouble.isascii() and trouble.replace("_", "").isalnum() and trouble.isupper()
    return trouble if is_code and len(trouble) <= 40 else "TROUBLE"


@asynccontextmanager
async def serve_health(
    listen: HostPort,
    health: HealthState,
    metrics: Metrics,
    guarded: Mapping[str, Answer] = MappingProxyType({}),
) -> AsyncIterator[HostPort]:
    """Serve the pages while the context is open; yields the address, with the port that 0 took.

    `guarded`: pages that decide by themselves who may read them. Raises: CannotListen.
    """
    pages = {
        "/healthz": lambda: _probe(*health.is_alive()),
        "/readyz": lambda: _probe(*health.is_ready()),
        "/metrics": lambda: page(200, *metrics.render()),
    }
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    most = max(1, min(MAX_CONNECTIONS, descriptor_limit() // 4))
    runner = web.ServerRunner(
        ReadOnlyServer(pages, guarded=guarded, max_connections=most),
        shutdown_timeout=_SHUTDOWN_TIMEOUT_S,
    )
    await runner.setup()
    loop.set_exception_handler(AcceptErrors())
    try:
        await _listen(runner, listen)
        host, port = runner.addresses[0][:2]
        yield HostPort(listen.host if listen.is_every_address else host, port)
    finally:
        await runner.cleanup()
        loop.set_exception_handler(handler)


def _probe(is_well: bool, message: str) -> web.Response:  # noqa: FBT001 - as the vitals give it
    return text_page(200 if is_well else 503, message)


async def _listen(runner: web.ServerRunner, listen: HostPort) -> None:
    # So many are accepted in one go, before those that are too many can be turned away.
    at_once = max(1, min(_MAX_BACKLOG, descriptor_limit() // 8))
    try:
        if listen.is_every_address:
            site: web.BaseSite = web.SockSite(runner, _every_address(listen.port), backlog=at_once)
        else:
            site = web.TCPSite(runner, listen.host, listen.port, backlog=at_once)
        await site.start()
    except OSError as error:
        raise CannotListen(
            f"health and metrics cannot be served on {listen}: {_why(error)}. Nothing was started "
            "or changed. Free that address, or name another in service.listen; port 0 takes any "
            "free one"
        ) from error


def _every_address(port: int) -> socket.socket:
    """One socket for both families, so that port 0 is one port too; IPv4 alone without IPv6.

    Raises: OSError.
    """
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _why(error: OSError) -> str:
    """The system's words for an error, without what asyncio adds."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__  # of a name that does not resolve
