"""The items of resources that look like ours and are not written to (R2)."""

from __future__ import annotations

from collections.abc import Iterator

from discovery.model.codes import Action, Reason
from discovery.model.ownership import ARN_LABEL
from discovery.model.values import AccountId, Database, Region, Scope
from discovery.plan.diff import finishes_rename
from discovery.plan.inputs import ObservedState
from discovery.plan.item import Item
from discovery.plan.registration_index import Owned


def conflict_items(observed: ObservedState, shown: frozenset[str]) -> Iterator[Item]:
    """One item for each resource that is marked as ours but cannot count; `shown` are names that
    the item of a cache shows already."""
    registry = observed.registry
    for owned in registry.duplicates:
        yield _duplicate(owned, _surplus(registry.ours[owned.cache.arn]))
    finished = {each.arn for each in observed.found if finishes_rename(each, registry)}
    for arn, owned in registry.half_renamed.items():
        if arn not in finished:
            yield _duplicate(owned, _old_half(registry.ours[arn]))
    for database in registry.mismatched:
        if database.name not in shown:
            yield _mismatched(database)


def _surplus(counted: Owned) -> str:
    return (
        f"{counted.database.name} is registered for the same cache and counts; "
        "remove this one by hand if nothing needs it"
    )


def _old_half(counted: Owned) -> str:
    return (
        f"{counted.database.name} is its new name and counts; this one is removed once its cache "
        "can be judged, or remove it by hand"
    )


def _duplicate(owned: Owned, text: str) -> Item:
    return Item(
        scope=owned.cache.scope,
        arn=owned.cache.arn,
        cache=owned.cache.name,
        name=owned.database.name,
        action=Action.CONFLICT,
        reason=Reason.DUPLICATE_REGISTRATION,
        message=text,
        database=owned.database,
        live=owned.database,
    )


def _mismatched(database: Database) -> Item:
    text = (
        f"its labels say that it is ours, but {ARN_LABEL} and spec.aws do not agree; "
        "it is never written to. Mend or remove it by hand"
    )
    return Item(
        scope=_said_scope(database),
        arn=None,
        cache=None,
        name=database.name,
        action=Action.CONFLICT,
        reason=Reason.IDENTITY_MISMATCH,
        message=text,
        database=database,
        live=database,
    )


def _said_scope(database: Database) -> Scope:
    """The scope that `spec.aws` names; nothing rests on it but the order of items."""
    aws = database.spec.get("aws")
    account = aws.get("account_id") if isinstance(aws, dict) else None
    region = aws.get("region") if isinstance(aws, dict) else None
    return Scope(AccountId(str(account or "")), Region(str(region)) if region else None)
