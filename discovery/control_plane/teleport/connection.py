"""The long-lived connection to Auth: opened when needed, renewed with the identity."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from discovery.config.control_plane import Route, Teleport
from discovery.control_plane.base import ControlPlaneError, Denied, Unavailable
from discovery.control_plane.teleport.dial import Dialer
from discovery.control_plane.teleport.errors import (
    Attempt,
    NoRoute,
    TooOld,
    Untrusted,
    too_many_certificates,
)
from discovery.control_plane.teleport.grpc_channel import GrpcConnection
from discovery.control_plane.teleport.http_proxy import forward_proxy
from discovery.control_plane.teleport.identity import Identity
from discovery.control_plane.teleport.identity_file import IdentityFile
from discovery.control_plane.teleport.methods import PING, Method, Request, Response
from discovery.control_plane.teleport.routes import DialTarget, NoProxyService, ProxyInfo, find
from discovery.control_plane.teleport.teleport_pb2 import PingRequest, PingResponse
from discovery.model.values import Clock

log = structlog.get_logger()

OLDEST: Final = (18, 2, 2)
"""First release that knows ElastiCache Serverless (teleport/README: Versions)."""
CALL_DEADLINE_S: Final = 10.0
RENEW_AGAIN_S: Final = 30.0
"""Pause after a connection as a new identity failed, while the old one goes on."""
_VERSION: Final = re.compile(r"v?([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})([-+].*)?")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection, and as whom the agent speaks."""

    identity: Identity
    target: DialTarget
    cluster: str
    version: str


@dataclass(slots=True)
class _Session:
    connection: GrpcConnection
    peer: Peer


@dataclass(slots=True)
class AuthConnection:
    """Make calls to the Auth Service of one configuration."""

    settings: Teleport
    clock: Clock
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _identities: IdentityFile = field(init=False)
    _session: _Session | None = field(default=None, init=False)
    _dialer: Dialer | None = field(default=None, init=False)
    _next_try_at: float = field(default=0.0, init=False)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        self._identities = IdentityFile(
            self.settings.identity_file, clock=self.clock, sleep=self.sleep
        )

    @property
    def last_peer(self) -> Peer | None:
        """Who answered when the latest connection was opened; None: nobody yet."""
        return self._session.peer if self._session is not None else None

    async def peer(self) -> Peer:
        """Say who answers, connecting where there is no connection. Raises: ControlPlaneError."""
        return (await self._open_session()).peer

    async def call(
        self,
        method: Method[Request, Response],
        request: Request,
        attempt: Attempt,
        *,
        deadline_s: float = CALL_DEADLINE_S,
    ) -> Response:
        """Make one call, once: only the caller knows whether it may be retried.

        Raises: ControlPlaneError.
        """
        session = await self._open_session()
        return await _call_as(session, method, request, attempt, deadline_s)

    async def close(self) -> None:
        """Close the connection; the next call opens another."""
        session, self._session = self._session, None
        if session is not None:
            session.connection.close()
            await session.connection.wait_closed()

    async def _open_session(self) -> _Session:
        """Connect as the identity of the moment. A replaced session ends its calls first."""
        async with self._opening:
            before = self._session
            if before is not None and not before.connection.is_usable:
                before.connection.retire()
                before = None
            identity = await self._identities.current(reread=before is None)
            if before is not None and (
                before.peer.identity.digest == identity.digest or self._is_too_early(before)
            ):
                return before
            try:
                self._session = await self._open(identity)
            except ControlPlaneError as error:
                if before is None or before.peer.identity.expires_at <= self.clock():
                    raise
                # The old identity is still good, and nothing is gained by losing calls now.
                log.warning("teleport.connection_kept", why=str(error))
                self._next_try_at = time.monotonic() + RENEW_AGAIN_S
                return before
            if before is not None:
                before.connection.retire()
            return self._session

    def _is_too_early(self, before: _Session) -> bool:
        """Tell whether a failed renewal has to wait, and the session at hand still serves."""
        is_good = before.peer.identity.expires_at > self.clock()
        return is_good and time.monotonic() < self._next_try_at

    async def _open(self, identity: Identity) -> _Session:
        dialer, connection = await self._dial(identity)
        self._dialer = dialer
        unknown = Peer(identity, dialer.target, identity.cluster, "")
        attempt = Attempt("asking who answers", "", kind="cluster")
        try:
            pong = await _call_as(
                _Session(connection, unknown), PING, PingRequest(), attempt, CALL_DEADLINE_S
            )
            peer = _verify_peer(pong, unknown, allow_older=self.settings.allow_older)
        except BaseException as error:
            was_cut = not connection.is_usable
            connection.close()
            if identity.is_chained and isinstance(error, Unavailable | Denied):
                raise Denied(too_many_certificates(str(unknown.target))) from error
            if was_cut and isinstance(error, Unavailable):  # Auth closes what it refuses unsaid
                text = f"{error}. If it does so every time, the log of the Auth Service says why"
                raise Unavailable(text) from error
            raise
        log.info(
            "teleport.connected",
            cluster=peer.cluster,
            version=peer.version,
            way=str(peer.target),
            user=identity.user,
            expires_at=identity.expires_at.isoformat(),
        )
        return _Session(connection, peer)

    async def _dial(self, identity: Identity) -> tuple[Dialer, GrpcConnection]:
        """Connect by the route that works, which is found out once."""
        if self._dialer is not None:
            return self._dialer, await self._dialer.connect(identity)
        address, route = self.settings.address, self.settings.route
        proxy = forward_proxy(self.environ, address.host, address.port)
        if route is not Route.AUTO:
            dialer = Dialer(DialTarget(address, route), proxy)
            return dialer, await dialer.connect(identity)
        try:
            found = await find(address, proxy)
        except NoProxyService as reason:
            dialer = Dialer(DialTarget(address, Route.AUTH), proxy)
            try:
                return dialer, await dialer.connect(identity)
            except (Untrusted, NoRoute, Unavailable) as error:
                raise NoRoute(
                    f"{address} is neither a Proxy Service ({reason}) nor an Auth Service "
                    f"({error}). If it is a Proxy Service, `route: proxy` asks no more"
                ) from error
        dialer = Dialer(_via_proxy(address, found, identity), proxy)
        return dialer, await dialer.connect(identity)


