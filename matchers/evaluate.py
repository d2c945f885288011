"""Decide which matcher takes a cache; what was not read is never taken for absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from discovery.model.values import UNKNOWN, UnknownType
from matchers.matcher import Matcher
from matchers.selectors import Selector
from matchers.subject import LabelSet, Subject


class ConditionKind(StrEnum):
    """The part of a cache that a condition looks at."""

    ACCOUNT = "account"
    REGION = "region"
    NAME = "name"
    ENGINE = "engine"
    TAG = "tag"
    EXCLUDE_TAG = "exclude_tag"


_Fact = tuple[ConditionKind, Callable[[Matcher], Selector], Callable[[Subject], str]]

FACTS: Final[tuple[_Fact, ...]] = (
    (ConditionKind.ACCOUNT, lambda matcher: matcher.accounts, lambda cache: cache.account_id),
    (ConditionKind.REGION, lambda matcher: matcher.regions, lambda cache: cache.region),
    (ConditionKind.NAME, lambda matcher: matcher.names, lambda cache: cache.name),
    (ConditionKind.ENGINE, lambda matcher: matcher.engines, lambda cache: cache.engine.lower()),
)
"""The facts that matchers have a key for, besides tags: the key's selector and the cache's value.

A further key is a row here, a field of `Matcher` and of `Subject`, and a key of `MatcherSection` in
the configuration. What AWS left out of its answer is filled in before
(`discovery.plan.cache_facts`), and what stands in removes nothing (R1), so no fact here is unknown.
"""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a matcher, with what the cache has."""

    kind: ConditionKind
    key: str
    """The tag's or label's key; empty for the other kinds."""
    wanted: tuple[str, ...]
    found: str | None | UnknownType
    """None: the cache has no such tag or label."""


class VerdictKind(StrEnum):
    """What one matcher says of one cache."""

    TAKES = "takes"
    EXCLUDES = "excludes"
    REFUSES = "refuses"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one matcher says of one cache, and why."""

    matcher: str
    kind: VerdictKind
    failed: tuple[Condition, ...] = ()
    """Every condition that does not hold; an `EXCLUDE_TAG` among them is a tag that excludes."""
    unknown: tuple[Condition, ...] = ()
    """Every condition that nobody can tell yet."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The first matcher that takes the cache; every earlier one surely does not."""

    matcher: Matcher
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class MatchExcluded:
    """No matcher takes the cache, and one would but for a tag."""

    matcher: str
    key: str
    value: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class NotTaken:
    """No matcher takes the cache, whatever the unread facts are."""

    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class MatchUndecided:
    """Nobody can tell before `missing` is read, whatever later matchers say."""

    matcher: str
    missing: tuple[Condition, ...]
    verdicts: tuple[Verdict, ...]


MatchResult = Taken | MatchExcluded | NotTaken | MatchUndecided


def decide(matchers: Sequence[Matcher], subject: Subject) -> MatchResult:
    """Find the first matcher that takes the cache; one that cannot tell ends the search."""
    verdicts: list[Verdict] = []
    for matcher in matchers:
        verdict = evaluate(matcher, subject)
        verdicts.append(verdict)
        if verdict.kind is VerdictKind.TAKES:
            return Taken(matcher, tuple(verdicts))
        if verdict.kind is VerdictKind.UNDECIDED:
            return MatchUndecided(matcher.name, verdict.unknown, tuple(verdicts))
    return _excluded(verdicts) or NotTaken(tuple(verdicts))


def _excluded(verdicts: list[Verdict]) -> MatchExcluded | None:
    for verdict in verdicts:
        if verdict.kind is VerdictKind.EXCLUDES:
            tag = verdict.failed[0]
            return MatchExcluded(verdict.matcher, tag.key, str(tag.found), tuple(verdicts))
    return None


def evaluate(matcher: Matcher, subject: Subject) -> Verdict:
    """Ask one matcher. A condition that surely fails outweighs any that is unknown.

    `EXCLUDES` needs a tag really on the cache and every other condition known to hold. With an
    excluding tag and another condition unknown the matcher `REFUSES`: it surely does not take
    the cache, but nobody can say yet that it is the tag which keeps it out.
    """
    required = tuple(_required(matcher, subject))
    excluding = tuple(_excluding(matcher, subject.labels))
    missed = tuple(c for c, holds in required if holds is False)
    hits = tuple(c for c, holds in excluding if holds is True)
    undecided = tuple(c for c, holds in required if holds is None)
    unknown = undecided + tuple(c for c, holds in excluding if holds is None)
    if missed or hits:
        only_the_tag = not (missed or undecided)
        kind = VerdictKind.EXCLUDES if only_the_tag else VerdictKind.REFUSES
        return Verdict(matcher.name, kind, missed + hits, unknown)
    kind = VerdictKind.UNDECIDED if unknown else VerdictKind.TAKES
    return Verdict(matcher.name, kind, (), unknown)


_Judged = tuple[Condition, bool | None]


def _required(matcher: Matcher, subject: Subject) -> Iterator[_Judged]:
    """Judge the conditions; of facts, which hold nearly always, only those that do not."""
    for kind, selector_of, fact_of in FACTS:
        selector, fact = selector_of(matcher), fact_of(subject)
        if not selector.matches(fact):
            yield Condition(kind, "", selector.texts, fact), False
    if matcher.tags.is_everything:
        return
    if not matcher.tags.requirements:  # an empty selector matches nothing
        yield Condition(ConditionKind.TAG, "", (), None), False
    for key, selector in matcher.tags.requirements:
        yield _label(ConditionKind.TAG, key, selector, subject.labels)


def _excluding(matcher: Matcher, labels: LabelSet) -> Iterator[_Judged]:
    for key, selector in matcher.exclude_tags.requirements:
        yield _label(ConditionKind.EXCLUDE_TAG, key, selector, labels)


def _label(kind: ConditionKind, key: str, selector: Selector, labels: LabelSet) -> _Judged:
    value = labels.value(key)
    condition = Condition(kind, key, selector.texts, value)
    if value is UNKNOWN:
        return condition, None
    return condition, value is not None and selector.matches(value)
