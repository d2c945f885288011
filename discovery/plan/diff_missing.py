"""Make the items of registrations whose cache was not found, or that do not count (R1, R2, R9)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from discovery.model.codes import Action, Reason, ScopeReason
from discovery.model.ownership import ARN_LABEL
from discovery.model.values import (
    AccountId,
    Arn,
    Complete,
    Database,
    Failed,
    Region,
    ResourceName,
    Scanned,
    Scope,
    Skipped,
)
from discovery.plan.diff import inherited_notes
from discovery.plan.inputs import ObservedState
from discovery.plan.item import Draft, Item
from discovery.plan.registration_index import Owned
from discovery.plan.removal import RemovalReason, plan_removal
from discovery.plan.rules import Rules
from discovery.plan.targets import result_for
from matchers.regions import ScopeMembership


@dataclass(frozen=True, slots=True)
class _NotFound:
    """Why the cache was not found; `evidence` when that is a reason to remove the registration."""

    reason: Reason
    message: str
    evidence: bool = False


def item_for_missing(owned: Owned, observed: ObservedState, rules: Rules) -> Draft:
    """Hold a registration, or remove it on evidence of a complete scan or the configuration."""
    why = _why_not_found(owned, observed)
    held = Item(
        scope=owned.cache.scope,
        arn=owned.cache.arn,
        cache=owned.cache.name,
        name=owned.database.name,
        action=Action.HELD,
        reason=why.reason,
        message=why.message,
        notes=inherited_notes(owned, observed.plan_input.targets),
        database=owned.database,
        live=owned.database,
    )
    if not why.evidence:
        return Draft(held)
    removal = RemovalReason(owned=owned, reason=why.reason, message=why.message)
    at = observed.plan_input
    draft = plan_removal(held, removal, at.state, rules, at.now)
    if why.reason is Reason.OUT_OF_SCOPE and not _may_remove_out_of_scope(owned, observed, rules):
        # Misses are counted all the same, so that a later `sweep --prune` need not wait for them.
        counted = draft.item
        return Draft(replace(held, missed=counted.missed, removal_reason=counted.removal_reason))
    return draft


def _may_remove_out_of_scope(owned: Owned, observed: ObservedState, rules: Rules) -> bool:
    if observed.plan_input.targets.excludes(owned.cache.scope):
        return rules.prunes
    return rules.removes_out_of_scope


def _why_not_found(owned: Owned, observed: ObservedState) -> _NotFound:
    scope = owned.cache.scope
    membership = observed.plan_input.targets.membership(scope)
    if membership is ScopeMembership.NOT_IN_RUN:
        return _NotFound(Reason.NOT_IN_RUN, f"scope {scope} is not part of this run")
    if membership is ScopeMembership.TARGETS_UNKNOWN:
        text = (
            f"whether scope {scope} is configured hangs on a list that could not be read; see what "
            "the unread scopes say"
        )
        return _NotFound(Reason.TARGETS_UNKNOWN, text)
    if membership is ScopeMembership.OUT_OF_SCOPE and scope not in observed.results:
        if observed.plan_input.targets.excludes(scope):
            text = (
                f"region {scope.region} is in aws.exclude_regions; take it out there to have it "
                "read, or remove its registrations with `cachemuster sweep --prune`"
            )
            return _NotFound(Reason.OUT_OF_SCOPE, text, evidence=True)
        text = (
            f"scope {scope} is no longer among the configured accounts and regions; configure it "
            "again, or remove its registrations with `cachemuster sweep --prune`"
        )
        return _NotFound(Reason.OUT_OF_SCOPE, text, evidence=True)
    return _why_by_result(owned, result_for(scope, observed.results))


def _why_by_result(owned: Owned, result: Scanned | None) -> _NotFound:
    scope = owned.cache.scope
    if isinstance(result, Complete):
        text = f"a complete scan of {scope} does not show the cache"
        return _NotFound(Reason.ABSENT, text, evidence=True)
    if isinstance(result, Failed):
        unread = result.reason is ScopeReason.REGIONS_UNREADABLE
        reason = Reason.TARGETS_UNKNOWN if unread else Reason.SCOPE_FAILED
        text = f"scope {scope} could not be read: {result.reason.value}; see what the scope says"
        return _NotFound(reason, text)
    if isinstance(result, Skipped) and result.reason is ScopeReason.REGION_NOT_ENABLED:
        text = f"region {scope.region} is not enabled in the account; enable it to have it read"
        return _NotFound(Reason.SCOPE_FAILED, text)
    return _NotFound(Reason.NOT_IN_RUN, f"scope {scope} was not scanned in this run")


def conflict_items(
    observed: ObservedState, *, finished: Collection[Arn], shown: Collection[ResourceName]
) -> Iterator[Item]:
    """Make an item for each resource that is marked as ours but does not count (R2).

    `finished`: the caches whose interrupted rename this plan finishes. `shown`: names that the
    item of a cache shows already.
    """
    registry = observed.registry
    for owned in registry.duplicates:
        yield _duplicate(owned, _surplus(registry.ours[owned.cache.arn]))
    for arn, owned in registry.half_renamed.items():
        if arn not in finished:
            yield _duplicate(owned, _old_half(registry.ours[arn]))
    for database in registry.mismatched:
        if database.name not in shown:
            yield _mismatched(database)


def _surplus(counted: Owned) -> str:
    return (
        f"{counted.database.name} is registered for the same cache and counts; "
        "remove this one manually if nothing needs it"
    )


def _old_half(counted: Owned) -> str:
    return (
        f"{counted.database.name} is its new name and counts; this one is removed once its cache "
        "can be judged, or remove it manually"
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
        "it is never written to. Fix or remove it manually"
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
    """Read the scope that `spec.aws` names; it only decides the order of items."""
    aws = database.spec.get("aws")
    account = aws.get("account_id") if isinstance(aws, dict) else None
    region = aws.get("region") if isinstance(aws, dict) else None
    return Scope(AccountId(str(account or "")), Region(str(region)) if region else None)
