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


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A title, an opening, and entries, the most pressing first."""

    title: str
    opening: str = ""
    entries: Iterable[str] = ()
    """Each ends with a newline. Taken only as far as they fit."""
    total: int = 0
    """How many entries there are."""
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
        entries = "".join(_entries(section, allowed))
        room -= _size(entries)
        shares -= section.share
        yield f"{_head(section)}{entries}".rstrip("\n") + "\n\n"


def _head(section: Section) -> str:
    return f"### {section.title}\n\n{section.opening}"


def _entries(section: Section, allowed: int) -> Iterator[str]:
    shown = 0
    for entry in section.entries:
        allowed -= _size(entry)
        if allowed < 0:
            break
        yield entry
        shown += 1
    if shown < section.total:
        left_out = section.total - shown
        yield (
            f"\n**{left_out} of {section.total} {section.noun} left out** for want of room; "
            "the report as HTML or JSON has them.\n"
        )


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
