"""Which caches are probed, and as which users. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import IamVerdict
from discovery.model.ownership import CacheArn, parse_cache_arn
from discovery.model.values import UNKNOWN, Endpoint, IamJudgement, ResourceName
from discovery.plan.item import Item
from matchers.matcher import Connect, Matcher

MOST_USERS: Final = 3
"""Users of one cache that are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A cache to log in to."""

    cache: CacheArn
    name: ResourceName | None
    """Its registered or wanted name."""
    endpoint: Endpoint | None
    users: tuple[str, ...]
    judgement: IamJudgement | None
    connect: Connect | None
    """The role with which Teleport connects; None: with its own credentials."""


def ready_targets(
    items: Iterable[Item], matchers: Iterable[Matcher], user: str | None = None
) -> tuple[Target, ...]:
    """Find the caches whose verdict is `ready`, in order.

    `user`: whom to log in as, in place of those who should be able to.
    """
    by_name = {each.name: each for each in matchers}
    return tuple(_targets(filter(_is_ready, items), by_name, user))


def is_registered(item: Item) -> bool:
    """Tell whether a cache is registered now, by the list or by what is remembered."""
    return item.live is not None


def _is_ready(item: Item) -> bool:
    """Tell whether a cache was found, and somebody should be able to log in."""
    return item.found is not None and item.iam is not None and item.iam.verdict is IamVerdict.READY


def named_targets(
    names: Sequence[str],
    items: Sequence[Item],
    matchers: Iterable[Matcher],
    user: str | None = None,
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Find caches by name, registered name or ARN. Returns them, and the names of no cache."""
    by_name = {each.name: each for each in matchers}
    chosen = [item for item in items if any(_has_name(item, name) for name in names)]
    unknown = tuple(name for name in names if not any(_has_name(each, name) for each in chosen))
    return tuple(_targets(chosen, by_name, user)), unknown


def _has_name(item: Item, name: str) -> bool:
    if item.found is None:
        return False
    return name in (item.arn, item.name, item.previous_name) or name.lower() == item.cache


def _targets(
    items: Iterable[Item], matchers: Mapping[str, Matcher], user: str | None
) -> Iterator[Target]:
    for item in items:
        cache = parse_cache_arn(item.arn or "")
        if cache is None or item.found is None:
            continue
        matcher = matchers.get(item.matcher or "")
        found = item.found.endpoint
        users = item.iam.users[:MOST_USERS] if item.iam is not None else ()
        yield Target(
            cache=cache,
            name=item.name,
            endpoint=None if found is UNKNOWN else found,
            users=users if user is None else (user,),
            judgement=item.iam,
            connect=matcher.connect if matcher is not None else None,
        )
