"""Fit sections into the size of a comment; what does not fit is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

COMMENT_LIMIT: Final = 65_536
"""Characters that a pull request comment may have. Counted here in bytes of UTF-8, which is never
less than characters, whatever a site means by them."""

_CUT_ROOM: Final = 200
"""Bytes kept for the line that says what was cut, and for the lines between."""
_MORE_ROOM: Final = 60
"""Bytes kept for the line that counts what else belongs into a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part that is taken whole but for its lines, which are taken as far as they fit."""

    head: str
    lines: Sequence[str] = ()
    """One for each member; each ends with a newline."""
    tail: str = ""
    total: int = 1
    """How many members there are, also those without a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A title, an opening, and blocks, the most pressing first."""

    title: str
    opening: str = ""
    blocks: Iterable[Block] = ()
    """Taken only as far as they fit."""
    total: int = 0
    """How many members all blocks have."""
    noun: str = "entries"
    share: int = 1
    """How much of the room it may take, as against the sections behind it."""


def fit_to_comment(sections: Sequence[Section], room: int) -> Iterator[str]:
    """Yield the texts of the sections, together at most `room` bytes.

    What one leaves free, the next may use.

    Args:
        sections: In their order.
        room: Bytes; enough for all titles and openings.
    """
    room -= sum(_size(_head(one)) + _CUT_ROOM for one in sections)
    shares = sum(one.share for one in sections)
    for section in sections:
        allowed = max(room, 0) * section.share // shares
        blocks = "".join(_blocks(section, allowed))
        room -= _size(blocks)
        shares -= section.share
        yield f"{_head(section)}{blocks}".rstrip("\n") + "\n\n"


def _head(section: Section) -> str:
    return f"### {section.title}\n\n{section.opening}"


def _blocks(section: Section, allowed: int) -> Iterator[str]:
    told = 0
    for block in section.blocks:
        text = _fit_block(block, allowed)
        if text is None:
            break
        allowed -= _size(text)
        told += block.total
        yield text
    if told < section.total:
        yield (
            f"\n**{section.total - told} of {section.total} {section.noun} left out** for want of "
            "room; the report as CSV or JSON has them.\n"
        )


def _fit_block(block: Block, allowed: int) -> str | None:
    """The block with as many of its lines as fit, and how many more there are; else None."""
    allowed -= _size(block.head) + _size(block.tail) + _MORE_ROOM
    if allowed < 0:
        return None
    lines: list[str] = []
    for line in block.lines:
        allowed -= _size(line)
        if allowed < 0:
            break
        lines.append(line)
    rest = block.total - len(lines) if block.lines else 0
    more = f"\nand {rest} more\n" if rest else ""
    return f"{block.head}{''.join(lines)}{more}{block.tail}"


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
