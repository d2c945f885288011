"""Plan input from state alone: what a sweep finds if nothing has changed since. Pure.

`explain` plans from it without asking anybody. What was not remembered, users above all, is
unknown there, never empty; for each cache the last verdict is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from discovery.model.codes import ScopeStatus
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import (
    UNKNOWN,
    AccountId,
    Arn,
    Cache,
    Complete,
    Database,
    Failed,
    IamJudgement,
    Region,
    ResourceName,
    Scanned,
    Scope,
    Skipped,
)
from discovery.plan.account_names import known_names
from discovery.plan.cache_facts import FACTS
from discovery.plan.inputs import PlanInput
from discovery.plan.lookups import NameState
from discovery.plan.rules import Rules
from discovery.plan.targets import Targets
from matchers.regions import RegionList
from state.records import RememberedCache, RememberedScope, RememberedState


def plan_input_from_state(state: RememberedState, rules: Rules, now: datetime) -> PlanInput:
    """Make plan input of the last scans and of the registrations as last written."""
    results = tuple(_result(each, state) for each in state.scopes.values())
    return PlanInput(
        results=results,
        targets=_targets(state),
        listed=tuple(each for each in remembered_list(state) if each.name not in state.taken),
        state=state,
        now=now,
        account_names=known_names(rules, state.account_names),
        verdicts=dict(_verdicts(state)),
        looked_up={name: _name_state(name, state) for name in state.taken},
    )


def remembered_list(state: RememberedState) -> tuple[Database, ...]:
    """List the registrations as last written, without external ids."""
    return tuple(_listed(each.database) for each in state.registrations.values())


def _name_state(name: ResourceName, state: RememberedState) -> NameState:
    registration = state.registrations.get(name)
    is_ours = registration is not None and registration.arn == state.taken[name].arn
    return NameState.OURS if is_ours else NameState.TAKEN


def _verdicts(state: RememberedState) -> Iterator[tuple[Arn, IamJudgement]]:
    """Read the remembered verdicts, without findings: only their codes are remembered."""
    for arn, cache in state.caches.items():
        if cache.iam is not None:
            yield arn, IamJudgement(cache.iam.verdict, None, cache.iam.users, ())


def _listed(database: Database) -> Database:
    """Remove the external id from a registration: state keeps only its fingerprint."""
    aws = database.spec.get("aws")
    if not isinstance(aws, Mapping):
        return database
    kept = {key: value for key, value in aws.items() if key != "external_id"}
    return replace(database, spec={**database.spec, "aws": kept})


def _targets(state: RememberedState) -> Targets:
    regions: dict[AccountId, set[Region]] = {}
    for scope in state.scopes:
        known = regions.setdefault(scope.account_id, set())
        if scope.region is not None:
            known.add(scope.region)
    return Targets(
        accounts={
            account: RegionList(listed=frozenset(found), complete=True)
            for account, found in regions.items()
        },
        accounts_complete=True,
    )


def _result(scope: RememberedScope, state: RememberedState) -> Scanned:
    at = scope.last_attempt_at
    if scope.status is ScopeStatus.COMPLETE or scope.reason is None:
        return Complete(scope=scope.scope, started_at=at, caches=_caches(scope.scope, state))
    kind = Failed if scope.status is ScopeStatus.FAILED else Skipped
    return kind(scope=scope.scope, started_at=at, message=scope.message, reason=scope.reason)


def _caches(scope: Scope, state: RememberedState) -> tuple[Cache, ...]:
    seen = (each for each in state.caches.values() if each.scope == scope)
    at = state.scopes[scope].last_complete_at
    return tuple(_cache(each) for each in seen if at is None or each.last_seen_at >= at)


def _cache(remembered: RememberedCache) -> Cache:
    parsed = parse_cache_arn(remembered.arn)
    partition = parsed.partition if parsed is not None else "aws"
    return Cache(
        arn=remembered.arn,
        partition=partition,
        account_id=remembered.scope.account_id,
        region=remembered.scope.region or Region(""),
        name=remembered.name,
        **{fact.field: fact.from_state(remembered) for fact in FACTS},
        user_group_id="",  # not remembered; nothing is judged from it, since users are unknown
        tags=remembered.tags if remembered.tags is not None else UNKNOWN,
        vpc_id=remembered.vpc_id if remembered.vpc_known else UNKNOWN,
    )
