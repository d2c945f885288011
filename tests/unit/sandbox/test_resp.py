"""Commands are read as Redis reads them, whatever bytes come, and in whatever pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.sandbox.data_plane.resp import (
    LINE_LIMIT,
    Error,
    ProtocolViolation,
    Reply,
    Simple,
    encode,
    read_command,
)
from tests.support.simulated_caches import pack

KIB = 1024


def read(*pieces: bytes, logged_in: bool = True) -> list[Sequence[bytes]]:
    """The commands in these bytes, up to their end. Raises ProtocolViolation."""

    async def commands() -> list[Sequence[bytes]]:
        reader = asyncio.StreamReader(LINE_LIMIT)
        for piece in pieces:
            reader.feed_data(piece)
        reader.feed_eof()
        found = []
        try:
            while True:
                found.append(await read_command(reader, logged_in=logged_in))
        except asyncio.IncompleteReadError:
            return found

    return asyncio.run(commands())


@pytest.mark.slow
@given(st.lists(st.lists(st.binary(max_size=50), min_size=1, max_size=10), max_size=4))
def test_every_command_is_read_back(commands: list[list[bytes]]) -> None:
    assert read(*(pack(*words) for words in commands)) == commands


@pytest.mark.slow
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_commands_or_a_violation(data: bytes, logged_in: bool) -> None:
    with suppress(ProtocolViolation):
        found = read(data, logged_in=logged_in)
        assert sum(len(word) for words in found for word in words) <= len(data)


@pytest.mark.slow
@given(st.lists(st.sampled_from([b"*", b"$", b"1", b"-", b"\r\n", b"\n", b'"', b"'", b"\\", b"x"])))
def test_bytes_that_look_like_commands(parts: Iterable[bytes]) -> None:
    with suppress(ProtocolViolation):
        read(b"".join(parts))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"PING", [b"PING"]),
        (b"  PING \t a ", [b"PING", b"a"]),
        (b'PING "a b\\n\\x41\\q\\xzz"', [b"PING", b"a b\nAqxzz"]),
        (b"PING 'a\\'b\\n'", [b"PING", b"a'b\\n"]),
        (b"PI\"N\" G'x'", [b"PIN", b"Gx"]),
        (b"PING \"\" ''", [b"PING", b"", b""]),
        (b"", []),
        (b"  ", []),
    ],
)
def test_a_line_that_somebody_typed(line: bytes, words: list[bytes]) -> None:
    assert read(line + b"\r\n", line + b"\n") == [words, words]


@pytest.mark.parametrize(
    "line", [b'PING "', b'"a"b', b"'a'b", b"'a\\'", b'"a\\"', b"'", b"a 'b' 'c"]
)
def test_quotes_that_do_not_match(line: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="unbalanced quotes in request"):
        read(line + b"\n")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * 65 * KIB, "too big inline request"),
        (b"*" + b"1" * 65 * KIB, "too big mbulk count string"),
        (b"*1\r\n$" + b"1" * 65 * KIB, "too big bulk count string"),
        (b"*1025\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*" + b"9" * 40 + b"\r\n", "invalid multibulk length"),
        (b"*1\r\n$1048577\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n:1\r\n", "expected '\\$', got ':'"),
        (pack(b"a" * 600 * KIB)[:-2].replace(b"*1", b"*2") + b"\r\n$614400\r\n", "invalid bulk"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_too_large_or_no_command(data: bytes, words: str) -> None:
    with pytest.raises(ProtocolViolation, match=words):
        read(data)


def test_less_is_read_of_who_has_not_logged_in() -> None:
    with pytest.raises(ProtocolViolation, match="unauthenticated multibulk length"):
        read(b"*11\r\n", logged_in=False)
    with pytest.raises(ProtocolViolation, match="unauthenticated bulk length"):
        read(b"*1\r\n$16385\r\n", logged_in=False)
    assert read(pack(*["a"] * 10), pack("a" * 16384), logged_in=False)[1] == [b"a" * 16384]
    assert read(pack(*["a"] * 1024), pack("a" * KIB * KIB))


@pytest.mark.parametrize("empty", [b"*0\r\n", b"*-1\r\n", b"\r\n", b"\n"])
def test_an_empty_command_is_none(empty: bytes) -> None:
    assert read(empty, pack("PING")) == [[], [b"PING"]]


@pytest.mark.parametrize(
    ("reply", "version", "wire"),
    [
        (Simple("PONG"), 2, b"+PONG\r\n"),
        (Error("ERR a\r\nb"), 3, b"-ERR a  b\r\n"),
        (b"a\r\nb", 2, b"$4\r\na\r\nb\r\n"),
        (-1, 2, b":-1\r\n"),
        ((), 3, b"*0\r\n"),
        ({"a": 1, "b": b""}, 2, b"*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n$0\r\n\r\n"),
        ({"a": 1, "b": (b"c",)}, 3, b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n$1\r\nc\r\n"),
    ],
)
def test_a_reply_is_encoded(reply: Reply, version: int, wire: bytes) -> None:
    assert encode(reply, version) == wire
