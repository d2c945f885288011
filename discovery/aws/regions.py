"""Find out which regions of an account are scanned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from discovery.aws.accounts import Account
from discovery.aws.errors import AwsCallFailed, AwsError, malformed_response
from discovery.aws.session import Session, deduplicate
from discovery.config.regions import RegionChoice
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Region
from matchers.regions import RegionList

if TYPE_CHECKING:
    from state.records import RememberedRegions

LIST_LIFETIME = timedelta(days=1)
"""How long a list of enabled regions is used.

Accounts seldom enable one, and a region that turns out not to be enabled is checked at once.
"""

REGIONS = "ec2:DescribeRegions"
_NOT_ENABLED = "not-opted-in"
_CONTROL_POLICY = "service control policy"
"""Words by which AWS's message names the cause of a denial."""


class EnabledRegions:
    """The enabled regions of one account, asked for once, at the first use."""

    def __init__(self, account: Account, places: Sequence[Region]) -> None:
        """`places`: where to ask (`where_to_list`)."""
        self._account = account
        self._places = places
        self._sessions: list[Session] = []
        self._asking = asyncio.Lock()
        self._found: frozenset[Region] | AwsError | None = None

    @property
    def requests(self) -> int:
        """How many requests were sent for it."""
        return sum(session.requests for session in self._sessions)

    async def read(self) -> frozenset[Region]:
        """Read which regions are enabled in the account.

        Raises: AwsCallFailed; a refusal is remembered, it is not asked again.
        """
        async with self._asking:
            if self._found is None:
                self._found = await self._ask()
        if isinstance(self._found, AwsError):
            raise AwsCallFailed(self._found)
        return self._found

    async def _ask(self) -> frozenset[Region] | AwsError:
        try:
            return await read_enabled(self._open_sessions())
        except AwsCallFailed as failed:
            return failed.error

    def _open_sessions(self) -> Iterator[Session]:
        """Open sessions one after another, since the first is usually enough."""
        for region in self._places:
            self._sessions.append(self._account.session(region))
            yield self._sessions[-1]


class AccountRegions:
    """The configured regions of one account, as far as a run knows them.

    A list from an earlier run decides where to look; only one that was read in this run can show
    that a region is out (R9). So evidence of a region that the earlier list lacks has the list read
    again.
    """

    def __init__(
        self,
        account_id: AccountId,
        choice: RegionChoice,
        remembered: RememberedRegions | None,
        evidence: Set[Region],
        *,
        fresh: bool = False,
    ) -> None:
        """Begin with what is known of an account that was not entered.

        Args:
            account_id: The account.
            choice: The configured regions.
            remembered: The list of an earlier run.
            evidence: Regions in which something is registered, has changed, or is asked for.
            fresh: True when the earlier list serves only if it cannot be read anew.
        """
        self._account_id = account_id
        self._region_choice = choice
        self._remembered = remembered
        self._fresh = fresh
        self._evidence = frozenset(each for each in evidence if not choice.excludes(each))
        self._globs = tuple(glob.text for glob in choice.globs)
        self._excluded = tuple(each.text for each in choice.excluded)
        self.known = self._list(choice.literals, complete=not self._globs, entered=False)
        """What is known so far; to begin with, of an account that was not entered."""
        self.not_enabled: frozenset[Region] = frozenset()
        """Regions named in full that a list shows not to be enabled: they need not be asked."""
        self.read_anew: RememberedRegions | None = None
        """The list, when globs made it worth remembering and it was read in this run."""

    async def resolve(self, enabled: EnabledRegions, now: datetime) -> None:
        """Find out which regions the globs take.

        Raises: AwsCallFailed when the list has to be read and cannot be; then as after
        `use_earlier_list`.
        """
        if not self._globs:
            return
        earlier = self._earlier(now)
        if earlier and not self._fresh and self._evidence <= self._region_choice.among(earlier):
            self._use_list(earlier, complete=False)
            return
        self.use_earlier_list(now)
        self._use_new_list(await enabled.read(), now)

    def use_earlier_list(self, now: datetime) -> None:
        """Use what is known without asking.

        The regions named in full, and those that were listed within a day.
        """
        listed = self._region_choice.literals | self._region_choice.among(self._earlier(now))
        self.known = self._list(listed, complete=not self._globs)

    async def is_disabled(self, region: Region, enabled: EnabledRegions, now: datetime) -> bool:
        """Tell whether the account's list, read in this run, lacks the region.

        Raises: AwsCallFailed.
        """
        regions = await enabled.read()
        self._use_new_list(regions, now)
        return region not in regions

    def _use_new_list(self, regions: frozenset[Region], now: datetime) -> None:
        self._use_list(regions, complete=True)
        if self._globs:
            # 20 ms that nothing else needs before the first request
            from state.records import RememberedRegions  # noqa: PLC0415

            self.read_anew = RememberedRegions(
                account_id=self._account_id, regions=regions, read_at=now
            )

    def _use_list(self, regions: frozenset[Region], *, complete: bool) -> None:
        self.known = self._list(self._region_choice.among(regions), complete=complete)
        self.not_enabled = self._region_choice.literals - regions

    def _list(
        self, listed: frozenset[Region], *, complete: bool, entered: bool = True
    ) -> RegionList:
        return RegionList(
            listed,
            complete,
            globs=() if entered else self._globs,
            excluded=self._excluded,
            may_take=self._globs,
        )

    def _earlier(self, now: datetime) -> frozenset[Region]:
        """What an earlier run listed; nothing when that is too long ago, or has yet to come."""
        if (
            self._remembered is None
            or not timedelta(0) <= now - self._remembered.read_at < LIST_LIFETIME
        ):
            return frozenset()
        return self._remembered.regions


async def read_enabled(sessions: Iterable[Session]) -> frozenset[Region]:
    """Read the enabled regions of the account of these sessions, from the first that answers.

    A denial may be one of the region that was asked. One that names a service control policy is;
    of the others two are enough, for they most likely are of the role.

    Raises: AwsCallFailed, the first denial.
    """
    first: AwsCallFailed | None = None
    others = 2
    for session in sessions:
        try:
            return await _read_enabled(session)
        except AwsCallFailed as failed:
            first = first or failed
            if failed.error.reason is not ScopeReason.DENIED:
                raise first from failed
            answered, _, _ = failed.error.message.rpartition("; ")  # without our own advice
            others -= _CONTROL_POLICY not in answered
            if not others:
                break
    assert first is not None  # noqa: S101 - there is a session to ask
    raise first


async def _read_enabled(session: Session) -> frozenset[Region]:
    """Read the enabled regions by one session.

    An empty list is no answer: most regions cannot be disabled, and nothing here may look like an
    account that has left every region.

    Raises: AwsCallFailed.
    Source: aws/README: Regions and subnets.
    """
    answer = await session.call(REGIONS)
    listed = deduplicate(
        (_region(entry, session) for entry in answer.get("Regions") or ()), REGIONS, session
    )
    enabled = frozenset(region for region, is_enabled in listed.items() if is_enabled)
    if not enabled:
        raise malformed_response("it names no region", REGIONS, str(session.scope))
    return enabled


def _region(entry: Mapping[str, Any], session: Session) -> tuple[Region, bool]:
    """Read a region, and whether it is enabled: a listed one is, unless marked otherwise."""
    name = entry.get("RegionName")
    if not isinstance(name, str) or not name:
        raise malformed_response("a region without a name", REGIONS, str(session.scope))
    return Region(name), entry.get("OptInStatus") != _NOT_ENABLED
