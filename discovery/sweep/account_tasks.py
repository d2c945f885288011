"""What is known of each account before it is scanned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeVar

from discovery.aws.cloud import Cloud
from discovery.aws.scan_cache import KnownCache
from discovery.model.values import AccountId, Arn, Region, Scope
from discovery.plan.backoff import Backoff
from discovery.plan.targets import registered_regions
from discovery.sweep.account_scan import AccountTask, ScanQuery
from state.records import RememberedState

Key = TypeVar("Key")
Value = TypeVar("Value")


class AccountTasks:
    """The tasks of one scan, from what state remembers."""

    def __init__(
        self,
        cloud: Cloud,
        query: ScanQuery,
        state: RememberedState,
        waiting: Mapping[Scope, Backoff],
    ) -> None:
        """`waiting`: scopes that are not asked in this scan."""
        self._accounts = cloud.accounts
        self._only = query.scope_filter.only
        self._regions = state.regions
        self._registered = registered_regions(state)
        self._backoffs: defaultdict[AccountId, dict[Scope, Backoff]] = defaultdict(dict)
        for scope, backoff in waiting.items():
            self._backoffs[scope.account_id][scope] = backoff
        self._caches: defaultdict[AccountId, dict[Arn, KnownCache]] = defaultdict(dict)
        for arn, cache in state.caches.items():
            known = KnownCache(cache.created_at, cache.vpc_id, cache.vpc_known)
            self._caches[cache.scope.account_id][arn] = known

    def make(self, account_id: AccountId) -> AccountTask:
        """Make the task of one account."""
        return AccountTask(
            account_id=account_id,
            entry=self._accounts.member_entry(account_id),
            remembered_regions=self._regions.get(account_id),
            evidence=self._registered.get(account_id, frozenset()) | self._named(account_id),
            backoffs=self._backoffs.get(account_id, {}),
            caches=self._caches.get(account_id, {}),
        )

    def _named(self, account_id: AccountId) -> frozenset[Region]:
        """Return the regions of the account that `--only` or an event names."""
        only = (each for each in self._only if each.account_id == account_id)
        return frozenset(each.region for each in only if each.region is not None)


def expected_scopes(cloud: Cloud, state: RememberedState) -> int:
    """Estimate how many scopes a scan will have: as many as the last, or as configured."""
    configured = len(cloud.accounts.entries) * max(1, len(cloud.regions.literals))
    return max(configured, len(state.scopes))
