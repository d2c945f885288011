"""Ids for users and groups that are to be made. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_LONGEST: Final = 40


def free_id(desired: str, is_taken: Callable[[str], bool]) -> str:
    """An id like `wish` that AWS takes and that is not taken.

    Lower-case letters, digits and single hyphens, a letter first, at most 40 characters.
    """
    words = re.findall("[a-z0-9]+", desired.lower())
    legal = "-".join(words if words and words[0][0].isalpha() else ["x", *words])
    number, tail = 1, ""
    while is_taken(made := legal[: _LONGEST - len(tail)].rstrip("-") + tail):
        number += 1
        tail = f"-{number}"
    return made
