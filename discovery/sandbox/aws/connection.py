"""A connection of an SDK: `POST /` with a short body, then the next one when that is answered.

Nearly every call of AWS is such a request, and reading it takes a few lines. At the first other one
(a path, a long body, two requests at once, anything malformed) aiohttp takes the connection over,
with all that was not answered yet.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from http import HTTPStatus

from aiohttp.http import SERVER_SOFTWARE

from discovery.sandbox.aws.fault_effects import Response
from discovery.sandbox.aws.wire.message import Answer, Request
from discovery.sandbox.loopback import reset

_START = b"POST / HTTP/1.1\r\n"
_LONGEST_HEAD = 8000
_LONGEST_BODY = 64 * 1024
_MOST_UNREAD = 1024 * 1024
"""Of a client that sends on without waiting for its answer."""

_TO_AIOHTTP = frozenset(
    {"connection", "content-encoding", "expect", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that change how a request is read, or what becomes of its connection."""


class Unread(Enum):
    """Why bytes are no request to answer here."""

    UNFINISHED = "unfinished"
    """More of it is still to come."""
    UNUSUAL = "unusual"
    """It is for aiohttp."""


class Connection(asyncio.Protocol):
    """Reads requests, answers each when its time has come, and does what faults do to it."""

    def __init__(
        self,
        handle: Callable[[Request], Response],
        date: Callable[[], str],
        take_over: Callable[[], asyncio.Protocol],
        opened: "set[Connection]",
    ) -> None:
        """Take what answers.

        Args:
            handle: Answers a request.
            date: Gives the Date of an answer.
            take_over: Makes aiohttp's protocol for this connection.
            opened: Every connection that is open and not aiohttp's.
        """
        self._handle = handle
        self._date = date
        self._take_over = take_over
        self._opened = opened
        self._transport: asyncio.Transport
        self._unread = b""
        self._answering: asyncio.TimerHandle | asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - as of every TCP server
        self._transport = transport
        self._opened.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request under way: whoever hangs up wants no answer."""
        del exc
        self._opened.discard(self)
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer the request when it is whole."""
        self._unread += data
        if self._answering is None:
            self._answer()
        elif len(self._unread) > _MOST_UNREAD:
            self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def _answer(self) -> None:
        request = read_request(self._unread)
        if request is Unread.UNFINISHED:
            return
        if request is Unread.UNUSUAL:
            self._give_to_aiohttp()
            return
        self._unread = b""
        outcome = self._handle(request)
        if outcome.later is None or outcome.reset:
            self._write_in_time(outcome)
        else:
            self._answering = asyncio.ensure_future(self._write_later(outcome.later))

    async def _write_later(self, later: Callable[[], Awaitable[Response]]) -> None:
        self._write_in_time(await later())

    def _write_in_time(self, outcome: Response) -> None:
        if outcome.delay_s:
            loop = asyncio.get_running_loop()
            self._answering = loop.call_later(outcome.delay_s, self._write, outcome)
        else:
            self._write(outcome)

    def _write(self, outcome: Response) -> None:
        self._answering = None
        head = _head(outcome.answer, self._date())
        body = outcome.answer.body if _has_body(outcome.answer) else b""
        if outcome.cut_off:
            self._transport.write(head + body[: len(body) // 2])
        elif not outcome.reset:
            self._transport.write(head + body)
        if outcome.reset:
            reset(self._transport)
        elif outcome.cut_off:
            self._transport.close()
        elif self._unread:
            self._answer()

    def _give_to_aiohttp(self) -> None:
        self._opened.discard(self)
        protocol = self._take_over()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._unread)


def read_request(data: bytes) -> Request | Unread:
    """Return the request that these bytes are, if it is one of the usual form."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not (head.startswith(_START) or _START.startswith(head)) or len(head) > _LONGEST_HEAD:
        return Unread.UNUSUAL
    if not end:
        return Unread.UNFINISHED
    headers = _read_headers(head.removeprefix(_START))
    length = (headers or {}).get("content-length", "")
    if headers is None or not length.isdecimal() or int(length) > _LONGEST_BODY:
        return Unread.UNUSUAL
    missing = int(length) - len(body)
    if missing > 0:
        return Unread.UNFINISHED
    return Request("POST", "/", headers, body) if missing == 0 else Unread.UNUSUAL


def _read_headers(lines: bytes) -> dict[str, str] | None:
    """Return headers by name in lower case; None when one of them is unusual."""
    if not lines.isascii():
        return None
    headers: dict[str, str] = {}
    for line in lines.decode("ascii").split("\r\n"):
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        is_plain = colon and name.replace("-", "").isalnum() and value.isprintable()
        if not is_plain or name in headers or name in _TO_AIOHTTP:
            return None
        headers[name] = value
    return headers


def _head(answer: Answer, date: str) -> bytes:
    """Return an answer's first line and headers, as aiohttp writes them. Raises ValueError."""
    headers = {"Content-Type": answer.content_type, "Date": date, **dict(answer.headers)}
    if _has_body(answer):
        headers["Content-Length"] = str(len(answer.body))
    headers["Server"] = SERVER_SOFTWARE
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header of the answer holds the end of a line")
    first = f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, '')}"
    return "\r\n".join((first, *lines, "", "")).encode()


def _has_body(answer: Answer) -> bool:
    return answer.status >= HTTPStatus.OK and answer.status not in _WITHOUT_BODY


_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