def _via_proxy(address: Any, found: ProxyInfo, identity: Identity) -> DialTarget:
    """Choose the route through a Proxy Service that said who it is. Raises: Untrusted."""
    if found.cluster and found.cluster != identity.cluster:
        raise Untrusted(
            f"the Proxy Service at {address} is of cluster {found.cluster}, and the identity file "
            f"of {identity.cluster}: name the address or the file of the other"
        )
    remark = (
        ""
        if found.has_tls_routing
        else "The Proxy Service says that TLS routing is off; if so, use `route: auth` with the "
        "address of the Auth Service"
    )
    return DialTarget(address, Route.PROXY, remark)


def _verify_peer(pong: PingResponse, unknown: Peer, *, allow_older: bool) -> Peer:
    """Check cluster and version of who answered. Raises: Untrusted, TooOld."""
    identity, target = unknown.identity, unknown.target
    if pong.cluster_name != identity.cluster:
        raise Untrusted(
            f"{target} is of cluster {pong.cluster_name!r}, and the identity file of "
            f"{identity.cluster!r}: name the address or the file of the other"
        )
    if is_too_old(pong.server_version) and not allow_older:
        raise TooOld(
            f"cluster {identity.cluster} runs Teleport {pong.server_version or 'unknown'}, and "
            "ElastiCache Serverless needs 18.2.2 or later: an older one accepts the databases "
            "and takes them for RDS. Upgrade the Auth Service and the Database Services, or set "
            "`allow_older: true` to register all the same"
        )
    return Peer(identity, target, pong.cluster_name, pong.server_version)


def is_too_old(version: str) -> bool:
    """Tell whether a version is, or may be, older than the first that knows the field.

    A version before a release, such as 18.2.2-rc.1, is older than that release.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        return True
    numbers = (int(match[1]), int(match[2]), int(match[3]))
    is_before_release = bool(match[4] and match[4].startswith("-"))
    return numbers < OLDEST or (numbers == OLDEST and is_before_release)


async def _call_as(
    session: _Session,
    method: Method[Request, Response],
    request: Request,
    attempt: Attempt,
    deadline_s: float,
) -> Response:
    peer = session.peer
    named = attempt.as_user(peer.identity.user, str(peer.target))
    return await session.connection.call(method, request, named, deadline_s=deadline_s)
