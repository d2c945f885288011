"""The oracle: what is wanted, told from the world itself, without the planner it judges.

Small and plain on purpose. It knows the one matcher of the simulation (every cache but those tagged
`teleport: off`, and of names that the configuration of the moment asks for), and nothing of how a
plan is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from discovery.model import Complete, Scanned, Scope
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.values import Cache
from discovery.sandbox.aws.world import World

MISSED_SWEEPS = 2
_REGISTERED = ("available", "modifying", "snapshotting")


@dataclass
class Truth:
    """The world, and since how many complete scans each cache has not been wanted."""

    world: World
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    names: str = "*"
    """The glob of the matcher."""
    _missed: dict[str, int] = field(default_factory=dict)

    def caches(self) -> Iterator[tuple[Region, Cache]]:
        for account_id in self.accounts:
            for name in self.regions:
                region = self.world.account(account_id).region(name)
                for cache in region.caches.values():
                    yield region, cache

    def find(self, arn: str) -> tuple[Region, Cache] | None:
        return next(((r, c) for r, c in self.caches() if c.arn == arn), None)

    def is_wanted(self, arn: str) -> bool:
        """True when the cache exists, can be used, and the matcher takes it."""
        found = self.find(arn)
        if found is None:
            return False
        region, cache = found
        tags = region.tags.get(arn, {})
        return (
            cache.status in _REGISTERED
            and cache.engine in ("redis", "valkey")
            and tags.get("teleport") != "off"
            and fnmatchcase(cache.name, self.names)
        )

    def goes_at_once(self, arn: str) -> bool:
        """True for what needs no time (R3): AWS says that it goes, or a tag of its own does."""
        found = self.find(arn)
        if found is None:
            return False
        region, cache = found
        return cache.status == "deleting" or region.tags.get(arn, {}).get("teleport") == "off"

    @property
    def wanted(self) -> set[str]:
        return {cache.arn for _, cache in self.caches() if self.is_wanted(cache.arn)}

    def why_not_remove(self, arn: str) -> str | None:
        """Why removing its registration now is against the rules; None when it is not."""
        if self.is_wanted(arn):
            return "its cache exists and matches"
        if self.goes_at_once(arn):
            return None
        missed = self._missed.get(arn, 0) + 1  # the scan that the removal rests on
        if missed < MISSED_SWEEPS:
            return f"it was missed in {missed} complete scan(s) only"
        return None

    def scanned(self, results: tuple[Scanned, ...], registered: set[str]) -> None:
        """A round is over: what is not wanted was missed once more where the scan was complete."""
        complete = {each.scope for each in results if isinstance(each, Complete)}
        for arn in registered:
            if self.is_wanted(arn):
                self._missed.pop(arn, None)
            elif scope_of(arn) in complete:
                self._missed[arn] = self._missed.get(arn, 0) + 1


def scope_of(arn: str) -> Scope:
    _, _, _, region, account_id, *_ = arn.split(":")
    return Scope(account_id, region)  # type: ignore[arg-type]
