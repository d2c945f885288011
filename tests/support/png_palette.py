"""Rewrite a PNG of true colours with a palette of 256: a third of the size, for a page of text."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOURS: Final = 256


def with_palette(png: bytes) -> bytes:
    """Give each pixel the nearest of the 256 most frequent colours. Raises: ValueError."""
    chunks = list(chunks_of(png))
    header = next(data for kind, data in chunks if kind == b"IHDR")
    width, _, depth, colour_type = struct.unpack(">IIBB", header[:10])
    size = {2: 3, 6: 4}.get(colour_type)
    if depth != 8 or size is None:
        raise ValueError(f"a PNG of colour type {colour_type} with {depth} bits is not known here")
    data = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    rows = [
        [bytes(row[at : at + 3]) for at in range(0, len(row), size)]
        for row in _unfiltered(data, width * size, size)
    ]
    counts = Counter(pixel for row in rows for pixel in row)
    palette = [pixel for pixel, _ in counts.most_common(_COLOURS)]
    nearest = {pixel: _nearest(pixel, palette) for pixel in counts}
    packed = b"".join(b"\0" + bytes(nearest[pixel] for pixel in row) for row in rows)
    return (
        _SIGNATURE
        + chunk(b"IHDR", header[:9] + b"\x03" + header[10:])
        + chunk(b"PLTE", b"".join(palette))
        + chunk(b"IDAT", zlib.compress(packed, 9))
        + chunk(b"IEND", b"")
    )


def chunks_of(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Read the kind and data of each chunk of a PNG."""
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def chunk(kind: bytes, data: bytes) -> bytes:
    """Make one chunk, with its length and checksum."""
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def _unfiltered(data: bytes, width: int, size: int) -> Iterator[bytearray]:
    """Undo the filters of the rows (PNG specification, section 9); `size`: bytes of a pixel."""
    above = bytearray(width)
    for start in range(0, len(data), width + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + width])
        for at in range(width):
            left = row[at - size] if at >= size else 0
            corner = above[at - size] if at >= size else 0
            row[at] = (row[at] + _predicted(kind, left, above[at], corner)) & 0xFF
        yield row
        above = row


def _predicted(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 4:
        guess = left + above - corner
        return min((left, above, corner), key=lambda value: abs(guess - value))
    return (0, left, above, (left + above) // 2)[kind]


def _nearest(pixel: bytes, palette: list[bytes]) -> int:
    return min(
        range(len(palette)),
        key=lambda place: sum((a - b) ** 2 for a, b in zip(palette[place], pixel, strict=True)),
    )
