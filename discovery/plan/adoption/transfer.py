"""A change of owner for a person to confirm, with what is refused. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from discovery.model.values import Database, ResourceName
from discovery.plan.item import Item, in_order


class Obstacle(StrEnum):
    """Why a resource keeps its owner."""

    NOT_FOUND = "NOT_FOUND"
    """There is none of this name, or the identity in use may not see it."""
    NOT_VISIBLE = "NOT_VISIBLE"
    """It exists, and the identity in use may not see it."""
    ALREADY_OURS = "ALREADY_OURS"
    NOT_OURS = "NOT_OURS"
    OTHER_GROUP = "OTHER_GROUP"
    IDENTITY_MISMATCH = "IDENTITY_MISMATCH"
    """Marked as ours, and disagrees with itself."""
    NO_SUCH_CACHE = "NO_SUCH_CACHE"
    """A complete scan shows no cache that it stands for."""
    SCOPE_UNREAD = "SCOPE_UNREAD"
    """The account and region of its cache could not be read."""
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    URI_DISAGREES = "URI_DISAGREES"
    """It names one cache and its URI is that of another, or of none."""
    OTHER_NAME = "OTHER_NAME"
    """The next sweep would rename it."""
    ALREADY_REGISTERED = "ALREADY_REGISTERED"
    """Its cache has a registration of ours under another name."""
    NOT_WANTED = "NOT_WANTED"
    """No matcher takes its cache, or a person must change something first."""
    TAGS_UNKNOWN = "TAGS_UNKNOWN"
    SAME_DISCOVERY_GROUP = "SAME_DISCOVERY_GROUP"
    """Teleport's Discovery Service would go on taking it for its own, and could remove it."""
    IAM_NOT_READY = "IAM_NOT_READY"
    """Its matcher requires a user that can log in with IAM."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One resource that keeps its owner, and why."""

    name: ResourceName
    code: Obstacle
    message: str
    wanted: Database | None = None
    """What its cache is to be registered as, where the resource itself cannot be seen."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """The resources whose owner is to change, and those that are refused."""

    items: tuple[Item, ...] = ()
    """Updates that change the owner; `live` is the resource as it was shown."""
    refused: tuple[Refused, ...] = ()


def transfer_of(drafts: Iterable[Item | Refused]) -> Transfer:
    """Sort planned changes of owner into items and refusals."""
    found = tuple(drafts)
    items = in_order(each for each in found if isinstance(each, Item))
    refused = (each for each in found if isinstance(each, Refused))
    return Transfer(items, tuple(sorted(refused, key=lambda each: each.name)))


def not_found(name: ResourceName) -> Refused:
    """Refuse a name under which nothing is listed."""
    return Refused(
        name,
        Obstacle.NOT_FOUND,
        "the control plane lists no database of this name to the identity in use",
    )


def is_same(planned: Item, again: Item | None) -> bool:
    """True when a fresh plan does to a resource exactly what a person has confirmed."""
    if again is None:
        return False
    return (planned.arn, planned.live, planned.database) == (
        again.arn,
        again.live,
        again.database,
    )


def refusing(name: ResourceName) -> Callable[[Obstacle, str], Refused]:
    """Make a function that refuses one resource by code and message."""
    return lambda code, message: Refused(name, code, message)
