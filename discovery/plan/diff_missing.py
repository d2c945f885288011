"""The items of registrations whose cache this sweep did not find (R1, R9)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from discovery.model.codes import Action, Reason, ScopeReason
from discovery.model.values import Complete, Failed, Scanned, Skipped
from discovery.plan.inputs import ObservedState
from discovery.plan.item import Item
from discovery.plan.notes import inherited_notes
from discovery.plan.registration_index import Owned
from discovery.plan.removal import RemovalReason, decide_removal
from discovery.plan.rules import Rules
from discovery.plan.targets import result_for
from matchers.regions import ScopeMembership


@dataclass(frozen=True, slots=True)
class _Why:
    """Why the cache was not found; `evidence` when that says it is gone, or not wanted."""

    reason: Reason
    message: str
    evidence: bool = False


def item_for_missing(owned: Owned, observed: ObservedState, rules: Rules) -> Item:
    """Held, unless a complete scan shows that the cache is gone or the configuration lets go."""
    why = _why(owned, observed)
    held = Item(
        scope=owned.cache.scope,
        arn=owned.cache.arn,
        cache=owned.cache.name,
        name=owned.database.name,
        action=Action.HELD,
        reason=why.reason,
        message=why.message,
        notes=inherited_notes(owned, observed.plan_input),
        database=owned.database,
        live=owned.database,
    )
    return _ruled(held, owned, why, observed, rules) if why.evidence else held


def _ruled(held: Item, owned: Owned, why: _Why, observed: ObservedState, rules: Rules) -> Item:
    grounds = RemovalReason(
        live=owned.database, arn=owned.cache.arn, reason=why.reason, message=why.message
    )
    ruling = decide_removal(grounds, observed.plan_input.state, rules, observed.plan_input.now)
    held = replace(held, missed=ruling.missed, grounds=why.reason)
    if why.reason is Reason.OUT_OF_SCOPE and not _lets_go(owned, observed, rules):
        # Its misses are counted all the same, so that `sweep --prune` finds the time gone by.
        return held
    return replace(
        held,
        action=ruling.action,
        reason=ruling.reason,
        message=ruling.message,
        removed_before=ruling.lags,
    )


def _lets_go(owned: Owned, observed: ObservedState, rules: Rules) -> bool:
    if observed.plan_input.targets.excludes(owned.cache.scope):
        return rules.prunes
    return rules.removes_out_of_scope


def _why(owned: Owned, observed: ObservedState) -> _Why:
    scope = owned.cache.scope
    standing = observed.plan_input.targets.membership(scope)
    if standing is ScopeMembership.NOT_IN_RUN:
        return _Why(Reason.NOT_IN_RUN, f"scope {scope} is not part of this run")
    if standing is ScopeMembership.TARGETS_UNKNOWN:
        text = (
            f"whether scope {scope} is configured hangs on a list that could not be read; see what "
            "the unread scopes say"
        )
        return _Why(Reason.TARGETS_UNKNOWN, text)
    if standing is ScopeMembership.OUT_OF_SCOPE and scope not in observed.results:
        if observed.plan_input.targets.excludes(scope):
            text = (
                f"region {scope.region} is in aws.exclude_regions; take it out there to have it "
                "read, or let go of it with `cachemuster sweep --prune`"
            )
            return _Why(Reason.OUT_OF_SCOPE, text, evidence=True)
        text = (
            f"scope {scope} is no longer among the configured accounts and regions; configure it "
            "again, or let go of it with `cachemuster sweep --prune`"
        )
        return _Why(Reason.OUT_OF_SCOPE, text, evidence=True)
    return _by_result(owned, result_for(scope, observed.results))


def _by_result(owned: Owned, result: Scanned | None) -> _Why:
    scope = owned.cache.scope
    if isinstance(result, Complete):
        text = f"a complete scan of {scope} does not show the cache"
        return _Why(Reason.ABSENT, text, evidence=True)
    if isinstance(result, Failed):
        unread = result.reason is ScopeReason.REGIONS_UNREADABLE
        reason = Reason.TARGETS_UNKNOWN if unread else Reason.SCOPE_FAILED
        text = f"scope {scope} could not be read: {result.reason.value}; see what the scope says"
        return _Why(reason, text)
    if isinstance(result, Skipped) and result.reason is ScopeReason.REGION_NOT_ENABLED:
        text = f"region {scope.region} is not enabled in the account; enable it to have it read"
        return _Why(Reason.SCOPE_FAILED, text)
    return _Why(Reason.NOT_IN_RUN, f"scope {scope} was not scanned in this run")
