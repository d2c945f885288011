"""The Proxy's web side: `/webapi/find`, `/webapi/ping`, and the control endpoints.

Source: teleport/README: Proxy answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakSet

from aiohttp import web
from grpclib.const import Status

from discovery.sandbox import loopback
from discovery.sandbox.control import PREFIX
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.teleport.calls import Call, CallLog
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.control import TeleportControlApi
from discovery.sandbox.teleport.fault_effects import Dropped, GoAway, apply_faults
from discovery.sandbox.teleport.faults import CONNECT, FIND, WEB_PING, CallSite, Effect, Fault
from discovery.sandbox.teleport.service import RpcError

_METHODS = {"/webapi/find": FIND, "/webapi/ping": WEB_PING}
_STATUSES = {Status.UNAVAILABLE: 503, Status.RESOURCE_EXHAUSTED: 429}
_HTML = "<html><head><title>Sign in</title></head><body>Not what was asked for.</body></html>"


class Web:
    """Answers HTTP requests."""

    def __init__(
        self,
        cluster: Cluster,
        faults: FaultBoard[Fault],
        calls: CallLog,
        controls: TeleportControlApi,
        address: Callable[[], str],
    ) -> None:
        self._cluster = cluster
        self._faults = faults
        self._calls = calls
        self._controls = controls
        self._address = address
        self._connected: WeakSet[asyncio.BaseTransport] = WeakSet()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request and log the call, unless it is to a control endpoint."""
        if request.path.startswith(PREFIX):
            return self._controls.answer(request, await request.read())
        call = Call(
            at=self._cluster.clock(),
            connection=0,
            port="web",
            user="",
            method=request.path,
            headers={name.lower(): value for name, value in request.headers.items()},
        )
        self._calls.add(call)
        outcome = "(cancelled)"
        try:
            await self._connect(request.transport)
            response = await self._answer(request)
            outcome = str(response.status)
        except (Dropped, GoAway):
            outcome = "(dropped)"
            loopback.reset(request.transport)
            return web.Response()
        finally:
            self._calls.end(call, outcome)
        return response

    async def _connect(self, transport: asyncio.BaseTransport | None) -> None:
        """Apply the faults of a connection being made. Raises Dropped."""
        if transport is None or transport in self._connected:
            return
        self._connected.add(transport)
        active = self._faults.consume(CallSite(CONNECT, "proxy"))
        await apply_faults(active, self._cluster, "", after=False)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        method = _METHODS.get(request.path.removeprefix("/v1"))
        if method is None:
            return _failure(404, "path not found")
        if request.method != "GET":
            return _failure(405, "method not allowed")
        active = self._faults.consume(CallSite(method))
        try:
            await apply_faults(active, self._cluster, "", after=False)
            await apply_faults(active, self._cluster, "", after=True)
        except RpcError as error:
            return _failure(_STATUSES.get(error.status, 500), error.message)
        effects = {fault.effect for fault in active}
        if effects & {Effect.GARBAGE, Effect.CUT_OFF}:
            return web.Response(text=_HTML, content_type="text/html")
        if Effect.EMPTY in effects:
            return web.json_response({})
        return web.json_response(self.found())

    def found(self) -> Mapping[str, Any]:
        """Return what the Proxy says of itself to anybody."""
        version = self._cluster.release.version
        address = self._address()
        return {
            "auth": {"signature_algorithm_suite": "SIGNATURE_ALGORITHM_SUITE_BALANCED_V1"},
            "proxy": {
                "kube": {"enabled": False},
                "ssh": {
                    "listen_addr": "0.0.0.0:3023",
                    "tunnel_listen_addr": "0.0.0.0:3024",
                    "web_listen_addr": address,
                    "public_addr": address,
                },
                "db": {},
                "tls_routing_enabled": self._cluster.behaviour.tls_routing,
            },
            "server_version": version,
            "min_client_version": f"{int(version.split('.')[0]) - 1}.0.0-aa",
            "cluster_name": self._cluster.name,
            "automatic_upgrades": False,
            "edition": "oss",
            "fips": False,
        }


def _failure(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status)
