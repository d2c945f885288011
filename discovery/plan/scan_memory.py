"""What state is to remember of a scan: scopes and facts of caches. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from discovery.model.codes import ScopeReason
from discovery.model.values import UNKNOWN, Cache, Complete, Failed, Scanned, Scope, Skipped, Tags
from discovery.plan.cache_facts import to_remember
from discovery.plan.facts import CacheFacts, facts_of
from discovery.plan.targets import Targets
from matchers.regions import ScopeMembership
from state.records import LastVerdict, RememberedCache, RememberedScope, RememberedState


def remembered_scopes(
    results: Iterable[Scanned], state: RememberedState, started_at: datetime
) -> tuple[RememberedScope, ...]:
    """Decide what to remember of each scope of a scan.

    Of one that was not asked nothing is known anew, so what is remembered of it stays.
    """
    found = ((each, state.scopes.get(each.scope)) for each in results)
    return tuple(
        _scope(each, before, started_at)
        for each, before in found
        if before is not None or not _was_not_asked(each)
    )


def scopes_forgotten(
    targets: Targets, results: Mapping[Scope, Scanned], state: RememberedState
) -> tuple[Scope, ...]:
    """Find the remembered scopes to forget.

    Those no longer configured, the own entries of accounts that could be entered again, and what
    another shard has taken over. One with remembered caches stays: it says when they were last
    seen.
    """
    scope_filter = targets.scope_filter
    occupied = {
        each.scope for each in state.caches.values() if not scope_filter.other_shard(each.scope)
    }
    return tuple(
        scope
        for scope in state.scopes
        if scope not in results
        and scope not in occupied
        and (scope_filter.other_shard(scope) or _is_over(scope, targets))
    )


def _is_over(scope: Scope, targets: Targets) -> bool:
    membership = targets.membership(scope)
    if membership is ScopeMembership.IN_RUN:  # an account that failed again has a result
        return scope.region is None
    return membership is ScopeMembership.OUT_OF_SCOPE


def _was_not_asked(result: Scanned) -> bool:
    not_in_run = isinstance(result, Skipped) and result.reason is ScopeReason.NOT_IN_RUN
    return result.is_backing_off or not_in_run


def _scope(
    result: Scanned, before: RememberedScope | None, started_at: datetime
) -> RememberedScope:
    if before is not None and _was_not_asked(result):
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
    """Decide what to remember of the caches of a scan that no plan was made from.

    One that was recreated is left out: the next plan has to see that it was.
    """
    caches = (cache for each in results if isinstance(each, Complete) for cache in each.caches)
    facts = (facts_of(cache, state.caches.get(cache.arn), None) for cache in caches)
    return tuple(
        remembered_cache(each, None, state, started_at)
        for each in facts
        if not (each.recreated or each.missing or each.cache.malformed)
    )


def remembered_cache(
    facts: CacheFacts, verdict: LastVerdict | None, state: RememberedState, started_at: datetime
) -> RememberedCache:
    """Make the record of one cache; what was not read stays as it was read last."""
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
