"""The ClientHello of TLS: the server name and the ALPN protocols that a client offers.

A server reads it without answering: Teleport's Proxy sends the connection where the first protocol
says (teleport/README: Routes), and the server name tells which cache is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_RECORD_HEADER = 5
_HANDSHAKE_RECORD = 22
_CLIENT_HELLO = 1
_SERVER_NAME, _ALPN = 0, 16


class NotTls(Exception):
    """Bytes that do not begin a TLS connection."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client says of itself before anything is encrypted."""

    server_name: str
    alpn: tuple[str, ...]


def read_client_hello(data: bytes) -> ClientHello | None:
    """Return the ClientHello that `data` begins with, or None while it is incomplete.

    Raises NotTls.
    """
    if data[:1] not in (b"", bytes([_HANDSHAKE_RECORD])):
        raise NotTls
    end = _RECORD_HEADER + int.from_bytes(data[3:5], "big")
    if len(data) < _RECORD_HEADER or len(data) < end:
        return None
    try:
        return _client_hello(_Reader(data[_RECORD_HEADER:end]))
    except (IndexError, UnicodeDecodeError) as error:
        raise NotTls from error


class _Reader:
    """Reads lengths, and the parts that they announce, from the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes. Raises IndexError when there are fewer."""
        if len(self._data) < size:
            raise IndexError
        part, self._data = self._data[:size], self._data[size:]
        return part

    def number(self, size: int) -> int:
        """Return the next `size` bytes as a number."""
        return int.from_bytes(self.take(size), "big")

    def part(self, size: int) -> _Reader:
        """Return the part that a length of `size` bytes announces."""
        return _Reader(self.take(self.number(size)))

    def __bool__(self) -> bool:
        return bool(self._data)


def _client_hello(record: _Reader) -> ClientHello:
    if record.number(1) != _CLIENT_HELLO:
        raise NotTls
    body = record.part(3)
    body.take(2 + 32)  # version and random
    for length in (1, 2, 1):  # session, ciphers, compression
        body.part(length)
    server_name = ""
    alpn: tuple[str, ...] = ()
    extensions = body.part(2) if body else _Reader(b"")
    while extensions:
        kind, content = extensions.number(2), extensions.part(2)
        if kind == _SERVER_NAME:
            names = content.part(2)
            names.take(1)
            server_name = names.take(names.number(2)).decode("ascii")
        elif kind == _ALPN:
            alpn = tuple(_protocols(content.part(2)))
    return ClientHello(server_name, alpn)


def _protocols(protocols: _Reader) -> Iterator[str]:
    while protocols:
        yield protocols.take(protocols.number(1)).decode("utf-8")
