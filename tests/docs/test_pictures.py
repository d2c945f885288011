"""Pictures of the pages: small, said in words, and made by a script that anybody can run."""

from __future__ import annotations

import re
import struct
import zlib

import pytest

from tests.docs.pages import DEPLOY, ROOT
from tests.support.png_palette import chunk, chunks_of, with_palette
from tests.support.screenshots import FOLDER, LIMIT, PICTURES, Picture

PAGES = [ROOT / "README.md", *DEPLOY.glob("**/README.md")]
SHOWN = [
    (page.parent / target, words)
    for page in PAGES
    for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+\.png)\)", page.read_text("utf-8"))
]


def test_every_picture_is_one_that_the_script_takes_and_is_shown_somewhere() -> None:
    taken = {FOLDER / picture.name for picture in PICTURES}
    assert {file.resolve() for file, _ in SHOWN} == taken
    assert set(FOLDER.glob("*.png")) == taken
    assert list(ROOT.glob("deploy/**/*.png")) == list(FOLDER.glob("*.png"))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_small_and_of_the_size_that_it_is_taken_in(picture: Picture) -> None:
    file = FOLDER / picture.name
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(content) <= LIMIT
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (picture.width, picture.height)


def test_every_picture_is_said_in_words() -> None:
    assert all(len(words) > 20 for _, words in SHOWN)


def png_of(rows: list[bytes], width: int) -> bytes:
    """A PNG of true colours with these filtered rows."""
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )


def test_a_picture_keeps_its_pixels_whatever_filter_its_rows_have() -> None:
    """Two pixels a row, 10 20 30 and 11 22 33, by each of the five filters."""
    rows = [
        bytes([0, 10, 20, 30, 11, 22, 33]),
        bytes([1, 10, 20, 30, 1, 2, 3]),
        bytes([2, 0, 0, 0, 0, 0, 0]),
        bytes([3, 5, 10, 15, 1, 1, 2]),
        bytes([4, 0, 0, 0, 0, 0, 0]),
    ]
    chunks = dict(chunks_of(with_palette(png_of(rows, 2))))
    palette, pixels = chunks[b"PLTE"], zlib.decompress(chunks[b"IDAT"])
    shown = [
        tuple(palette[3 * at : 3 * at + 3])
        for start in range(0, 15, 3)
        for at in pixels[start + 1 : start + 3]
    ]
    assert shown == [(10, 20, 30), (11, 22, 33)] * 5
