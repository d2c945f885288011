"""The configured regions of an account, as far as they are known (R9). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from discovery.model.values import Region
from matchers.selectors import Pattern


class ScopeMembership(Enum):
    """Whether a scope is in a run, and if not, why."""

    IN_RUN = "IN_RUN"
    """Scanned, or its account could not be entered; either way there is a result for it."""
    NOT_IN_RUN = "NOT_IN_RUN"
    """Left out of this run on purpose; nothing removes what is registered there."""
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    """Both lists were read completely and do not hold it."""
    TARGETS_UNKNOWN = "TARGETS_UNKNOWN"
    """It hangs on a list that was not read to its end."""


@dataclass(frozen=True, slots=True)
class RegionList:
    """The regions of one account that are configured, as far as they are known."""

    listed: frozenset[Region]
    """Named literally, or taken by a glob from the list of enabled regions."""
    complete: bool
    """False when a glob waits for a list of enabled regions that was not read in this run."""
    globs: tuple[str, ...] = ()
    """Set when the account could not be entered: its failed entry stands for every region that
    one of these could take."""
    excluded: tuple[str, ...] = ()
    """What these take is out of configuration, whatever is enabled (`aws.exclude_regions`)."""
    may_take: tuple[str, ...] = ()
    """Globs that take more regions as soon as those are enabled."""

    def membership(self, region: Region) -> ScopeMembership:
        """Tell whether a region of this account is in a run, and if not, why."""
        if self.excludes(region):
            return ScopeMembership.OUT_OF_SCOPE
        if region in self.listed or _any(self.globs, region):
            return ScopeMembership.IN_RUN
        return ScopeMembership.OUT_OF_SCOPE if self.complete else ScopeMembership.TARGETS_UNKNOWN

    def excludes(self, region: Region) -> bool:
        """True for a region that `aws.exclude_regions` takes out."""
        return _any(self.excluded, region)

    def may_be_new(self, region: Region) -> bool:
        """True for a region that would be scanned if it was enabled a moment ago."""
        return not self.excludes(region) and _any(self.may_take, region)


def _any(globs: tuple[str, ...], region: Region) -> bool:
    return any(Pattern(glob).matches(region) for glob in globs)
