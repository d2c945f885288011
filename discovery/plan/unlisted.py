"""Names that the list ought to show and does not: each is worth a question of its own (R10). Pure.

A list that lacks one of two names for a cache looks like a finished rename, or like a copy that
people made the only one. So little hangs on other names that no list is checked for them.
"""

from __future__ import annotations

from collections.abc import Collection

from discovery.model.ownership import CacheArn, owner_of
from discovery.model.values import Database, ResourceName
from state.records import RememberedState


def unlisted_names(
    state: RememberedState, listed: Collection[Database], group: str
) -> tuple[ResourceName, ...]:
    """Remembered names of caches that are listed by another name, and the names of writes without
    an outcome; none that is listed."""
    owners = (owner_of(database, group) for database in listed)
    standing = {owner.arn for owner in owners if isinstance(owner, CacheArn)}
    remembered = {
        name for name, registration in state.registrations.items() if registration.arn in standing
    }
    begun = {
        name
        for each in state.open_intents
        for name in (each.intent.name, each.intent.previous_name)
        if name is not None
    }
    return tuple(sorted((remembered | begun) - {database.name for database in listed}))
