"""The name of an AWS account, which somebody outside chose."""

from __future__ import annotations

from typing import Any, Final

LONGEST: Final = 64
"""Characters; AWS allows 50 (aws/README: Organizations)."""


def usable_name(value: Any) -> str | None:
    """Return an account's name without blanks around it; None for what cannot be shown or labelled.

    A name is printable, so nothing in it moves a cursor, turns the direction of writing or is no
    character at all.
    """
    name = value.strip() if isinstance(value, str) else ""
    return name if name and len(name) <= LONGEST and name.isprintable() else None
