"""The input of a plan, and its caches paired with their registrations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from discovery.model.codes import ScopeReason
from discovery.model.values import (
    Arn,
    Cache,
    Complete,
    Database,
    Failed,
    IamJudgement,
    ResourceName,
    Scanned,
    Scope,
    Served,
    UnknownType,
    UsersAndGroups,
)
from discovery.plan.defect import defect
from discovery.plan.desired import Desired, Unreadable, desired_for, name_by
from discovery.plan.facts import CacheFacts, bare_facts, facts_of, likely_tags
from discovery.plan.lookups import (
    LookUp,
    is_registered_unlisted,
    taken_names,
    unlisted_registrations,
)
from discovery.plan.registration_index import Owned, RegistrationIndex, index_registrations
from discovery.plan.resource import address_of
from discovery.plan.rules import Rules
from discovery.plan.targets import Targets
from state.records import RememberedState


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInput:
    """One moment: what was scanned, what is listed, what is remembered."""

    results: tuple[Scanned, ...]
    targets: Targets
    listed: tuple[Database, ...]
    state: RememberedState
    now: datetime
    served: tuple[Served, ...] = ()
    """What Database Services serve, as far as it could be read."""
    account_names: Mapping[str, str] = field(default_factory=dict)
    """Names of accounts, as far as they were ever read."""
    verdicts: Mapping[Arn, IamJudgement] = field(default_factory=dict)
    """IAM verdicts to use for caches whose users were not read, such as remembered ones."""
    looked_up: Mapping[ResourceName, LookUp] = field(default_factory=dict)
    """What was asked of the control plane by name, beyond its list (R10)."""


@dataclass(frozen=True, slots=True)
class ObservedCache:
    """A cache that a complete scan showed, with what it is to become."""

    facts: CacheFacts
    desired: Desired
    live: Owned | None
    """Its registration, None if it has none."""
    unlisted: ResourceName | None = None
    """Where it has none: the name that state remembers for it, under which nothing is listed."""
    is_registered_unlisted: bool = False
    """True when a look-up by that name found its registration all the same."""

    @property
    def arn(self) -> Arn:
        """The ARN of the cache."""
        return self.facts.cache.arn


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedState:
    """The plan input with caches and registrations paired."""

    plan_input: PlanInput
    registry: RegistrationIndex
    found: tuple[ObservedCache, ...]
    arns_found: frozenset[Arn]
    """The ARNs of the caches that complete scans showed."""
    results: Mapping[Scope, Scanned]
    served: Mapping[str, frozenset[str]]
    """Names of what is served, by the host and port of their URI."""
    taken: frozenset[ResourceName] = frozenset()
    """Names that are taken by what the list does not show (R10)."""
    rules_changed: bool = False
    """True when matchers or name rules differ from those of the last finished sweep."""


def observe(plan_input: PlanInput, rules: Rules) -> ObservedState:
    """Pair every found cache with its registration and decide what it is to become."""
    state = plan_input.state
    complete = [result for result in plan_input.results if isinstance(result, Complete)]
    caches = [(cache, result.users_and_groups) for result in complete for cache in result.caches]
    likely_name = _likely_names(caches, state, rules)
    looked_up = plan_input.looked_up
    listed = (*plan_input.listed, *unlisted_registrations(looked_up, rules.group, likely_name))
    registry = index_registrations(listed, rules.group, state, likely_name)
    unlisted = _unlisted(registry, state)
    found = []
    for cache, users_and_groups in caches:
        each = _judge(cache, users_and_groups, registry, plan_input, rules)
        other = unlisted.get(cache.arn) if each.live is None else None
        if other is not None:
            hidden = is_registered_unlisted(other, cache.arn, looked_up, rules.group)
            each = replace(each, unlisted=other, is_registered_unlisted=hidden)
        found.append(each)
    holes = {each.facts.cache.scope: each.facts for each in found if each.facts.missing}
    results = tuple(
        _fail_scope(each, holes[each.scope]) if each.scope in holes else each
        for each in plan_input.results
    )
    judged = tuple(each for each in found if each.facts.cache.scope not in holes)
    return ObservedState(
        plan_input=replace(plan_input, results=results),
        registry=registry,
        found=judged,
        arns_found=frozenset(each.arn for each in judged),
        results={result.scope: result for result in results},
        served=_by_address(plan_input.served),
        taken=taken_names(looked_up, listed),
        rules_changed=rules.changed_since(state),
    )


def _judge(
    cache: Cache,
    users_and_groups: UsersAndGroups | UnknownType,
    registry: RegistrationIndex,
    plan_input: PlanInput,
    rules: Rules,
) -> ObservedCache:
    """Decide what one cache is to become; a defect in that stops no other cache (R8)."""
    live, state = registry.ours.get(cache.arn), plan_input.state
    database = live.database if live is not None else None
    written = state.registrations.get(database.name) if database is not None else None
    try:
        name = plan_input.account_names.get(cache.account_id)
        facts = facts_of(cache, state.caches.get(cache.arn), database, written, name)
        desired = desired_for(facts, users_and_groups, rules, plan_input.verdicts.get(cache.arn))
    except Exception as error:
        return ObservedCache(
            bare_facts(cache), Unreadable(message=defect("it", "judged", error)), live
        )
    return ObservedCache(facts, desired, live)


def _fail_scope(result: Scanned, hole: CacheFacts) -> Failed:
    """Fail the scope of a cache that cannot be judged and of which nothing is remembered.

    A list that leaves out so much is no evidence about any cache (R1).
    """
    return Failed(
        scope=result.scope,
        started_at=result.started_at,
        duration_s=result.duration_s,
        calls=result.calls,
        notes=result.notes,
        reason=ScopeReason.MALFORMED,
        message=f"the answer to elasticache:DescribeServerlessCaches in {result.scope} leaves out "
        f"{' and '.join(hole.missing)} of cache {hole.cache.name}, and nothing is remembered of "
        "it. Nothing registered there is removed or changed; the next sweep asks again. If it "
        "stays, look at proxies and endpoint overrides in between",
    )


def _by_address(served: Iterable[Served]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for each in served:
        found[address_of(each.uri)].add(each.name)
    return {address: frozenset(names) for address, names in found.items()}


def _unlisted(registry: RegistrationIndex, state: RememberedState) -> Mapping[Arn, ResourceName]:
    """Find remembered registrations under whose names nothing is listed, by cache."""
    return {
        registration.arn: name
        for name, registration in state.registrations.items()
        if not registry.holders(name)
    }


def _likely_names(
    caches: Iterable[tuple[Cache, UsersAndGroups | UnknownType]],
    state: RememberedState,
    rules: Rules,
) -> Callable[[Arn], ResourceName | None]:
    """Compute names by the tags just read, else by remembered ones; they only rank duplicates."""
    by_arn = {cache.arn: cache for cache, _ in caches}

    def likely_name(arn: Arn) -> ResourceName | None:
        if (cache := by_arn.get(arn)) is None:
            return None
        return name_by(cache, likely_tags(cache, state.caches.get(arn)), rules).value

    return likely_name
