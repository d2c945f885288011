"""Wrap a text between words, and within one only on request."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from itertools import pairwise
from typing import Final

from rich.cells import cell_len

_WORD: Final = re.compile(" *[^ ]+ *")


def wrapped(text: str, width: int, *, folds: bool = True) -> Iterator[tuple[int, int]]:
    """Yield where each line of a text begins and ends, broken at spaces.

    A word that is longer than a line is broken within, or left whole unless `folds`.
    """
    for start, end in pairwise((0, *_breaks(text, width, folds=folds), len(text))):
        yield start, start + len(text[start:end].rstrip(" "))


def _breaks(text: str, width: int, *, folds: bool) -> Iterator[int]:
    used = 0
    for match in _WORD.finditer(text):
        word, start = match.group(), match.start()
        needed = cell_len(word.rstrip(" "))
        if needed > width:
            if start:
                yield start
            used = (yield from _within(word, start, width)) if folds else width
        elif used + needed > width:
            yield start
            used = cell_len(word)
        else:
            used += cell_len(word)


def _within(word: str, start: int, width: int) -> Generator[int, None, int]:
    """The breaks within a word that begins a line; returns how much of the last line it takes."""
    used = 0
    for place, character in enumerate(word, start):
        size = cell_len(character)
        if used + size > width and character != " ":
            yield place
            used = 0
        used += size
    return used
