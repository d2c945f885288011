"""Find the one sentence that many messages say, so that a report says it once.

Messages about several caches differ in names, numbers, times and what they quote. Where they agree
the words stay; where they do not, there is `…`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

GAP: Final = "…"
"""Stands where messages differ."""

_ARN: Final = r"arn:[^\s,;)]+(?<![.:])"
_PIECE: Final = re.compile(
    rf"""{_ARN}(?:,\ {_ARN})*|(?<!\w)"[^"]*"(?!\w)|(?<!\w)'[^']*'(?!\w)|\w[\w./:@+-]*\w|\w""",
    re.VERBOSE,
)
_ALWAYS: Final = re.compile(r"arn:|[\"'0-9]")
"""How pieces begin that may differ whatever the message is about."""
_SEGMENT: Final = re.compile(r"[^:/,\s]+")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A message as what it has in common with others, and the pieces between."""

    literal: str
    """With a gap for each piece; equal for messages that say the same."""
    pieces: tuple[str, ...]
    masked: tuple[str, ...]
    """The pieces with a gap for each word that is shown beside the message."""


def pattern_of(
    message: str, own_words: Iterable[str | None], beside: Iterable[str | None] = ()
) -> Pattern:
    """Take a message apart: names of what it is about, numbers, quotations and ARNs are pieces.

    `own_words`: names of what it is about; `beside`: those shown beside it in a list.
    """
    shown = {word for word in beside if word}
    own = shown.union(word for word in own_words if word)
    pieces: list[str] = []

    def gap(found: re.Match[str]) -> str:
        text = found.group()
        if text not in own and not _ALWAYS.match(text):
            return text
        pieces.append(text)
        return GAP

    literal = _PIECE.sub(gap, message)
    return Pattern(literal, tuple(pieces), tuple(_mask(piece, shown) for piece in pieces))


def common_text(patterns: Sequence[Pattern]) -> str:
    """Put together what patterns with one literal all say; `…` where they differ."""
    first, *others = patterns
    words = first.literal.split(GAP)
    if len(words) != len(first.pieces) + 1:  # the message has gaps of its own
        return first.literal
    pieces = (_common_piece(place, first, others) for place in range(len(first.pieces)))
    return words[0] + "".join(piece + word for piece, word in zip(pieces, words[1:], strict=True))


def _common_piece(place: int, first: Pattern, others: Sequence[Pattern]) -> str:
    if all(other.pieces[place] == first.pieces[place] for other in others):
        return first.pieces[place]
    if all(other.masked[place] == first.masked[place] for other in others):
        return first.masked[place]
    return GAP


def _mask(piece: str, shown: set[str]) -> str:
    if piece in shown:
        return GAP
    if not piece.startswith("arn:"):
        return piece
    return _SEGMENT.sub(lambda part: GAP if part.group() in shown else part.group(), piece)
