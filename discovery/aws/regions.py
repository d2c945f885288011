"""Which regions of an account are scanned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from discovery.aws.faults import AwsFault, Fault, nonsense
from discovery.aws.session import Session
from discovery.model import Region
from matchers.selectors import Pattern, PatternKind

_NOT_ENABLED = "not-opted-in"


@dataclass(frozen=True, slots=True)
class RegionChoice:
    """The configured regions: those named in full, and globs over the enabled ones."""

    literals: frozenset[Region]
    globs: tuple[Pattern, ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Self:
        """The choice that a list of names and globs makes."""
        parsed = tuple(Pattern(text) for text in patterns)
        named = (pattern.text for pattern in parsed if pattern.kind is PatternKind.LITERAL)
        return cls(
            frozenset(Region(text) for text in named),
            tuple(pattern for pattern in parsed if pattern.kind is not PatternKind.LITERAL),
        )

    def among(self, enabled: frozenset[Region]) -> frozenset[Region]:
        """The regions to scan in an account with these enabled."""
        return frozenset(
            region
            for region in enabled
            if region in self.literals or any(glob.matches(region) for glob in self.globs)
        )


class EnabledRegions:
    """The enabled regions of one account, asked for once, when something needs them first."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._asking = asyncio.Lock()
        self._found: frozenset[Region] | Fault | None = None

    @property
    def requests(self) -> int:
        return self._session.requests

    async def read(self) -> frozenset[Region]:
        """The regions that are enabled in the account.

        Raises: AwsFault; a refusal is remembered, it is not asked again.
        """
        async with self._asking:
            if self._found is None:
                self._found = await self._ask()
        if isinstance(self._found, Fault):
            raise AwsFault(self._found)
        return self._found

    async def _ask(self) -> frozenset[Region] | Fault:
        try:
            return await read_enabled(self._session)
        except AwsFault as error:
            return error.fault


async def read_enabled(session: Session) -> frozenset[Region]:
    """The regions that are enabled in the session's account.

    Raises: AwsFault. An empty list is no answer: most regions cannot be disabled, and nothing
    here may look like an account that has left every region.
    Source: reference aws-elasticache §1.5.
    """
    answer = await session.call("ec2:DescribeRegions")
    listed = answer.get("Regions") or ()
    enabled = frozenset(
        Region(entry["RegionName"])
        for entry in listed
        if entry.get("RegionName") and entry.get("OptInStatus") != _NOT_ENABLED
    )
    if not enabled:
        raise nonsense("it names no region", "ec2:DescribeRegions", str(session.scope))
    return enabled
