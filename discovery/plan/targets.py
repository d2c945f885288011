"""The scopes of a run, and why another scope is not among them (R9).

*Not in this run* and *out of configuration* are kept apart: a scope is out of configuration only
if the account list and the region list were read to their end and lack it.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from discovery.model.ownership import parse_cache_arn
from discovery.model.values import AccountId, Region, Scanned, Scope
from discovery.plan.shard import Shard
from matchers.regions import RegionList, ScopeMembership

if TYPE_CHECKING:
    from state.records import RememberedState


@dataclass(frozen=True, slots=True)
class ScopeFilter:
    """The part of all targets that this run is about: `--only` and `--shard` together."""

    only: tuple[Scope, ...] = ()
    """Empty: no restriction. A scope without a region is its whole account."""
    shard: Shard | None = None
    from_event: bool = False
    """True when events named the scopes of `only`: the process looks after its whole part all the
    same, and removals are weighed against that (R3)."""

    @property
    def guard_filter(self) -> ScopeFilter:
        """The part whose registrations the guard counts."""
        return ScopeFilter(shard=self.shard) if self.from_event else self

    def other_shard(self, scope: Scope) -> bool:
        """True when another shard looks after this scope, in every run."""
        return self.shard is not None and not self.shard.owns(scope.account_id)

    def covers(self, scope: Scope) -> bool:
        """True when the run is about this scope; of a whole account, about any region of it."""
        if self.other_shard(scope):
            return False
        return not self.only or any(_overlap(each, scope) for each in self.only)


def _overlap(one: Scope, other: Scope) -> bool:
    if one.account_id != other.account_id:
        return False
    return one.region is None or other.region is None or one.region == other.region


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The configured accounts and regions, and the part of them that this run is about."""

    accounts: Mapping[AccountId, RegionList]
    accounts_complete: bool
    scope_filter: ScopeFilter = ScopeFilter()

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of this run with a known region, in order."""
        known = (
            Scope(account_id, region)
            for account_id, regions in self.accounts.items()
            for region in regions.listed
        )
        return tuple(
            sorted(
                (scope for scope in known if self.scope_filter.covers(scope)), key=lambda s: s.key
            )
        )

    def membership(self, scope: Scope) -> ScopeMembership:
        """Tell whether a scope is in this run, out of configuration, or not known to be either."""
        if not self.scope_filter.covers(scope):
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
        """True when `aws.exclude_regions` takes a scope out."""
        regions = self.accounts.get(scope.account_id)
        return regions is not None and scope.region is not None and regions.excludes(scope.region)

    def may_be_new(self, scope: Scope) -> bool:
        """True when the scope would be scanned if its region was enabled a moment ago.

        An event from there is evidence that it has been, since its account's list was read.
        """
        regions = self.accounts.get(scope.account_id)
        if regions is None or scope.region is None or not self.scope_filter.covers(scope):
            return False
        return regions.may_be_new(scope.region)


def result_for(scope: Scope, results: Mapping[Scope, Scanned]) -> Scanned | None:
    """Find the result of a scope: its own, else that of its account that could not be entered."""
    return results.get(scope) or results.get(Scope(scope.account_id, None))


def registered_regions(state: RememberedState) -> Mapping[AccountId, frozenset[Region]]:
    """Find the regions of each account in which state remembers registrations of ours."""
    found: dict[AccountId, set[Region]] = {}
    for scope in registered_scopes(state):
        if scope.region is not None:
            found.setdefault(scope.account_id, set()).add(scope.region)
    return {account_id: frozenset(regions) for account_id, regions in found.items()}


def registered_scopes(state: RememberedState) -> frozenset[Scope]:
    """Find the scopes in which state remembers registrations of ours."""
    arns = (parse_cache_arn(registration.arn) for registration in state.registrations.values())
    return frozenset(arn.scope for arn in arns if arn is not None)


class NoSuchScope(Exception):
    """`--only` names a scope that is no target and holds no registration of ours."""


def check_named_scopes(
    targets: Targets, *, scanned: Collection[Scope], registered: Iterable[Scope]
) -> None:
    """Check that each scope of `--only` is a target or holds a registration.

    Where the list was not read the scope may exist, so it passes.

    Raises: NoSuchScope.
    """
    held = frozenset(registered)
    unknown = [
        each for each in targets.scope_filter.only if not _fits(each, targets, scanned, held)
    ]
    if unknown:
        lines = (*(_about(scope, targets) for scope in unknown), "Nothing was written.")
        raise NoSuchScope("\n".join(lines))


def _fits(
    scope: Scope, targets: Targets, scanned: Collection[Scope], held: frozenset[Scope]
) -> bool:
    scope_filter = ScopeFilter(only=(scope,))
    if scope in scanned or any(scope_filter.covers(each) for each in held):
        return True
    return targets.membership(scope) is not ScopeMembership.OUT_OF_SCOPE


def _about(scope: Scope, targets: Targets) -> str:
    regions = targets.accounts.get(scope.account_id)
    if scope.region is None or regions is None:
        what = "no such account is configured or listed"
        near = _nearest(scope.account_id, targets.accounts)
    elif targets.excludes(scope):
        what, near = "aws.exclude_regions leaves that region out", ()
    else:
        what = f"account {scope.account_id} has no such region that is configured and enabled"
        near = _nearest(scope.region, regions.listed)
    hint = f". Nearest: {', '.join(near)}" if near else ""
    return f"--only {scope}: {what}, and nothing of ours is registered there{hint}."


def _nearest(word: str, known: Iterable[str]) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.0))
