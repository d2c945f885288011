"""Protocol buffers by hand: fields by their documented numbers, and nothing of the library."""

from __future__ import annotations

from collections.abc import Mapping


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def key(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)


def text(number: int, value: str | bytes) -> bytes:
    """A string, bytes, or a message that is written already."""
    content = value.encode() if isinstance(value, str) else value
    return key(number, 2) + varint(len(content)) + content


def count(number: int, value: int) -> bytes:
    return key(number, 0) + varint(value)


def texts(number: int, pairs: Mapping[str, str]) -> bytes:
    """A map: a repeated message of key 1 and value 2."""
    return b"".join(text(number, text(1, k) + text(2, v)) for k, v in pairs.items())
