"""Text from AWS and Teleport made safe to print.

Whoever may tag a cache chooses what stands in a report. Nothing of it may move the cursor, change a
colour, reorder or hide what stands beside it, or be read as markup
(discovery/README: Report document).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

NAME_LIMIT: Final = 120
"""Characters of a name that are shown."""
MESSAGE_LIMIT: Final = 600
"""Characters of a message that are shown."""

_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that act instead of showing: control, format (bidi overrides, zero-width),
surrogate, private use, unassigned, line and paragraph separator."""

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters, marks and symbols that show as nothing at all (Unicode: Default_Ignorable)."""

_PLAIN: Final = re.compile("[ -~]*")
_STACKED: Final = 2
"""Combining marks that one letter may carry; more of them climb over the lines around."""


def escape_unprintable(text: str) -> str:
    r"""Spell out every character of a text that does not simply show.

    Characters up to U+00FF become `\x..`, up to U+FFFF `\u....`, others `\U........`.
    Backslashes stay as they are: a person reads this, a program reads the JSON document.
    """
    if _PLAIN.fullmatch(text):
        return text
    shown: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        shows = marks <= _STACKED and _shows(character)
        shown.append(character if shows else _spelled(character))
    return "".join(shown)


def shortened(text: str, limit: int) -> str:
    """Escape a text and cut it in the middle to `limit` characters, shown as `…`.

    The middle goes: names differ at their start, suffixes tell regions and accounts apart.
    """
    shown = escape_unprintable(text)
    if len(shown) <= limit:
        return shown
    head = (limit - 1) * 2 // 3
    return f"{shown[:head]}…{shown[len(shown) - (limit - 1 - head) :]}"


def _shows(character: str) -> bool:
    if " " <= character <= "~":
        return True
    category = unicodedata.category(character)
    return category not in _UNPRINTABLE and category != "Zs" and not _INVISIBLE.fullmatch(character)


def _spelled(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
