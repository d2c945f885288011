"""An HTTP server for a few small read-only pages that strangers may request.

aiohttp's own server bounds neither connections nor their duration, and names itself with its
versions; these classes add that and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import structlog
from aiohttp import web

from discovery.model.descriptors import exhaustion

log = structlog.get_logger()

MAX_CONNECTIONS: Final = 64
"""Connections beyond this number are closed at once."""
CONNECTION_TIMEOUT_S: Final = 10.0
"""Longest duration of a connection, from the first packet to the last one of the answer."""
LOG_INTERVAL_S: Final = 60.0
"""Seconds between two log lines about connections that were not accepted."""
_NOT_ACCEPTED: Final = "socket.accept() out of system resource"

_HEADERS: Final = {
    "Server": "cachemuster",  # aiohttp's own names its version, and Python's
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

Page = Callable[[], web.Response]
"""Makes the response of one path."""
Answer = Callable[[web.BaseRequest], web.Response]
"""Makes the response of one path to a request that may be refused."""


class ReadOnlyServer(web.Server):
    """Serve pages to GET and HEAD, one request per connection; other paths are 404."""

    def __init__(
        self,
        pages: Mapping[str, Page],
        *,
        guarded: Mapping[str, Answer] = MappingProxyType({}),
        max_connections: int = MAX_CONNECTIONS,
        timeout_s: float = CONNECTION_TIMEOUT_S,
    ) -> None:
        super().__init__(self._answer)
        self._pages = pages
        self._guarded = guarded
        self._max_connections = max_connections
        self._timeout_s = timeout_s

    def __call__(self) -> web.RequestHandler:
        """Create the protocol for a new connection."""
        return _Connection(self, self._max_connections, self._timeout_s)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = self._answer_of(request.path)
        if answer is None:
            known = sorted({*self._pages, *self._guarded})
            return text_page(404, "nothing here; the pages are " + " ".join(known))
        if request.method not in ("GET", "HEAD"):
            refusal = text_page(405, "this page can only be read")
            refusal.headers["Allow"] = "GET, HEAD"
            return refusal
        return answer(request)

    def _answer_of(self, path: str) -> Answer | None:
        page = self._pages.get(path)
        return (lambda _request: page()) if page is not None else self._guarded.get(path)


class _Connection(web.RequestHandler):
    """One connection."""

    def __init__(self, server: ReadOnlyServer, max_connections: int, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(  # a request's body is not waited for
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # there is none
            lingering_time=0,
        )
        self._server = server
        self._max_connections = max_connections
        self._timeout_s = timeout_s
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close the connection at once when there are too many, else limit its duration."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP connection has one
        if len(self._server.connections) > self._max_connections:
            transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._timeout_s, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel the time limit."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer an error without quoting the request or what broke."""
        if status >= 500:
            log.error("page.broke", path=request.path, exc_info=exc)
        return text_page(status, "this cannot be answered")


class AcceptErrors:
    """Exception handler of an event loop that limits how often failed accepts are logged.

    Without file descriptors asyncio logs a traceback for each attempt, a hundred times a second.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._logged_at_s: float | None = None
        self._count = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log one error of the loop; failed accepts at most once per `LOG_INTERVAL_S`."""
        if context.get("message") != _NOT_ACCEPTED:
            loop.default_exception_handler(context)
            return
        self._count += 1
        now_s = self._now_s()
        if self._logged_at_s is not None and now_s - self._logged_at_s < LOG_INTERVAL_S:
            return
        error = context["exception"]
        log.error(
            "page.not_accepted",
            attempts=self._count,
            why=exhaustion(error) or str(error),
            next="sweeps continue as far as they can; connections are accepted again when some are "
            "closed",
        )
        self._logged_at_s, self._count = now_s, 0


def text_page(status: int, text: str) -> web.Response:
    """Response with one line of plain text."""
    return page(status, f"{text}\n".encode(), "text/plain; charset=utf-8")


def page(status: int, body: bytes | AsyncIterator[bytes], content_type: str) -> web.Response:
    """Response after which the connection is closed."""
    headers = {**_HEADERS, "Content-Type": content_type}
    response = web.Response(status=status, body=body, headers=headers)
    response.force_close()
    return response
