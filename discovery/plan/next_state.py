"""What state is to remember of a finished sweep, from its plan and outcomes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from discovery.model.codes import Action, IamVerdict, Reason
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import (
    Arn,
    Complete,
    ResourceName,
    Scope,
)
from discovery.plan.desired import Matched, Unreadable
from discovery.plan.inputs import ObservedCache, ObservedState
from discovery.plan.item import Item
from discovery.plan.removal import RESTARTED_BY_NEW_RULES
from discovery.plan.scan_memory import remembered_cache, remembered_scopes, scopes_forgotten
from matchers.regions import ScopeMembership
from state.records import (
    LastVerdict,
    PendingRemoval,
    Registration,
    RememberedCache,
    RememberedScope,
    RememberedState,
    TakenName,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanges:
    """The parts of a `SweepOutcome` that follow from the plan."""

    scopes: tuple[RememberedScope, ...]
    scopes_forgotten: tuple[Scope, ...]
    caches_seen: tuple[RememberedCache, ...]
    caches_gone: tuple[Arn, ...]
    registrations_forgotten: tuple[ResourceName, ...]
    registrations_inherited: tuple[Registration, ...]
    registrations_matched: tuple[ResourceName, ...]
    pending_removals: tuple[PendingRemoval, ...]
    taken: tuple[TakenName, ...]
    """Names that a cache is to have and that something holds which the list does not show."""


def next_state(
    observed: ObservedState, items: Iterable[Item], *, started_at: datetime
) -> StateChanges:
    """Decide what to remember of a sweep whose items have been applied."""
    applied = tuple(items)
    state = observed.plan_input.state
    matched = tuple(_matched(observed))
    inherited = _inherited(observed, applied, frozenset(matched), started_at)
    return StateChanges(
        scopes=remembered_scopes(observed.plan_input.results, state, started_at),
        scopes_forgotten=scopes_forgotten(observed.plan_input.targets, observed.results, state),
        caches_seen=tuple(
            seen
            for found in observed.found
            if (seen := _seen(found, state, started_at)) is not None
        ),
        caches_gone=_gone(observed),
        registrations_forgotten=_forgotten(observed, applied),
        registrations_inherited=tuple(inherited),
        registrations_matched=matched,
        pending_removals=tuple(_misses(applied, observed)),
        taken=taken_after(applied, observed, started_at),
    )


def _seen(
    found: ObservedCache, state: RememberedState, started_at: datetime
) -> RememberedCache | None:
    """Decide what to remember of a found cache.

    Of one that nobody could judge only that it is there; nothing if it was not known before.
    """
    if not isinstance(found.desired, Unreadable):
        return remembered_cache(found.facts, _verdict(found), state, started_at)
    before = state.caches.get(found.arn)
    return replace(before, last_seen_at=started_at) if before is not None else None


def _verdict(found: ObservedCache) -> LastVerdict | None:
    """The verdict of this sweep, None when it rests on incomplete evidence or was not asked."""
    iam = found.desired.iam if isinstance(found.desired, Matched) else None
    if iam is None or iam.verdict is IamVerdict.UNKNOWN:
        return None
    codes = dict.fromkeys(finding.code for finding in iam.findings)
    return LastVerdict(iam.verdict, iam.users, tuple(codes))


def is_decided(scope: Scope, observed: ObservedState) -> bool:
    """True when the scope was read to its end, or is configured no more."""
    if isinstance(observed.results.get(scope), Complete):
        return True
    return observed.plan_input.targets.membership(scope) is ScopeMembership.OUT_OF_SCOPE


def _gone(observed: ObservedState) -> tuple[Arn, ...]:
    """Find the remembered caches to forget.

    Those that a complete scan no longer shows, or that are configured no more, and nothing is
    registered for; and those of another shard.

    What a shard knew of an account is stale when the account comes back: the registration itself
    then says more.
    """
    scope_filter = observed.plan_input.targets.scope_filter
    kept = observed.arns_found | observed.registry.ours.keys()
    return tuple(
        arn
        for arn, cache in observed.plan_input.state.caches.items()
        if scope_filter.other_shard(cache.scope)
        or (arn not in kept and is_decided(cache.scope, observed))
    )


def _forgotten(observed: ObservedState, items: tuple[Item, ...]) -> tuple[ResourceName, ...]:
    """Find the remembered registrations to forget.

    Those that are not listed, although their scope was read to its end, or is configured no more:
    nothing will make them anew. And those of another shard.

    One whose name turned out to be taken unseen stays: the role may merely not show it. So does
    one whose cache is to be registered by another name, until that is done: who does it looks for
    the remembered one first.
    """
    scope_filter = observed.plan_input.targets.scope_filter
    registry = observed.registry
    registered = (*registry.ours.values(), *registry.duplicates, *registry.half_renamed.values())
    kept = {owned.database.name for owned in registered}
    kept |= {item.name for item in items if item.applied and item.name is not None}
    kept |= {item.name for item in items if item.reason is Reason.NAME_TAKEN_UNSEEN and item.name}
    kept |= {item.taken_name for item in items if item.taken_name is not None}
    kept |= {item.unlisted for item in items if item.unlisted is not None and not item.applied}
    parsed = {
        name: parse_cache_arn(registration.arn)
        for name, registration in observed.plan_input.state.registrations.items()
    }
    return tuple(
        name
        for name, cache in parsed.items()
        if cache is not None
        and (
            scope_filter.other_shard(cache.scope)
            or (name not in kept and is_decided(cache.scope, observed))
        )
    )


def _inherited(
    observed: ObservedState,
    items: tuple[Item, ...],
    matched: frozenset[ResourceName],
    started_at: datetime,
) -> Iterator[Registration]:
    """Find registrations of ours that state did not know; from now on it does (R2).

    What it removed and a list that lags still shows is none, until it is wanted again.
    """
    written = {item.arn for item in items if item.applied}
    scope_filter = observed.plan_input.targets.scope_filter
    for arn, owned in observed.registry.ours.items():
        live, provenance = owned.database, owned.provenance
        is_known = arn in written or provenance.is_known
        is_late = provenance.is_listed_late and live.name not in matched
        if not is_known and not is_late and not scope_filter.other_shard(owned.cache.scope):
            yield Registration(
                name=live.name,
                arn=arn,
                database=live,
                registered_at=started_at,
                updated_at=started_at,
                inherited=True,
            )


def _matched(observed: ObservedState) -> Iterator[ResourceName]:
    """Find registrations that somebody else made and a matcher takes now (R2).

    From now on they are as if made here, and an earlier removal of them is over.
    """
    state = observed.plan_input.state
    for found in observed.found:
        desired = found.desired
        if found.live is None or not isinstance(desired, Matched) or not desired.makes_ours:
            continue
        if not _tags_were_read(found, state):
            continue
        if found.facts.remembered:
            continue  # a remembered value may come from the registration, which anybody may edit
        live = found.live.database
        if found.live.provenance.is_inherited or live.name in state.removed:
            yield live.name


def _tags_were_read(found: ObservedCache, state: RememberedState) -> bool:
    """False when the tags are known only from the registration's labels, which anybody may edit."""
    before = None if found.facts.recreated else state.caches.get(found.arn)
    return found.facts.tags_read_now or (before is not None and before.tags is not None)


