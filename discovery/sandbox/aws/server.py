"""The HTTP server of the simulated AWS, on loopback only."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any

from aiohttp import web

from discovery.sandbox.aws.calls import CallLog
from discovery.sandbox.aws.control import AwsControlApi
from discovery.sandbox.aws.fault_effects import Response
from discovery.sandbox.aws.faults import Fault
from discovery.sandbox.aws.request_handler import RequestHandler
from discovery.sandbox.aws.wire.message import Request
from discovery.sandbox.aws.world import World
from discovery.sandbox.control import PREFIX, ControlApi
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.loopback import LOOPBACK, check_loopback, reset, serve_in_thread

_LARGEST_BODY = 1024 * 1024
_LARGEST_OBJECT = 64 * 1024 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class SimulatedAws:
    """A world behind AWS's wire formats, with its faults and the log of its calls."""

    def __init__(
        self,
        world: World,
        *,
        latencies: Mapping[str, float] = MappingProxyType({}),
        calls: CallLog | None = None,
    ) -> None:
        """Take the world to serve.

        `latencies`: least duration of a call to a region, in seconds.
        """
        self.world = world
        self.faults: FaultBoard[Fault] = FaultBoard()
        self.calls = calls or CallLog()
        self._handler = RequestHandler(world, self.faults, self.calls, latencies)
        self.controls: list[ControlApi[Any]] = [AwsControlApi(world, self.faults, self.calls)]
        """Control endpoints that this server answers; of those that fit, the last one does."""

    @asynccontextmanager
    async def serve(self, *, host: str = LOOPBACK, port: int = 0) -> AsyncIterator[str]:
        """Serve inside the `async with`, which gives the endpoint's URL; port 0 takes a free one.

        Raises OSError when the port is taken, and ValueError for a host off loopback.
        """
        check_loopback(host)
        # Whoever hangs up ends his request: one that is late by minutes does not outlive us.
        served = web.Server(self._handle, handler_cancellation=True)
        runner = web.ServerRunner(served, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            bound = runner.addresses[0]
            yield f"http://{bound[0]}:{bound[1]}"
        finally:
            await runner.cleanup()

    def serve_in_thread(
        self, *, host: str = LOOPBACK, port: int = 0
    ) -> AbstractContextManager[str]:
        """Serve as `serve` does, from a thread, for code that does not use asyncio."""
        return serve_in_thread(self.serve(host=host, port=port), "simulated-aws")

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(_CONTINUE)  # else the SDK holds an object back
        is_object = "/s3/aws4_request" in request.headers.get("Authorization", "")
        body = await _body(request, _LARGEST_OBJECT if is_object else _LARGEST_BODY)
        if request.path.startswith(PREFIX):
            fitting = [each for each in self.controls if request.path.startswith(each.prefix)]
            return fitting[-1].answer(request, body)
        headers = {name.lower(): value for name, value in request.headers.items()}
        outcome = self._handler.handle(Request(request.method, request.raw_path, headers, body))
        if outcome.later is not None and not outcome.reset:
            outcome = await outcome.later()
        if outcome.delay_s:
            await asyncio.sleep(outcome.delay_s)
        return await _send(request, outcome, self._date())

    def _date(self) -> str:
        """Return the sandbox's own time, so that a client's clock can be off against it."""
        return format_datetime(self.world.clock().astimezone(UTC), usegmt=True)


async def _body(request: web.BaseRequest, largest: int) -> bytes:
    body = bytearray(await request.content.read(largest + 1))
    while chunk := await request.content.read(largest + 1 - len(body)):
        body += chunk
    if len(body) > largest:
        raise web.HTTPRequestEntityTooLarge(largest, len(body))
    return bytes(body)


async def _send(request: web.BaseRequest, outcome: Response, date: str) -> web.StreamResponse:
    answer = outcome.answer
    headers = {"Content-Type": answer.content_type, "Date": date, **dict(answer.headers)}
    if not (outcome.reset or outcome.cut_off):
        return web.Response(status=answer.status, body=answer.body, headers=headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    if outcome.cut_off:
        response.content_length = len(answer.body)
        await response.prepare(request)
        await response.write(answer.body[: len(answer.body) // 2])
    if outcome.reset:
        reset(request.transport)
    elif request.transport is not None:
        request.transport.close()
    return response
