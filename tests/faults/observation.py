"""One agent run as the checker sees it, and what a state file has gone through before."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from discovery.model.values import Complete, Scanned
from discovery.sandbox.aws.world import World
from discovery.sweep.scan import Scan
from tests.faults.expected_state import caches, find, may_be_registered, reasons, scope_of
from tests.faults.settings import Settings

Scope = tuple[str, str]
Registered = tuple[str, str]
"""Name and ARN of a registration."""
Reasons = frozenset[str]


@dataclass(frozen=True)
class Snapshot:
    """The world at one moment, as far as removals and creations depend on it."""

    reasons: Mapping[str, Reasons]
    """By ARN: why a registration of that cache should go."""
    likely: Mapping[str, Reasons]
    """The same, or by what the tagging API shows."""
    eligible: frozenset[str]
    """Caches that may be registered, by their tags or by those of the tagging API."""
    created_at: Mapping[str, datetime | None]
    present: Mapping[Scope, frozenset[tuple[str, datetime]]]
    """Names and create times of the caches in each scope."""

    @classmethod
    def at(cls, world: World, settings: Settings, arns: set[str], now: datetime) -> Snapshot:
        every = arns | {place.cache.arn for place in caches(world)}
        places = {arn: find(world, arn) for arn in every}
        present: dict[Scope, set[tuple[str, datetime]]] = {}
        for place in caches(world):
            present.setdefault(place.key, set()).add((place.cache.name, place.cache.created_at))
        return cls(
            {arn: reasons(world, settings, arn) for arn in every},
            {arn: _likely(world, settings, arn, now) for arn in every},
            frozenset(
                place.cache.arn
                for place in caches(world)
                if may_be_registered(settings, place, place.tags)
                or may_be_registered(settings, place, place.tags_by_index(now))
            ),
            {arn: place.cache.created_at if place else None for arn, place in places.items()},
            {scope: frozenset(found) for scope, found in present.items()},
        )


def _likely(world: World, settings: Settings, arn: str, now: datetime) -> Reasons:
    return reasons(world, settings, arn) | reasons(world, settings, arn, indexed_at=now)


@dataclass
class StateLifetime:
    """A state file from creation to loss: what agent runs with it have seen and done."""

    runs: list[Observation] = field(default_factory=list)
    """Those that came to a plan and were recorded, in their order."""
    removed_at: list[datetime] = field(default_factory=list)
    """By the world's clock, which AWS tells with each answer."""
    made: set[Registered] = field(default_factory=set)
    """What it has made and every list since has shown: surely its own."""
    claims: set[Registered] = field(default_factory=set)
    """What it may have made or matched, and has not removed since (R2)."""
    tags: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)
    """All tags that a scan can have seen on each cache."""


@dataclass(eq=False)  # each is itself, and they know of each other
class Observation:
    """One sweep, audit or re-scan of one agent."""

    lifetime: StateLifetime
    state: Path
    settings: Settings
    take_snapshot: Callable[[Observation], Snapshot]
    scanned: Callable[[Observation, Snapshot, Scan], None]
    """To be called with the world as it was before the scan, and what the scan found."""
    only: frozenset[Scope] = frozenset()
    from_event: bool = False
    allowed: int | None = None
    """`--allow-mass-removal`"""
    prunes: bool = False
    is_dry: bool = False
    is_paused: bool = False
    results: Mapping[Scope, Scanned] = field(default_factory=dict)
    before: Snapshot | None = None
    after: Snapshot | None = None
    """Around the scan."""
    past: list[Snapshot] = field(default_factory=list)
    """Since the scan, one before each thing that people did."""
    planned_at: datetime | None = None
    """By the agent's clock."""
    planned_in_world: datetime | None = None
    began_at_call: int = 0
    """How many calls the control plane had had when the list was read."""
    listed: frozenset[str] = frozenset()
    ours: frozenset[Registered] = frozenset()
    """Registrations of the group among them."""
    covers: Callable[[str], bool] = lambda _account_id: True
    """Whether the account is this shard's."""
    looked_up: set[str] = field(default_factory=set)
    """What was asked for by itself before anything was written, and is there."""
    remembered: Mapping[str, str] = field(default_factory=dict)
    """Registrations that state knew when the list was read: ARN by name."""
    population: int = 0
    described: dict[str, int] = field(default_factory=dict)
    tagged: dict[str, int] = field(default_factory=dict)
    directories: dict[Scope, int] = field(default_factory=dict)
    """When AWS was last asked about a cache, its tags, the users of a scope, after the scan: how
    many things people had done by then."""
    removals: int = 0
    touched: set[str] = field(default_factory=set)
    """ARNs of the registrations that were written."""

    def is_complete(self, arn: str) -> bool:
        """Whether the scope of the cache was read to its end."""
        return isinstance(self.results.get(scope_of(arn)), Complete)

    def shows(self, arn: str, reason: str) -> bool | None:
        """Whether the scan can have shown this reason; None when it says nothing of it."""
        if reason == "OUT_OF_SCOPE":
            if self.only and scope_of(arn) not in self.only:
                return None
        elif not self.is_complete(arn):
            return None
        snapshots = (each for each in (self.before, self.after) if each is not None)
        return any(reason in each.likely.get(arn, ()) for each in snapshots)

    def held_since(self, arn: str, reason: str, asked_at: int, now: Snapshot) -> bool:
        """Whether the reason was true at some moment from that question until now."""
        moments = (*self.past[asked_at:], now)
        return any(reason in each.reasons.get(arn, ()) for each in moments)

    def created_at(self, arn: str) -> datetime | None:
        return self.after.created_at.get(arn) if self.after is not None else None


_CURRENT: ContextVar[weakref.ref[Observation]] = ContextVar("observation")
"""Weak: a connection keeps the context of the task that opened it for as long as it is open, and
later runs use it too. The run must not stay with it, nor what its scan found."""


@contextmanager
def observing(observation: Observation) -> Iterator[None]:
    """Make the run the current one of this task, and of those that it starts."""
    token = _CURRENT.set(weakref.ref(observation))
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Observation:
    """The run that this task belongs to. Raises: LookupError, when it has ended."""
    observation = _CURRENT.get()()
    if observation is None:
        raise LookupError("the run that this task belongs to has ended")
    return observation


def rows(state: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    """What a question to the state file answers; nothing when there is no such file or table."""
    if not state.exists():
        return []
    with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as file:
        try:
            return file.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return []
