"""RESP2 and RESP3: commands as clients send them, replies as they read them.

Held to Debian's redis-server by a test. What a command may measure is less than there once a
client has logged in: no command of the simulation is long.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

LINE_LIMIT: Final = 64 * 1024
"""The longest line, and what a reader of commands must be made with."""
_MOST_WORDS, _LONGEST_WORD = 1024, 1024 * 1024
_MOST_WORDS_BEFORE_LOGIN, _LONGEST_WORD_BEFORE_LOGIN = 10, 16 * 1024

_PIECE = re.compile(
    rb"(?P<space>\s+)|[^\s\"']+"
    rb'|"(?P<double>(?:[^"\\]|\\.)*)"(?=\s|\Z)'
    rb"|'(?P<single>(?:\\'|[^'])*+)'(?=\s|\Z)",
    re.DOTALL,
)
_BACKSLASH = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


class ProtocolViolation(Exception):
    """Bytes that are no command; the connection ends with these words."""


@dataclass(frozen=True, slots=True)
class Simple:
    """A short reply that means that all is well."""

    text: str


@dataclass(frozen=True, slots=True)
class Error:
    """A reply that refuses."""

    text: str


Reply = Simple | Error | bytes | int | Sequence["Reply"] | Mapping[str, "Reply"]
"""Bytes are a string of any length."""


def as_text(data: bytes) -> str:
    """Return bytes of a client as text that `encode` turns into the same bytes again."""
    return data.decode("utf-8", "surrogateescape")


def encode(reply: Reply, version: int) -> bytes:
    """Return the reply as it goes over the wire, in RESP2 or RESP3."""
    match reply:
        case Simple(text):
            return b"+%b\r\n" % text.encode()
        case Error(text):
            return b"-%b\r\n" % re.sub("[\r\n]", " ", text).encode("utf-8", "surrogateescape")
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case int():
            return b":%d\r\n" % reply
        case Mapping():
            head = b"%%%d\r\n" % len(reply) if version == 3 else b"*%d\r\n" % (2 * len(reply))
            pairs = (part for name, value in reply.items() for part in (name.encode(), value))
            return head + b"".join(encode(part, version) for part in pairs)
        case _:
            return b"*%d\r\n" % len(reply) + b"".join(encode(each, version) for each in reply)


async def read_command(reader: asyncio.StreamReader, *, logged_in: bool) -> Sequence[bytes]:
    """Return the words of the next command; none for an empty one.

    Raises ProtocolViolation, and IncompleteReadError when the client has hung up.
    """
    first = await reader.readexactly(1)
    if first != b"*":
        line = first if first == b"\n" else first + await _line(reader, b"\n", "inline request")
        return _split_inline(line[:-1].removesuffix(b"\r"))
    count = _number(await _line(reader, b"\r\n", "mbulk count string"))
    if count is None or count > _MOST_WORDS:
        raise ProtocolViolation("invalid multibulk length")
    if count > _MOST_WORDS_BEFORE_LOGIN and not logged_in:
        raise ProtocolViolation("unauthenticated multibulk length")
    left, words = _LONGEST_WORD, []
    for _ in range(count):
        words.append(await _word(reader, left, logged_in=logged_in))
        left -= len(words[-1])
    return words


async def _word(reader: asyncio.StreamReader, longest: int, *, logged_in: bool) -> bytes:
    line = await _line(reader, b"\r\n", "bulk count string")
    if line[:1] != b"$":
        raise ProtocolViolation(f"expected '$', got '{as_text(line[:1])}'")
    size = _number(line[1:])
    if size is None or not 0 <= size <= longest:
        raise ProtocolViolation("invalid bulk length")
    if size > _LONGEST_WORD_BEFORE_LOGIN and not logged_in:
        raise ProtocolViolation("unauthenticated bulk length")
    return (await reader.readexactly(size + 2))[:-2]


async def _line(reader: asyncio.StreamReader, end: bytes, kind: str) -> bytes:
    try:
        return await reader.readuntil(end)
    except asyncio.LimitOverrunError as error:
        raise ProtocolViolation(f"too big {kind}") from error


def _number(line: bytes) -> int | None:
    text = line.removesuffix(b"\r\n")
    return int(text) if _INTEGER.fullmatch(text) else None


def _split_inline(line: bytes) -> Sequence[bytes]:
    """Split a line that a person typed; quotes are as in a shell. Raises ProtocolViolation."""
    words: list[bytes] = []
    place, between = 0, True
    while place < len(line):
        found = _PIECE.match(line, place)
        if found is None:
            raise ProtocolViolation("unbalanced quotes in request")
        place = found.end()
        if found["space"]:
            between = True
            continue
        if between:
            words.append(b"")
        between = False
        words[-1] += _unquoted(found)
    return words


def _unquoted(piece: re.Match[bytes]) -> bytes:
    if piece["single"] is not None:
        return piece["single"].replace(rb"\'", b"'")
    if piece["double"] is not None:
        return _BACKSLASH.sub(_unescape, piece["double"])
    return piece[0]


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else _ESCAPES.get(found[2], found[2])
