"""Everything a plan is made from, and the found caches laid beside what is registered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from discovery.enrollment.address import address_of
from discovery.enrollment.facts import Facts, facts_of, likely_tags
from discovery.enrollment.lookups import LookUp, late_in_list, stands_unlisted, taken_names
from discovery.enrollment.registry import Owned, Registry, read_registry
from discovery.enrollment.rules import Rules
from discovery.enrollment.targets import Targets
from discovery.enrollment.wish import Wish, name_by, wish_for
from discovery.model import (
    Arn,
    Cache,
    Complete,
    Database,
    IamJudgement,
    ResourceName,
    Scanned,
    Scope,
    Served,
)
from state.records import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One moment: what was scanned, what is listed, what is remembered."""

    results: tuple[Scanned, ...]
    targets: Targets
    listed: tuple[Database, ...]
    memory: Memory
    now: datetime
    served: tuple[Served, ...] = ()
    """What Database Services serve, as far as it could be read."""
    verdicts: Mapping[Arn, IamJudgement] = field(default_factory=dict)
    """Of caches whose users nobody is asked about: what stands for a judgement."""
    looked_up: Mapping[ResourceName, LookUp] = field(default_factory=dict)
    """What was asked of the control plane by name, beyond its list (R10)."""


@dataclass(frozen=True, slots=True)
class Found:
    """A cache that a complete scan showed, with what it is to become."""

    facts: Facts
    wish: Wish
    live: Owned | None
    """Its registration, None if it has none."""
    unlisted: ResourceName | None = None
    """Without one: the name under which state remembers it, and nothing is listed."""
    stands_unlisted: bool = False
    """True when a look-up shows it there all the same."""

    @property
    def arn(self) -> Arn:
        return self.facts.cache.arn


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The situation, sorted."""

    situation: Situation
    registry: Registry
    found: tuple[Found, ...]
    results: Mapping[Scope, Scanned]
    served: Mapping[str, frozenset[str]]
    """Names of what is served, by the host and port of their URI."""
    taken: frozenset[ResourceName] = frozenset()
    """Names that are taken by what the list does not show (R10)."""

    @property
    def arns_found(self) -> frozenset[Arn]:
        return frozenset(each.arn for each in self.found)


def survey_of(situation: Situation, rules: Rules) -> Survey:
    """Pairs every found cache with its registration and says what it is to become."""
    memory = situation.memory
    complete = [result for result in situation.results if isinstance(result, Complete)]
    caches = [(cache, result.directory) for result in complete for cache in result.caches]
    likely = {cache.arn: _likely_name(cache, memory, rules) for cache, _ in caches}
    looked_up = situation.looked_up
    listed = (*situation.listed, *late_in_list(looked_up, rules.group, likely))
    registry = read_registry(listed, rules.group, memory, likely)
    unlisted = _unlisted(registry, memory)
    found = []
    for cache, directory in caches:
        live = registry.ours.get(cache.arn)
        database = live.database if live is not None else None
        written = memory.registrations.get(database.name) if database is not None else None
        facts = facts_of(cache, memory.caches.get(cache.arn), database, written)
        verdict = situation.verdicts.get(cache.arn)
        wish = wish_for(facts, directory, rules, verdict)
        other = unlisted.get(cache.arn) if live is None else None
        hidden = stands_unlisted(other, cache.arn, looked_up, rules.group)
        found.append(Found(facts, wish, live, other, hidden))
    return Survey(
        situation=situation,
        registry=registry,
        found=tuple(found),
        results={result.scope: result for result in situation.results},
        served=_by_address(situation.served),
        taken=taken_names(looked_up, listed),
    )


def _by_address(served: Iterable[Served]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for each in served:
        found[address_of(each.uri)].add(each.name)
    return {address: frozenset(names) for address, names in found.items()}


def _unlisted(registry: Registry, memory: Memory) -> Mapping[Arn, ResourceName]:
    """Remembered registrations in whose name nothing is listed, by cache."""
    return {
        registration.arn: name
        for name, registration in memory.registrations.items()
        if not registry.holders(name)
    }


def _likely_name(cache: Cache, memory: Memory, rules: Rules) -> ResourceName:
    """The name by the tags just read, else by those remembered; it only ranks duplicates."""
    tags = likely_tags(cache, memory.caches.get(cache.arn))
    return name_by(cache, tags, rules).value
