"""Access strings of ElastiCache users: how the engine reads them, and which ones we propose. Pure.

Source: aws/README: Users and groups.
"""

from __future__ import annotations

from typing import Final

READING: Final = "on ~app:* -@all +@read"
"""Proposed for whoever is to log in: a beginning that a person narrows or widens. No proposal
allows everything."""

NOTHING: Final = "off ~* -@all"
"""For a user who must exist and must never log in: the default user of a redis group."""


def is_on(access_string: str) -> bool:
    """True when the user may log in: the last of `on` and `off` wins, neither means off."""
    state = False
    for rule in access_string.split():
        if rule.lower() in ("on", "off"):
            state = rule.lower() == "on"
    return state
