"""Names that a plan would take, and what looking each up said (R10). Pure.

A role that is limited by labels does not list what belongs to others. So the list alone cannot show
that a name is free.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum

from discovery.model.codes import Action, Reason
from discovery.model.ownership import CacheArn, owner_of
from discovery.model.values import Arn, Database, ResourceName
from discovery.plan.item import Item
from state.records import RememberedState


class NameState(Enum):
    """What is known of a name that was looked up and not shown."""

    FREE = "FREE"
    TAKEN = "TAKEN"
    """There is a resource by this name that the agent may not see."""
    OURS = "OURS"
    """Known from an earlier look-up: the registration of this cache, which no list shows."""


LookUp = Database | NameState
"""What one look-up came to; a resource when it was shown."""


def new_names(items: Iterable[Item]) -> frozenset[ResourceName]:
    """Find the names to look up: of creates, renames, and remembered but unlisted ones."""
    found: set[ResourceName | None] = set()
    for item in items:
        if item.action is Action.CREATE:
            found |= {item.name, item.unlisted}
        elif item.action is Action.UPDATE and item.reason is Reason.RENAMED and not item.finishes:
            found.add(item.name)
    return frozenset(name for name in found if name is not None)


def unlisted_registrations(
    looked_up: Mapping[ResourceName, LookUp],
    group: str,
    wanted_name: Callable[[Arn], ResourceName | None],
) -> tuple[Database, ...]:
    """Find registrations of ours that a look-up showed and the list did not.

    They have the name that their cache is to have, and count as listed.
    """
    shown = (answer for answer in looked_up.values() if isinstance(answer, Database))
    return tuple(each for each in shown if _counts(each, group, wanted_name))


def _counts(found: Database, group: str, wanted_name: Callable[[Arn], ResourceName | None]) -> bool:
    owner = owner_of(found, group)
    return isinstance(owner, CacheArn) and wanted_name(owner.arn) == found.name


def taken_names(
    looked_up: Mapping[ResourceName, LookUp], listed: Iterable[Database]
) -> frozenset[ResourceName]:
    """Find the names that are taken although nothing is listed there."""
    answered = {name for name, answer in looked_up.items() if answer is not NameState.FREE}
    return frozenset(answered - {each.name for each in listed})


def is_registered_unlisted(
    name: ResourceName | None, arn: Arn, looked_up: Mapping[ResourceName, LookUp], group: str
) -> bool:
    """True when a look-up showed this cache's registration under a name that the list lacks."""
    found = looked_up.get(name) if name is not None else None
    if found is NameState.OURS:
        return True
    owner = owner_of(found, group) if isinstance(found, Database) else None
    return isinstance(owner, CacheArn) and owner.arn == arn


def unlisted_names(
    state: RememberedState, listed: Collection[Database], group: str
) -> tuple[ResourceName, ...]:
    """Find the names that the list ought to show and does not.

    Remembered names of caches that are listed by another name, and the names of writes without
    an outcome. A list that lacks one of the two names of a cache looks like a finished rename, or
    like a copy whose original somebody removed. No decision depends on other missing names.
    """
    owners = (owner_of(database, group) for database in listed)
    registered = {owner.arn for owner in owners if isinstance(owner, CacheArn)}
    remembered = {
        name for name, registration in state.registrations.items() if registration.arn in registered
    }
    begun = {
        name
        for each in state.open_intents
        for name in (each.intent.name, each.intent.previous_name)
        if name is not None
    }
    return tuple(sorted((remembered | begun) - {database.name for database in listed}))
