"""Choose regions: names, globs, and what is left out again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from discovery.config.partitions import ALWAYS_ENABLED, FIRST_REGION, partition_of_region
from discovery.model.values import Region
from matchers.selectors import Pattern, PatternKind


@dataclass(frozen=True, slots=True)
class RegionChoice:
    """The configured regions: those named in full, and globs over the enabled ones."""

    literals: frozenset[Region]
    globs: tuple[Pattern, ...]
    excluded: tuple[Pattern, ...] = ()
    """These win over names and globs."""

    @classmethod
    def of(cls, patterns: Iterable[str], excluded: Iterable[str] = ()) -> Self:
        """Parse lists of names and globs."""
        parsed = tuple(Pattern(text) for text in patterns)
        left_out = tuple(Pattern(text) for text in excluded)
        named = (each.text for each in parsed if each.kind is PatternKind.LITERAL)
        return cls(
            frozenset(Region(text) for text in named if not _any(left_out, text)),
            tuple(each for each in parsed if each.kind is not PatternKind.LITERAL),
            left_out,
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """Names and globs, in order."""
        return tuple(sorted(self.literals.union(glob.text for glob in self.globs)))

    def takes(self, region: str) -> bool:
        """Return whether a region is scanned where it is enabled."""
        return not self.excludes(region) and (region in self.literals or _any(self.globs, region))

    def excludes(self, region: str) -> bool:
        """Return whether a region is left out wherever it is enabled."""
        return _any(self.excluded, region)

    def among(self, enabled: frozenset[Region]) -> frozenset[Region]:
        """Return the regions to scan in an account that has these enabled."""
        return frozenset(filter(self.takes, enabled))


def _any(patterns: tuple[Pattern, ...], region: str) -> bool:
    return any(pattern.matches(region) for pattern in patterns)


def where_to_list(home: Region, choice: RegionChoice) -> tuple[Region, ...]:
    """List the regions to ask for an account's regions, until one answers.

    The account may not have the home region; a service control policy may deny the others. So
    those that it cannot disable follow, the scanned ones first.
    """
    partition = partition_of_region(home)
    return tuple(dict.fromkeys([home, *_never_off(partition, choice)]))


def _never_off(partition: str, choice: RegionChoice) -> Iterator[Region]:
    first = FIRST_REGION.get(partition)
    steady = ALWAYS_ENABLED if partition == "aws" else choice.literals
    taken = sorted(Region(region) for region in steady if choice.takes(region))
    if first is not None and (choice.takes(first) or not taken):
        yield Region(first)
    yield from taken
    if first is not None:
        yield Region(first)
