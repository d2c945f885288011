"""Cut long lists, and say how many more there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Member = TypeVar("Member")


def first(members: Sequence[Member], most: int | None) -> Sequence[Member]:
    """Return the members that are listed: the first `most` and one, or all.

    One is never left out alone, since the line that says so would take its room.
    """
    return members if most is None or len(members) <= most + 1 else members[:most]


def more(total: int, listed: int) -> str:
    """Word how many are not listed: `and 12 more (--full lists them)`; empty when all are."""
    return f"and {total - listed} more (--full lists them)" if total > listed else ""


def named(names: Sequence[str], most: int) -> str:
    """Join the first `most` names, and say how many more there are: `a, b and 3 more`."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def fitting(parts: Sequence[str], width: int) -> str:
    """Join the parts that fit on a line: `A 4, B 2 and 3 more`; the first always does."""
    for count in range(len(parts), 1, -1):
        rest = len(parts) - count
        line = ", ".join(parts[:count]) + (f" and {rest} more" if rest else "")
        if len(line) <= width:
            return line
    return f"{parts[0]} and {len(parts) - 1} more" if len(parts) > 1 else "".join(parts)


def clip(text: str, width: int) -> str:
    """Cut a text behind the last word that fits on a line, shown as `…`; no word is broken."""
    if len(text) <= width:
        return text
    head, _, _ = text[: width - 1].rpartition(" ")
    return f"{head or text.partition(' ')[0]} …"
