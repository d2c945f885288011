"""The connections, rules and clock of a sweep, and what one sweep is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from discovery.aws.cloud import Cloud
from discovery.config.model import Config
from discovery.control_plane.retry import Sleep
from discovery.model.agent import Agent, this_agent
from discovery.model.values import Arn, Clock
from discovery.plan.rules import Rules
from discovery.plan.targets import ScopeFilter
from discovery.sweep.scan_workers import ScanWorkers


class SweepKind(StrEnum):
    """What a sweep of the service is about; a label of its metrics and logs."""

    SWEEP = "sweep"
    """Every scope of this process."""
    RESCAN = "rescan"
    """The scopes that events named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """What one sweep is asked for, beyond the configuration."""

    scope_filter: ScopeFilter = ScopeFilter()
    allow_mass_removal: int | None = None
    prune: bool = False
    checksum: str | None = None
    """Apply only if the plan still has this checksum."""
    rebind_state: bool = False
    use_backoff: bool = False
    """Skip scopes that keep failing until their pause ends. The service does; a person who starts
    a sweep wants to see."""
    changed_caches: frozenset[Arn] = frozenset()
    """Caches that events report as changed: their tags are read one by one."""
    refresh_users: bool = False
    """Read users and groups again, whatever earlier scans of this process have of them."""
    refresh_regions: bool = False
    """Read the lists of enabled regions again, whatever earlier sweeps read."""
    asks_control_plane: bool = True
    """False: leave what is registered unread and report AWS's half only. For audits."""
    scan_deadline: timedelta | None = None
    """How long a scan may take; what it did not reach by then is not in this run (R9)."""

    def changes_plan(self, checksum: str) -> bool:
        """True when `--checksum` names another plan than this one."""
        return self.checksum is not None and self.checksum.lower() != checksum


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepContext:
    """What every sweep of a process uses: configuration, AWS, clock, stop signal."""

    config: Config
    rules: Rules
    cloud: Cloud
    clock: Clock
    sleep: Sleep = asyncio.sleep
    """Waits between attempts to reach the control plane."""
    agent: Agent = field(default_factory=this_agent)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """When set, no new scope is started, writes in progress finish, the report says interrupted."""
    workers: ScanWorkers | None = None
    """Processes that scan; None: this one alone."""
    on_progress: Callable[[int, int, int], None] | None = None
    on_write: Callable[[], None] = lambda: None
    """Called after each write, successful or not."""
