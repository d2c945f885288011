"""The model of the whole configuration.

Every value in it is of the right form; `load` also checks what concerns several values at once.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt

from discovery.config.aws import Aws
from discovery.config.control_plane import ControlPlane, Embedded
from discovery.config.fields import Count, DurationRange, FilePath, Matching, OneOrMany, Section
from discovery.config.matching import MatcherSection
from discovery.config.reports import Reports
from discovery.config.service import Service
from discovery.config.snapshot import EXPECTED, PATTERN
from discovery.plan.rules import WritePolicy


class OutOfScope(StrEnum):
    """What becomes of registrations whose account or region is no longer configured."""

    HOLD = "hold"
    REMOVE = "remove"


class State(Section):
    """What the agent remembers between sweeps. Losing it removes nothing: it is found anew."""

    path: FilePath = Path("cachemuster.db")
    """The state file. It is created when missing, readable for its owner only. One process
    writes it at a time. It belongs on a local disk: a network file system, where locks do not
    hold, is refused."""
    history: Annotated[timedelta, DurationRange("1d")] = timedelta(days=400)
    """How long finished sweeps and changes are remembered. Short values lose the answer to "since
    when"; the size of the file grows with it."""
    snapshot: Annotated[str, Matching(PATTERN, EXPECTED)] | None = None
    """Default: none, and the file at `path` is the state. `s3://bucket/key`: for machines without
    a disk of their own, the state is that object. Whoever writes fetches it under a lease, the
    object `key.lease`, and puts it back; whoever reads only fetches it. `{shard}` in the key
    stands for I of `--shard I/N`. The copy that is worked with is kept beside `path`."""


class Deregistration(Section):
    """When a registration may be removed, and how many at once (R3)."""

    missed_sweeps: Annotated[StrictInt, Field(ge=1, le=1000)] = 2
    """In how many complete scans in a row a cache has to be missed. 1: the first miss counts."""
    grace: Annotated[timedelta, DurationRange("0s", "30d")] = timedelta(minutes=10)
    """How long it has to be missed besides. 0s: the count alone decides."""
    window: Annotated[timedelta, DurationRange("0s", "1d")] = timedelta(hours=1)
    """Removals of this long ago still count against the budget. 0s: each sweep has its own."""
    max_count: Count = 20
    """At most this many removals within the window. 0: nothing is ever removed. With shards each
    counts its own: n of them may remove n times as many."""
    max_percent: Annotated[StrictInt, Field(ge=0, le=100)] = 30
    """At most this share of our registrations, in percent, rounded down."""
    min_allowed: Count = 2
    """This many removals are allowed whatever the percentage says, so that a small fleet can
    shrink. `max_count` still holds."""
    allow_empty: StrictBool = False
    """True: removals go on even when no cache is found anywhere."""


def _version(value: Any) -> Any:
    if type(value) is not int or value != 1:  # True and 1.0 equal 1
        raise ValueError("the version is 1; another needs another version of this program")
    return value


class Config(Section):
    """The configuration of one agent."""

    version: Annotated[Literal[1], BeforeValidator(_version)]
    """The version of this format: 1."""
    group: Annotated[
        str,
        Matching(
            r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?",
            "a group name of at most 64 letters, digits and . _ -",
        ),
    ]
    """Names the owner of what this agent registers. It touches nothing of another group. Two
    agents may share a group only as shards of one fleet."""
    state: State = State()
    """What is remembered, and where."""
    aws: Aws = Aws()
    """Which accounts and regions are scanned."""
    matchers: Annotated[tuple[MatcherSection, ...], OneOrMany()] = ()
    """Which caches are wanted; the first matcher that takes a cache decides. Left out: all
    caches. An empty list is refused."""
    policy: WritePolicy = WritePolicy.SYNC
    """`sync` makes every change, `upsert-only` never removes, `create-only` never changes what is
    registered either."""
    out_of_scope: OutOfScope = OutOfScope.HOLD
    """Registrations whose account or region is no longer configured: `hold` keeps them, `remove`
    removes them with the time and the budget of every removal."""
    deregistration: Deregistration = Deregistration()
    """When a registration may be removed, and how many at once."""
    control_plane: ControlPlane = Embedded()
    """Where databases are registered. Left out: in a local file, `./registry.db`."""
    service: Service = Service()
    """How the long-running service behaves."""
    reports: Reports = Reports()
    """What reports say of each cache besides."""
