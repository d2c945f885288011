"""Protobuf by hand, from the field numbers of the reference: neither side's definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Value = str | bytes | int | Mapping[str, str]


def message(*fields: tuple[int, Value]) -> bytes:
    """The bytes of a message with these fields; a mapping is a map of texts."""
    return b"".join(_field(number, value) for number, value in fields)


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, Mapping):
        return b"".join(_field(number, message((1, k), (2, v))) for k, v in value.items())
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    data = b""
    while number > 0x7F:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


class Fields:
    """What a message says, by field number."""

    def __init__(self, data: bytes) -> None:
        self.all = tuple(_parsed(data))

    def numbers(self) -> list[int]:
        """The numbers that are there, in order of number."""
        return sorted(number for number, _ in self.all)

    def every(self, number: int) -> list[bytes]:
        """All values of a repeated field."""
        return [value for n, value in self.all if n == number and isinstance(value, bytes)]

    def bytes(self, number: int) -> bytes:
        """The last value; empty when there is none."""
        return (self.every(number) or [b""])[-1]

    def text(self, number: int) -> str:
        """The value as text."""
        return self.bytes(number).decode()

    def part(self, number: int) -> Fields:
        """The value as a message."""
        return Fields(self.bytes(number))

    def map(self, number: int) -> dict[str, str]:
        """The values as a map of texts."""
        entries = [Fields(entry) for entry in self.every(number)]
        return {entry.text(1): entry.text(2) for entry in entries}


def _parsed(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        if tag & 7 == 0:
            value, at = _read_varint(data, at)
            yield tag >> 3, value
        else:
            assert tag & 7 == 2, f"wire type {tag & 7}"
            size, at = _read_varint(data, at)
            yield tag >> 3, data[at : at + size]
            at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at, number, shift = at + 1, number | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            return number, at
