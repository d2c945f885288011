"""What a sweep stands on, and what is asked of it beyond the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from discovery.aws.cloud import Cloud
from discovery.config.model import Config
from discovery.model.agent import Agent, this_agent
from discovery.model.values import Arn, Clock
from discovery.plan.rules import Rules
from discovery.plan.targets import ScopeFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """What is asked of one sweep, beyond the configuration."""

    part: ScopeFilter = ScopeFilter()
    allow_mass_removal: int | None = None
    prune: bool = False
    checksum: str | None = None
    """Apply only if the plan still has this checksum."""
    rebind_state: bool = False
    use_backoff: bool = False
    """Scopes that keep failing are left alone for a while. For the service; whoever starts a
    sweep by hand wants to see."""
    named: frozenset[Arn] = frozenset()
    """Caches that events named: their tags are read one by one."""
    refresh_users: bool = False
    """Users and groups are read anew, whatever earlier scans of this process know of them."""
    refresh_regions: bool = False
    """Lists of enabled regions are read anew, whatever earlier sweeps read."""
    asks_control_plane: bool = True
    """False: what is registered is left unread, and only AWS's half is told. For audits."""
    scan_deadline: timedelta | None = None
    """So long a scan may take; what it did not reach by then is not in this run (R9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepContext:
    """What a sweep stands on: the configuration, the cloud, the clock."""

    config: Config
    rules: Rules
    cloud: Cloud
    clock: Clock
    agent: Agent = field(default_factory=this_agent)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: no new scope is begun, the write in hand ends, the report says interrupted."""
    on_progress: Callable[[int, int, int], None] | None = None
    on_write: Callable[[], None] = lambda: None
    """Called with every write that has come to its end."""
