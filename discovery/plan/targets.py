"""What a run looks at, and what it means for a registration not to be looked at (R9).

*Not in this run* and *out of configuration* are never mixed: only an account list and a region
list that were read to their end can say that something is out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from discovery.model.ownership import parse_cache_arn
from discovery.model.values import AccountId, Region, Scanned, Scope
from discovery.plan.shard import Shard
from matchers.regions import RegionList, ScopeMembership
from state.records import RememberedState


@dataclass(frozen=True, slots=True)
class ScopeFilter:
    """The part of all targets that this run is about: `--only` and `--shard` together."""

    only: tuple[Scope, ...] = ()
    """Empty: no restriction. A scope without a region stands for its whole account."""
    shard: Shard | None = None
    from_event: bool = False
    """True when events named the scopes of `only`: the process looks after its whole part all the
    same, and removals are weighed against that (R3)."""

    @property
    def guard_filter(self) -> ScopeFilter:
        """The part whose registrations are the population of the guard."""
        return ScopeFilter(shard=self.shard) if self.from_event else self

    def other_shard(self, scope: Scope) -> bool:
        """True when another shard looks after this scope, in every run."""
        return self.shard is not None and not self.shard.owns(scope.account_id)

    def covers(self, scope: Scope) -> bool:
        """True when the run is about this scope; of a whole account, about any of its regions."""
        if self.other_shard(scope):
            return False
        return not self.only or any(_overlap(each, scope) for each in self.only)


def _overlap(one: Scope, other: Scope) -> bool:
    if one.account_id != other.account_id:
        return False
    return one.region is None or other.region is None or one.region == other.region


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The accounts and regions that are configured, and the part of them this run is about."""

    accounts: Mapping[AccountId, RegionList]
    accounts_complete: bool
    part: ScopeFilter = ScopeFilter()

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of this run with a known region, in order."""
        known = (
            Scope(account_id, region)
            for account_id, regions in self.accounts.items()
            for region in regions.listed
        )
        return tuple(
            sorted((scope for scope in known if self.part.covers(scope)), key=lambda s: s.key)
        )

    def membership(self, scope: Scope) -> ScopeMembership:
        """Where the scope of a registration stands."""
        if not self.part.covers(scope):
            return ScopeMembership.NOT_IN_RUN
        regions = self.accounts.get(scope.account_id)
        if regions is None:
            return (
                ScopeMembership.OUT_OF_SCOPE
                if self.accounts_complete
                else ScopeMembership.TARGETS_UNKNOWN
            )
        if scope.region is None:
            return ScopeMembership.IN_RUN
        return regions.membership(scope.region)

    def excludes(self, scope: Scope) -> bool:
        """True when it is `aws.exclude_regions` that takes a scope out."""
        regions = self.accounts.get(scope.account_id)
        return regions is not None and scope.region is not None and regions.excludes(scope.region)

    def may_be_new(self, scope: Scope) -> bool:
        """True when the scope would be scanned if its region has been enabled since its account's
        list was read: an event from there is evidence that it has."""
        regions = self.accounts.get(scope.account_id)
        if regions is None or scope.region is None or not self.part.covers(scope):
            return False
        return regions.may_be_new(scope.region)


def result_for(scope: Scope, results: Mapping[Scope, Scanned]) -> Scanned | None:
    """What came of a scope in this run: its own result, else that of its account, which could
    not be entered."""
    return results.get(scope) or results.get(Scope(scope.account_id, None))


def registered_regions(state: RememberedState) -> Mapping[AccountId, frozenset[Region]]:
    """The regions of each account in which something of ours is remembered as registered."""
    found: dict[AccountId, set[Region]] = {}
    for scope in registered_scopes(state):
        if scope.region is not None:
            found.setdefault(scope.account_id, set()).add(scope.region)
    return {account_id: frozenset(regions) for account_id, regions in found.items()}


def registered_scopes(state: RememberedState) -> frozenset[Scope]:
    """The scopes in which something of ours is remembered as registered."""
    arns = (parse_cache_arn(registration.arn) for registration in state.registrations.values())
    return frozenset(arn.scope for arn in arns if arn is not None)
