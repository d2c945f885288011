"""Ids for new users and groups that AWS takes and that nobody in the scope has. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from discovery.model.values import KnownCache, UsersAndGroups

_LONGEST_ID: Final = 40


class FreeIds:
    """Chooses ids that are free among the users and groups of the scope of a cache."""

    def __init__(self, cache: KnownCache, users_and_groups: UsersAndGroups | None) -> None:
        self._attached = cache.user_group_id
        self._users_and_groups = users_and_groups
        self._in_group = frozenset(self._names_in_group())

    def user(self, desired: str) -> str:
        """Choose an id like `desired` for a new user."""
        return free_id(desired, self._is_user)

    def group(self, desired: str) -> str:
        """Choose an id like `desired` for a new group."""
        return free_id(desired, self._is_group)

    def _is_user(self, user_id: str) -> bool:
        known = self._users_and_groups
        if known is None:
            return False
        return any(user_id in each for each in (known.users, known.unread_users, self._in_group))

    def _is_group(self, group_id: str) -> bool:
        known = self._users_and_groups
        if group_id == self._attached or known is None:
            return group_id == self._attached
        return group_id in known.groups or group_id in known.unread_groups

    def _names_in_group(self) -> Iterator[str]:
        """Ids and names that no other member of the attached group may have."""
        if self._users_and_groups is None:
            return
        group = self._users_and_groups.groups.get(self._attached or "")
        for user_id in (*group.user_ids, *group.pending_add) if group is not None else ():
            yield user_id
            user = self._users_and_groups.users.get(user_id)
            if user is not None:
                yield user.user_name


def free_id(desired: str, is_taken: Callable[[str], bool]) -> str:
    """Choose an id like `desired` that AWS takes and that is not taken.

    Lower-case letters, digits and single hyphens, a letter first, at most 40 characters.
    """
    words = re.findall("[a-z0-9]+", desired.lower())
    legal = "-".join(words if words and words[0][0].isalpha() else ["x", *words])
    number, tail = 1, ""
    while is_taken(made := legal[: _LONGEST_ID - len(tail)].rstrip("-") + tail):
        number += 1
        tail = f"-{number}"
    return made
