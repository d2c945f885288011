"""The report of one sweep or audit, which every format is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from discovery.model.agent import Agent
from discovery.model.codes import Action
from discovery.model.values import Failed, Scanned, Scope, Skipped
from discovery.plan.item import Item
from discovery.plan.removal_guard import GuardVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one sweep or audit found and did."""

    sweep_id: str
    agent: Agent
    started_at: datetime
    finished_at: datetime
    dry_run: bool
    checksum: str
    endpoints: Mapping[str, str]
    """AWS endpoint overrides in force, by service; empty against the real AWS."""
    scopes: tuple[Scanned, ...]
    items: tuple[Item, ...]
    guard: GuardVerdict
    account_names: Mapping[str, str] = field(default_factory=dict)
    """Names of accounts by id, as far as they are known."""
    failing_since: Mapping[Scope, datetime] = field(default_factory=dict)
    """Since when each failed scope has been failing, from state."""
    expected_failures: frozenset[Scope] = frozenset()
    """Scopes whose failure is reported but expected (`aws.expected_failures`), as they are
    written: `exit.is_expected` says whether one of them is meant."""
    error: str | None = None
    """Why the sweep could not be finished, None if it was. Exit 1 when set."""
    plan_changed: bool = False
    """True when `--checksum` named another plan than this one: nothing was written, exit 4."""
    interrupted: bool = False
    paused_until: datetime | None = None
    """Writes were paused (`cachemuster pause`) until then: nothing was written."""
    stop_message: str = ""
    """Why it stopped early or wrote nothing, for a person; empty when neither holds."""

    @property
    def complete(self) -> bool:
        """Whether every scope of this run was read; expected failures count against it too."""
        return not self.unread_scopes

    @property
    def unread_scopes(self) -> tuple[Scanned, ...]:
        """Scopes of this run that were not read: they failed, or the time was over first."""
        return tuple(
            scope
            for scope in self.scopes
            if isinstance(scope, Failed) or (isinstance(scope, Skipped) and scope.past_deadline)
        )

    @property
    def failed_items(self) -> int:
        """How many items ended with an error."""
        return sum(1 for item in self.items if item.error is not None)

    @property
    def summary(self) -> dict[str, int]:
        """How many items have each action, and how many calls failed."""
        counts = {action.value: 0 for action in Action}
        for item in self.items:
            counts[item.action.value] += 1
        return {**counts, "failed": self.failed_items}
