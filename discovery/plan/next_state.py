"""What a finished sweep leaves behind in state, from its plan and its applied items. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from discovery.model.codes import Action, IamVerdict, Reason, ScopeReason
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import (
    UNKNOWN,
    Arn,
    Cache,
    Complete,
    Failed,
    ResourceName,
    Scanned,
    Scope,
    Skipped,
    Tags,
)
from discovery.plan.cache_facts import to_remember
from discovery.plan.desired import Blocked, Register, Unreadable
from discovery.plan.facts import CacheFacts, facts_of
from discovery.plan.inheritance import (
    is_inherited,
    is_journaled,
    is_match,
    is_removed_and_listed,
)
from discovery.plan.inputs import ObservedCache, ObservedState
from discovery.plan.item import Item
from discovery.plan.removal import RESTARTED_BY_NEW_RULES
from discovery.plan.targets import Targets
from matchers.regions import ScopeMembership
from state.records import (
    LastVerdict,
    PendingRemoval,
    Registration,
    RememberedCache,
    RememberedScope,
    RememberedState,
)

_UNKNOWING = frozenset(
    {Reason.SCOPE_FAILED, Reason.NOT_IN_RUN, Reason.TARGETS_UNKNOWN, Reason.TAGS_UNKNOWN}
)


def is_inconclusive(item: Item) -> bool:
    """True when an item neither confirms nor refutes an earlier miss: it stays as it was."""
    if item.reason is Reason.UNREADABLE:
        return True
    return item.action is Action.HELD and item.reason in _UNKNOWING


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


def next_state(
    observed: ObservedState, items: Iterable[Item], *, started_at: datetime, rules_changed: bool
) -> StateChanges:
    """What to remember of a sweep whose items have been applied."""
    applied = tuple(items)
    state = observed.plan_input.state
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
        registrations_inherited=tuple(_inherited(observed, applied, started_at)),
        registrations_matched=tuple(_matched(observed)),
        pending_removals=tuple(_misses(applied, observed, rules_changed=rules_changed)),
    )


def remembered_scopes(
    results: Iterable[Scanned], state: RememberedState, started_at: datetime
) -> tuple[RememberedScope, ...]:
    """What to remember of the scopes of a scan. Of one that was left alone for now nothing is
    known anew, so what is remembered of it stays, be it nothing."""
    found = ((each, state.scopes.get(each.scope)) for each in results)
    return tuple(
        _scope(each, before, started_at)
        for each, before in found
        if before is not None or not _is_left_alone(each)
    )


def scopes_forgotten(
    targets: Targets, results: Mapping[Scope, Scanned], state: RememberedState
) -> tuple[Scope, ...]:
    """Remembered scopes that are configured no more, the own entries of accounts that let the
    agent in again, and what another shard has taken over. One with remembered caches stays: it
    says when they were last seen."""
    part = targets.part
    occupied = {each.scope for each in state.caches.values() if not part.other_shard(each.scope)}
    return tuple(
        scope
        for scope in state.scopes
        if scope not in results
        and scope not in occupied
        and (part.other_shard(scope) or _is_over(scope, targets))
    )


def _is_over(scope: Scope, targets: Targets) -> bool:
    standing = targets.membership(scope)
    if standing is ScopeMembership.IN_RUN:  # an account that stayed shut has a result of its own
        return scope.region is None
    return standing is ScopeMembership.OUT_OF_SCOPE


def _is_left_alone(result: Scanned) -> bool:
    not_in_run = isinstance(result, Skipped) and result.reason is ScopeReason.NOT_IN_RUN
    return result.is_backing_off or not_in_run


def _scope(
    result: Scanned, before: RememberedScope | None, started_at: datetime
) -> RememberedScope:
    if before is not None and _is_left_alone(result):
        return before
    complete = isinstance(result, Complete)
    failing = before.failing_since if before is not None else None
    last = before.last_complete_at if before is not None else None
    count = before.caches if before is not None else None
    return RememberedScope(
        scope=result.scope,
        last_attempt_at=started_at,
        last_complete_at=started_at if complete else last,
        failing_since=(failing or started_at) if isinstance(result, Failed) else None,
        status=result.status,
        reason=None if isinstance(result, Complete) else result.reason,
        message=result.message,
        caches=len(result.caches) if isinstance(result, Complete) else count,
        failures=_failures(before) + 1 if isinstance(result, Failed) else 0,
    )


def _failures(before: RememberedScope | None) -> int:
    return before.failures if before is not None else 0


def seen_caches(
    results: Iterable[Scanned], state: RememberedState, started_at: datetime
) -> tuple[RememberedCache, ...]:
    """The caches of a scan that no plan was made from, as far as they can be remembered.

    One that was recreated is left out: the next plan has to see that it was.
    """
    caches = (cache for each in results if isinstance(each, Complete) for cache in each.caches)
    facts = (facts_of(cache, state.caches.get(cache.arn), None) for cache in caches)
    return tuple(
        _remembered(each, None, state, started_at)
        for each in facts
        if not (each.recreated or each.missing or each.cache.nonsense)
    )


def _seen(
    found: ObservedCache, state: RememberedState, started_at: datetime
) -> RememberedCache | None:
    """What to remember of a found cache. Of one that nobody could judge only that it is there, and
    nothing if it was not known before."""
    if not isinstance(found.desired, Unreadable):
        return _remembered(found.facts, _verdict(found), state, started_at)
    before = state.caches.get(found.arn)
    return replace(before, last_seen_at=started_at) if before is not None else None


def _remembered(
    facts: CacheFacts, verdict: LastVerdict | None, state: RememberedState, started_at: datetime
) -> RememberedCache:
    """The facts of one cache; what this scan did not read stays as it was read last."""
    cache = facts.cache
    before = None if facts.recreated else state.caches.get(cache.arn)
    # What only a label of the registration says, which anybody may edit, was not read.
    vpc_known = cache.vpc_id is not UNKNOWN and not facts.vpc_by_label
    vpc_id = cache.vpc_id if cache.vpc_id is not UNKNOWN and vpc_known else None
    kept = to_remember(cache, facts.remembered, before)
    return RememberedCache(
        arn=cache.arn,
        scope=cache.scope,
        name=cache.name,
        created_at=kept["created_at"] or (before.created_at if before is not None else None),
        first_seen_at=before.first_seen_at if before is not None else started_at,
        last_seen_at=started_at,
        status=kept["status"],
        engine=kept["engine"],
        engine_version=kept["engine_version"],
        uri=kept["endpoint"].uri if kept["endpoint"] is not None else "",
        tags=_tags(cache, before),
        vpc_id=vpc_id,
        vpc_known=vpc_known,
        iam=verdict or (before.iam if before is not None else None),
    )


def _tags(cache: Cache, before: RememberedCache | None) -> Tags | None:
    if cache.tags is not UNKNOWN:
        return Tags(cache.tags.values, cache.tags.read_at, confirmed=False)
    return before.tags if before is not None else None


def _verdict(found: ObservedCache) -> LastVerdict | None:
    """The verdict of this sweep, None when it rests on incomplete evidence or was not asked."""
    desired = found.desired
    iam = desired.iam if isinstance(desired, Register | Blocked) else None
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
    """Remembered caches that a complete scan no longer shows, or that are configured no more, and
    nothing is registered for; and those of another shard.

    What a shard knew of an account is stale when the account comes back: the registration itself
    then says more.
    """
    part = observed.plan_input.targets.part
    kept = observed.arns_found | observed.registry.ours.keys()
    return tuple(
        arn
        for arn, cache in observed.plan_input.state.caches.items()
        if part.other_shard(cache.scope) or (arn not in kept and is_decided(cache.scope, observed))
    )


def _forgotten(observed: ObservedState, items: tuple[Item, ...]) -> tuple[ResourceName, ...]:
    """Remembered registrations that are not listed, although their scope was read to its end, or
    is configured no more: nothing will make them anew. And those of another shard.

    One whose name turned out to be taken unseen stays: the role may merely not show it. So does
    one whose cache is to be registered by another name, until that is done: who does it looks for
    the remembered one first.
    """
    part = observed.plan_input.targets.part
    registry = observed.registry
    standing = (*registry.ours.values(), *registry.duplicates, *registry.half_renamed.values())
    kept = {owned.database.name for owned in standing}
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
            part.other_shard(cache.scope)
            or (name not in kept and is_decided(cache.scope, observed))
        )
    )


def _inherited(
    observed: ObservedState, items: tuple[Item, ...], started_at: datetime
) -> Iterator[Registration]:
    """Registrations of ours that state did not know; from now on it does (R2). What it removed and
    a list that lags still shows is none, until it is wanted again."""
    written = {item.arn for item in items if item.applied}
    state, part = observed.plan_input.state, observed.plan_input.targets.part
    matched = frozenset(_matched(observed))
    for arn, owned in observed.registry.ours.items():
        live = owned.database
        is_known = arn in written or is_journaled(live.name, arn, state)
        lags = is_removed_and_listed(live, arn, state) and live.name not in matched
        if not is_known and not lags and not part.other_shard(owned.cache.scope):
            yield Registration(
                name=owned.database.name,
                arn=arn,
                database=owned.database,
                registered_at=started_at,
                updated_at=started_at,
                inherited=True,
            )


def _matched(observed: ObservedState) -> Iterator[ResourceName]:
    """Registrations that somebody else made and a matcher takes now: from now on they are as if
    made here, and an earlier removal of them is over (R2)."""
    state = observed.plan_input.state
    for found in observed.found:
        if found.live is None or not is_match(found.desired) or not _tags_were_read(found, state):
            continue
        if found.facts.remembered:
            continue  # what stands in may be of the registration itself, which anybody may edit
        live = found.live.database
        if is_inherited(live, found.arn, state) or live.name in state.removed:
            yield live.name


def _tags_were_read(found: ObservedCache, state: RememberedState) -> bool:
    """False when only the labels of the registration, which anybody may edit, stand in for tags."""
    before = None if found.facts.recreated else state.caches.get(found.arn)
    return found.facts.tags_read_now or (before is not None and before.tags is not None)


def _misses(
    items: tuple[Item, ...], observed: ObservedState, *, rules_changed: bool
) -> Iterator[PendingRemoval]:
    state, part = observed.plan_input.state, observed.plan_input.targets.part
    recreated = {found.arn for found in observed.found if found.facts.recreated}
    for item in items:
        if item.live is None or item.arn is None or part.other_shard(item.scope):
            continue
        if item.grounds is not None and item.missed is not None:
            if not (item.action is Action.DELETE and item.applied):
                yield PendingRemoval(
                    name=item.live.name,
                    arn=item.arn,
                    reason=item.grounds,
                    scans=item.missed.scans,
                    since=item.missed.since,
                    last_at=observed.plan_input.now,
                )
        elif is_inconclusive(item) and item.arn not in recreated:
            before = state.pending_removals.get(item.live.name)
            restarts = rules_changed and before and before.reason in RESTARTED_BY_NEW_RULES
            if before is not None and not restarts:
                yield before
