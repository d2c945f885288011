"""Credentials of an assumed role, renewed before they run out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botocore.credentials import ReadOnlyCredentials

from discovery.aws.errors import AwsCallFailed
from discovery.model.values import Clock

ADVISED = timedelta(minutes=15)
"""With less time left, one caller renews; if that fails the present credentials still serve."""
FORCED = timedelta(minutes=10)
"""With less time left, nobody goes on without new ones."""
AGAIN_AFTER = timedelta(seconds=10)
"""A session that replaced a refused one is not replaced again before."""


@dataclass(frozen=True, slots=True)
class ExpiringCredentials:
    """Credentials and the moment they stop working."""

    credentials: ReadOnlyCredentials = field(repr=False)
    expires_at: datetime


class RoleCredentials:
    """Signs with a role that is assumed at the first use and again when its time runs out.

    However many callers wait for it, the role is assumed once; when that fails, it fails for all
    of those who waited. The SDK's own class logs a traceback for every denied role.
    """

    def __init__(self, assume: Callable[[], Awaitable[ExpiringCredentials]], clock: Clock) -> None:
        self._assume = assume
        self._clock = clock
        self._lease: ExpiringCredentials | None = None
        self._attempts = 0
        self._failure: AwsCallFailed | None = None
        self._renewing = asyncio.Lock()
        self._refused_at: datetime | None = None
        self.generation = 0
        """How often the role was assumed."""

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Credentials that are valid now.

        Raises: AwsCallFailed when the role cannot be assumed.
        """
        lease = self._usable(FORCED)
        if lease is None:
            return (await self._renewed()).credentials
        if self._usable(ADVISED) is None and not self._renewing.locked():
            return (await self._renewed_or(lease)).credentials
        return lease.credentials

    async def renewed_since(self, generation: int) -> bool:
        """AWS does not know the session of that generation: assume the role once more.

        False when it cannot be assumed, or when a session made for the same reason a moment ago
        is refused as well: then it is the region that does not know the account.
        """
        if self.generation != generation:
            return True
        if not self._renewing.locked():  # else somebody is at it, for all who ask
            now = self._clock()
            if self._refused_at is not None and now - self._refused_at < AGAIN_AFTER:
                return False
            self._refused_at = now
        try:
            await self._renewed()
        except AwsCallFailed:
            return False
        return True

    def _usable(self, margin: timedelta) -> ExpiringCredentials | None:
        if self._lease is None or self._lease.expires_at - self._clock() < margin:
            return None
        return self._lease

    async def _renewed_or(self, lease: ExpiringCredentials) -> ExpiringCredentials:
        try:
            return await self._renewed()
        except AwsCallFailed:
            return lease

    async def _renewed(self) -> ExpiringCredentials:
        seen = self._attempts
        async with self._renewing:
            if self._attempts == seen:
                await self._attempt()
        if self._failure is not None:
            raise AwsCallFailed(self._failure.fault) from self._failure
        assert self._lease is not None  # noqa: S101 - an attempt leaves one or the other
        return self._lease

    async def _attempt(self) -> None:
        try:
            self._lease = await self._assume()
            self._failure = None
            self.generation += 1
        except AwsCallFailed as error:
            self._failure = error
        self._attempts += 1
