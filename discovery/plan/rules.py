"""All configuration that a plan depends on, as one pure value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from discovery.model.values import AccountId
from matchers.keys import is_reserved
from matchers.matcher import IamUsers, Matcher
from matchers.selectors import Pattern

if TYPE_CHECKING:
    from state.records import RememberedState


class WritePolicy(StrEnum):
    """Which kinds of change are made at all."""

    SYNC = "sync"
    UPSERT_ONLY = "upsert-only"
    CREATE_ONLY = "create-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of `deregistration`, as configured or as widened for one sweep."""

    window: timedelta
    max_count: int
    """0: never remove."""
    max_percent: int
    min_allowed: int
    """Removals that are always allowed (within `max_count`), so that a small fleet can change."""
    allow_empty: bool
    counts_window: bool = True
    """Whether removals done within `window` count. False for `--allow-mass-removal`, whose number
    is of removals still to come."""

    def limit(self, population: int) -> int:
        """Compute how many removals are allowed within the window."""
        share = population * self.max_percent // 100
        return min(self.max_count, max(self.min_allowed, share))

    def with_overrides(self, count: int) -> Budget:
        """Allow up to `count` removals in one sweep, whatever was removed before it."""
        return replace(
            self,
            max_count=count,
            max_percent=100,
            min_allowed=count,
            allow_empty=True,
            counts_window=False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The configured rules of one sweep."""

    group: str
    matchers: tuple[Matcher, ...]
    matching_digest: str
    """Digest of all configuration that decides matching and naming (R3)."""
    origin: str = "dynamic"
    keep_labels: tuple[Pattern, ...] = ()
    named_by_tag: frozenset[AccountId] | bool = True
    """Accounts whose name tags are honoured; True is all, False is none."""
    enrolls_public: bool = False
    policy: WritePolicy = WritePolicy.SYNC
    removes_out_of_scope: bool = False
    prunes: bool = False
    """True with `--prune`: this sweep removes what is out of configuration, also if another agent
    of the group registered it (R2, R9)."""
    missed_sweeps: int = 2
    grace: timedelta = timedelta(minutes=10)
    budget: Budget
    external_ids: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The values behind the references in `connect.external_id`."""
    uses_account_names: bool = True
    account_names: Mapping[str, str] = field(default_factory=dict)
    """Names in the entries of accounts. They win over those of organizations."""
    owner_tag: str | None = None
    """The tag whose value says whose a cache is."""

    @property
    def asks_for_users(self) -> bool:
        """True when a matcher wants to know who can log in with IAM."""
        return any(matcher.iam_users is not IamUsers.IGNORE for matcher in self.matchers)

    @property
    def requires_users(self) -> bool:
        """True when a matcher registers only caches that somebody can log in to."""
        return any(matcher.iam_users is IamUsers.REQUIRE for matcher in self.matchers)

    def keeps_label(self, key: str) -> bool:
        """True for labels that stay on a registration although we do not write them.

        Never for a reserved one, not even where we have no value ourselves (R7).
        """
        return not is_reserved(key) and any(pattern.matches(key) for pattern in self.keep_labels)

    def honours_name_tag(self, account_id: AccountId) -> bool:
        """True when a tag may name the caches of this account."""
        if isinstance(self.named_by_tag, bool):
            return self.named_by_tag
        return account_id in self.named_by_tag

    def changed_since(self, state: RememberedState) -> bool:
        """True when matchers or name rules differ from those of the last finished sweep."""
        return state.finished_sweeps > 0 and state.matching_digest != self.matching_digest
