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


@dataclass(frozen=True, slots=True)
class Pattern:
    """A message as what it has in common with others, and the pieces between."""

    literal: str
    """With a gap for each piece; equal for messages that say the same."""
    pieces: tuple[str, ...]


def pattern_of(message: str, own_words: Iterable[str | None]) -> Pattern:
    """Take a message apart: names of what it is about, numbers, quotations and ARNs are pieces."""
    own = {word for word in own_words if word}
    pieces: list[str] = []

    def gap(found: re.Match[str]) -> str:
        text = found.group()
        if text not in own and not _ALWAYS.match(text):
            return text
        pieces.append(text)
        return GAP

    return Pattern(_PIECE.sub(gap, message), tuple(pieces))


def common_text(patterns: Sequence[Pattern]) -> str:
    """Put together what patterns with one literal all say; `…` where they differ."""
    first, *others = patterns
    words = first.literal.split(GAP)
    if len(words) != len(first.pieces) + 1:  # the message has gaps of its own
        return first.literal
    agreed = (
        piece if all(other.pieces[place] == piece for other in others) else GAP
        for place, piece in enumerate(first.pieces)
    )
    return words[0] + "".join(piece + word for piece, word in zip(agreed, words[1:], strict=True))