def _misses(items: tuple[Item, ...], observed: ObservedState) -> Iterator[PendingRemoval]:
    state, scope_filter = observed.plan_input.state, observed.plan_input.targets.scope_filter
    recreated = {found.arn for found in observed.found if found.facts.recreated}
    for item in items:
        if item.live is None or item.arn is None or scope_filter.other_shard(item.scope):
            continue
        if item.removal_reason is not None and item.missed is not None:
            if not (item.action is Action.DELETE and item.applied):
                yield PendingRemoval(
                    name=item.live.name,
                    arn=item.arn,
                    reason=item.removal_reason,
                    scans=item.missed.scans,
                    since=item.missed.since,
                    last_at=observed.plan_input.now,
                )
        elif item.is_inconclusive and item.arn not in recreated:
            before = state.pending_removals.get(item.live.name)
            if before is None:
                continue
            if not (observed.rules_changed and before.reason in RESTARTED_BY_NEW_RULES):
                yield before


def taken_after(
    items: Iterable[Item], observed: ObservedState, started_at: datetime
) -> tuple[TakenName, ...]:
    """Find the names that are taken unseen after a sweep with these outcomes."""
    state = observed.plan_input.state
    items = tuple(items)
    found = dict(_newly_taken(items))
    undecided = {item.arn for item in items if item.is_inconclusive}
    for name, taken in state.taken.items():
        if name not in found and _learned_nothing_of(taken, observed, undecided):
            found[name] = taken.arn
    return tuple(
        before
        if (before := state.taken.get(name)) is not None and before.arn == arn
        else TakenName(name=name, arn=arn, since=started_at)
        for name, arn in sorted(found.items())
    )


def _newly_taken(items: Iterable[Item]) -> Iterator[tuple[ResourceName, Arn]]:
    """Find the names that turned out to be taken by what the agent may not see."""
    for item in items:
        met_by_write = item.reason is Reason.NAME_TAKEN_UNSEEN
        name = item.taken_name or (item.name if met_by_write else None)
        if name is not None and item.arn is not None:
            yield name, item.arn


def _learned_nothing_of(
    taken: TakenName, observed: ObservedState, undecided: set[Arn | None]
) -> bool:
    """True when this sweep learned nothing of the cache that wants the name."""
    cache = parse_cache_arn(taken.arn)
    if cache is None or observed.plan_input.targets.scope_filter.other_shard(cache.scope):
        return False
    if taken.arn in observed.arns_found:
        return taken.arn in undecided
    return not is_decided(cache.scope, observed)
