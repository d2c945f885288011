"""What a matcher looks at: one cache, with the labels that are known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from discovery.model.values import UNKNOWN, KnownCache, UnknownType
from matchers.keys import is_reserved


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The discovery labels and AWS tags of one cache, with what could not be read kept apart."""

    known: Mapping[str, str]
    unknown: frozenset[str] = frozenset()
    """Keys of single labels that were not read: they may be absent or have any value."""
    tags_known: bool = True
    """False: the AWS tags were not read, so any key that is not reserved may be there."""

    @classmethod
    def of(
        cls, discovery: Mapping[str, str | UnknownType], tags: Mapping[str, str] | UnknownType
    ) -> Self:
        """Collect the labels that a matcher compares with (R7).

        All of `discovery`, and the tags but those with a reserved key. Keys that cannot be labels
        in Teleport count too.
        """
        known = {} if tags is UNKNOWN else {k: v for k, v in tags.items() if not is_reserved(k)}
        known |= {k: v for k, v in discovery.items() if v is not UNKNOWN}
        unread = frozenset(k for k, v in discovery.items() if v is UNKNOWN)
        return cls(known, unread, tags is not UNKNOWN)

    def value(self, key: str) -> str | None | UnknownType:
        """The label's value; None when it is surely not there, UNKNOWN when nobody can tell."""
        if key in self.known:
            return self.known[key]
        if key in self.unknown or not (self.tags_known or is_reserved(key)):
            return UNKNOWN
        return None


@dataclass(frozen=True, slots=True)
class Subject:
    """One cache as matchers see it."""

    account_id: str
    region: str
    name: str
    engine: str
    """As AWS spells it; compared in lower case."""
    labels: LabelSet

    @classmethod
    def of(cls, cache: KnownCache, labels: LabelSet) -> Self:
        """Describe a cache with these labels to matchers."""
        return cls(cache.account_id, cache.region, cache.name, cache.engine, labels)
