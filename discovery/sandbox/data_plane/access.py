"""Read what an access string lets a user do, for the commands that the simulation has.

Source: Redis's ACL rules; the categories are those that `COMMAND INFO` names.
"""

import re
from collections.abc import Iterator, Mapping

PING, WHOAMI = "ping", "acl|whoami"

_CATEGORIES: Mapping[str, frozenset[str]] = {
    PING: frozenset({"all", "fast", "connection"}),
    WHOAMI: frozenset({"all", "slow"}),
}
_SELECTOR = re.compile(r"\([^)]*\)")
"""Further permissions of Redis OSS 7, which the simulation passes over."""


def is_on(access_string: str) -> bool:
    """Return whether the user may log in at all."""
    switches = [rule for rule in _rules(access_string) if rule in ("on", "off")]
    return switches[-1:] == ["on"]


def allows(access_string: str, command: str) -> bool:
    """Return whether the user may run the command, `PING` or `WHOAMI`; the last rule wins."""
    names = {command, command.partition("|")[0]}
    names |= {f"@{category}" for category in _CATEGORIES[command]}
    allowed = False
    for rule in _rules(access_string):
        if rule in ("allcommands", "nocommands"):
            allowed = rule == "allcommands"
        elif rule[0] in "+-" and rule[1:] in names:
            allowed = rule[0] == "+"
    return allowed


def _rules(access_string: str) -> Iterator[str]:
    return iter(_SELECTOR.sub(" ", access_string.lower()).split())
