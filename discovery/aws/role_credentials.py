"""Credentials of an assumed role, renewed before they expire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botocore.credentials import ReadOnlyCredentials

from discovery.aws.errors import AwsCallFailed
from discovery.model.values import Clock

RENEW_BELOW = timedelta(minutes=15)
"""Remaining time below which one caller renews; if that fails the present ones still serve."""
REQUIRED_LIFETIME = timedelta(minutes=10)
"""Remaining time below which nobody goes on without new ones."""
RETRY_AFTER = timedelta(seconds=10)
"""Pause before a session that replaced a refused one is replaced again."""


@dataclass(frozen=True, slots=True)
class ExpiringCredentials:
    """Credentials and the moment they stop working."""

    credentials: ReadOnlyCredentials = field(repr=False)
    expires_at: datetime


class RoleCredentials:
    """Assume a role at the first use, and again before its session expires.

    However many callers wait for it, the role is assumed once; when that fails, it fails for all
    of those who waited. The SDK's own class logs a traceback for every denied role.
    """

    def __init__(self, assume: Callable[[], Awaitable[ExpiringCredentials]], clock: Clock) -> None:
        self._assume = assume
        self._clock = clock
        self._current: ExpiringCredentials | None = None
        self._attempts = 0
        self._failure: AwsCallFailed | None = None
        self._renewing = asyncio.Lock()
        self._refused_at: datetime | None = None
        self.generation = 0
        """How often the role was assumed."""

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Give credentials that are valid now.

        Raises: AwsCallFailed when the role cannot be assumed.
        """
        current = self._current_with(REQUIRED_LIFETIME)
        if current is None:
            return (await self._assume_anew()).credentials
        if self._current_with(RENEW_BELOW) is None and not self._renewing.locked():
            return (await self._assume_or_keep(current)).credentials
        return current.credentials

    async def renew_since(self, generation: int) -> bool:
        """Assume the role once more after AWS refused the session of that generation.

        Returns: False when it cannot be assumed, or when a session made for the same reason a
        moment ago is refused as well: then it is the region that does not know the account.
        """
        if self.generation != generation:
            return True
        if not self._renewing.locked():  # else somebody is at it, for all who ask
            now = self._clock()
            if self._refused_at is not None and now - self._refused_at < RETRY_AFTER:
                return False
            self._refused_at = now
        try:
            await self._assume_anew()
        except AwsCallFailed:
            return False
        return True

    def _current_with(self, margin: timedelta) -> ExpiringCredentials | None:
        if self._current is None or self._current.expires_at - self._clock() < margin:
            return None
        return self._current

    async def _assume_or_keep(self, current: ExpiringCredentials) -> ExpiringCredentials:
        try:
            return await self._assume_anew()
        except AwsCallFailed:
            return current

    async def _assume_anew(self) -> ExpiringCredentials:
        seen = self._attempts
        async with self._renewing:
            if self._attempts == seen:
                await self._attempt()
        if self._failure is not None:
            raise AwsCallFailed(self._failure.error) from self._failure
        assert self._current is not None  # noqa: S101 - an attempt leaves one or the other
        return self._current

    async def _attempt(self) -> None:
        try:
            self._current = await self._assume()
            self._failure = None
            self.generation += 1
        except AwsCallFailed as error:
            self._failure = error
        self._attempts += 1
