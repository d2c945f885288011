"""A request that is read without aiohttp is the one that aiohttp reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from discovery.sandbox.aws.connection import Unread, read_request
from discovery.sandbox.aws.wire.message import Request

USUAL = b"POST / HTTP/1.1\r\nHost: 127.0.0.1:80\r\nX-Amz-Date: now\r\nContent-Length: 3\r\n\r\na=b"

PIECES = st.sampled_from(
    [
        *(b"POST / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n", b"\r\n", b"\n"),
        *(
            b"Host: x\r\n",
            b"host:x\r\n",
            b"X-Amz-Date:\t a  b \r\n",
            b"X_Y: 1\r\n",
            b"no colon\r\n",
        ),
        *(b"Content-Length: 3\r\n", b"Content-Length: +3\r\n", b"content-length: 03\r\n"),
        *(b"Content-Length: 0\r\n", b" folded\r\n", b"A:\r\n", b": b\r\n", b"A : b\r\n", b"a=b"),
        *(b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"U: \xc3\xa9\r\n"),
        *(b"C: \x00\r\n", b"D: a\rb\r\n", b"Expect: 100-continue\r\n", b"3\r\nabc\r\n0\r\n\r\n"),
    ]
)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def read_by_aiohttp(loop: asyncio.AbstractEventLoop, data: bytes) -> Request:
    """The one request that these bytes are, to aiohttp."""
    parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16)
    [(head, content)], upgraded, rest = parser.feed_data(data)
    assert (upgraded, rest, head.should_close, head.chunked) == (False, b"", False, False)
    assert head.compression is None
    assert head.version == (1, 1)
    headers = {name.lower(): value for name, value in head.headers.items()}
    assert len(headers) == len(head.headers)
    assert content.is_eof()
    body = content.read_nowait() if head.headers["Content-Length"].strip("0") else b""
    return Request(head.method, head.path, headers, body)


@given(
    data=st.one_of(
        st.lists(PIECES, max_size=9).map(b"".join),
        st.lists(PIECES, max_size=4).map(
            lambda pieces: USUAL.replace(b"\r\n", b"\r\n%b", 1) % b"".join(pieces)
        ),
    )
)
@example(data=USUAL)
def test_what_is_taken_is_read_as_aiohttp_reads_it(
    loop: asyncio.AbstractEventLoop, data: bytes
) -> None:
    found = read_request(data)
    if isinstance(found, Request):
        assert found == read_by_aiohttp(loop, data)


def test_a_usual_request() -> None:
    headers = {"host": "127.0.0.1:80", "x-amz-date": "now", "content-length": "3"}
    assert read_request(USUAL) == Request("POST", "/", headers, b"a=b")


@pytest.mark.parametrize("length", [0, 5, 17, 40, len(USUAL) - 4, len(USUAL) - 1])
def test_the_beginning_of_a_usual_request(length: int) -> None:
    assert read_request(USUAL[:length]) is Unread.UNFINISHED


@pytest.mark.parametrize(
    "data",
    [
        b"GET",
        b"\x16\x03\x01",
        USUAL.replace(b"POST / ", b"POST /_sandbox/faults "),
        USUAL.replace(b"HTTP/1.1", b"HTTP/1.0"),
        USUAL + USUAL,
        USUAL.replace(b"Length: 3", b"Length: 65537"),
        USUAL.replace(b"Host", b"Content-Length: 3\r\nHost"),
        USUAL.replace(b"Content-Length: 3\r\n", b""),
        *(USUAL.replace(b"X-Amz-Date", name) for name in (b"Expect", b"connection", b"UPGRADE")),
        USUAL.replace(b"now", b"now\x01"),
        USUAL.replace(b"now", b"\xff"),
        USUAL[:20] + b"x" * 8000,
    ],
)
def test_what_is_left_to_aiohttp(data: bytes) -> None:
    assert read_request(data) is Unread.UNUSUAL
