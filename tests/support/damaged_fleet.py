"""Every broken world of `broken_worlds` at once, in two accounts and two regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from discovery.sandbox.aws.region import Region
from tests.support.broken_worlds import BROKEN

PRINTABLE = ("-x", "app'; touch pwned; '", "$(touch pwned)", "file:///etc/hostname", '["a"]')
"""Ids that AWS does not give, and that a shell or the AWS CLI might act on."""


class NumberedRegion:
    """A region in which everything has a number behind its id, so that worlds do not collide."""

    def __init__(self, region: Region, number: int) -> None:
        self._region = region
        self._number = number

    def _named(self, identifier: str) -> str:
        return identifier if identifier == "default" else f"{identifier}-{self._number}"

    def add_user(self, user_id: str, **more: Any) -> None:
        self._region.add_user(self._named(user_id), **more)

    def add_user_group(self, group_id: str, *, users: tuple[str, ...] = (), **more: Any) -> None:
        members = tuple(map(self._named, users))
        self._region.add_user_group(self._named(group_id), users=members, **more)

    def add_cache(self, name: str, *, group: str | None = None, **more: Any) -> None:
        attached = None if group is None else self._named(group)
        self._region.add_cache(self._named(name), group=attached, **more)

    def change_cache(self, name: str, **changes: object) -> None:
        self._region.change_cache(self._named(name), **changes)


def damage(regions: list[Region]) -> None:
    """Spread every broken world over these regions, and caches with hostile users."""
    for number, (_, furnish) in enumerate(BROKEN):
        furnish(NumberedRegion(regions[number % len(regions)], number))  # type: ignore[arg-type]
    add_hostile(regions[0])


def add_hostile(region: Region, texts: Sequence[str] = (*PRINTABLE, "a\nb")) -> None:
    """Caches of groups and users whose ids and access strings a shell might act on."""
    for number, text in enumerate(texts):
        member = f"alice-{number}" if number % 2 else text
        region.add_user(member, access_string="off ~$(touch>pwned) ~';touch>pwned;# ~`id` +get")
        group_id = text if text.isprintable() else f"hostile-{number}"
        region.add_user_group(group_id, users=(member,))
        region.add_cache(f"hostile-{number}", group=group_id.lower())
