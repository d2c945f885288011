"""Which regions of an account are scanned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from discovery.aws.faults import AwsFault, Fault, nonsense
from discovery.aws.session import Session
from discovery.enrollment.targets import RegionList
from discovery.model import AccountId, Region
from matchers.selectors import Pattern, PatternKind
from state.records import RememberedRegions

LISTS_LAST = timedelta(days=1)
"""How long a list of enabled regions is good for knowing where to look. Accounts seldom enable
one, and a region that says it is not enabled is asked about at once."""

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


class AccountRegions:
    """The configured regions of one account, as far as a run has come to know them.

    A list from an earlier run says where to look; only one that was read in this run says that a
    region is out (design R9). So something registered in a region that the earlier list does not
    take is reason enough to read it anew.
    """

    def __init__(
        self,
        account_id: AccountId,
        choice: RegionChoice,
        remembered: RememberedRegions | None,
        registered: Set[Region],
    ) -> None:
        self._account_id = account_id
        self._choice = choice
        self._remembered = remembered
        self._registered = registered
        globs = tuple(glob.text for glob in choice.globs)
        self.known = RegionList(choice.literals, complete=not globs, globs=globs)
        """What is known so far; to begin with, of an account that was not entered."""
        self.not_enabled: frozenset[Region] = frozenset()
        """Regions named in full that a list shows not to be enabled: they need not be asked."""
        self.read_anew: RememberedRegions | None = None
        """The list, when globs made it worth remembering and it was read in this run."""

    async def resolve(self, enabled: EnabledRegions, now: datetime) -> None:
        """It is settled which regions the globs take.

        Raises: AwsFault when the list has to be read and cannot be; then as after `stand_in`.
        """
        if not self._choice.globs:
            return
        earlier = self._earlier(now)
        if earlier and self._registered <= self._choice.among(earlier):
            self._take(earlier, complete=False)
            return
        self.stand_in(now)
        self._learn(await enabled.read(), now)

    def stand_in(self, now: datetime) -> None:
        """What is known without asking: the regions named in full, and those that were listed
        within a day."""
        listed = self._choice.literals | self._choice.among(self._earlier(now))
        self.known = RegionList(listed, complete=not self._choice.globs)

    async def is_off(self, region: Region, enabled: EnabledRegions, now: datetime) -> bool:
        """True when the account's list, read in this run, does not hold the region.

        Raises: AwsFault
        """
        regions = await enabled.read()
        self._learn(regions, now)
        return region not in regions

    def _learn(self, regions: frozenset[Region], now: datetime) -> None:
        self._take(regions, complete=True)
        if self._choice.globs:
            self.read_anew = RememberedRegions(
                account_id=self._account_id, regions=regions, read_at=now
            )

    def _take(self, regions: frozenset[Region], *, complete: bool) -> None:
        self.known = RegionList(self._choice.among(regions), complete)
        self.not_enabled = self._choice.literals - regions

    def _earlier(self, now: datetime) -> frozenset[Region]:
        """What an earlier run listed; nothing when that is too long ago, or has yet to come."""
        if (
            self._remembered is None
            or not timedelta(0) <= now - self._remembered.read_at < LISTS_LAST
        ):
            return frozenset()
        return self._remembered.regions


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
