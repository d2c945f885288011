"""Follow the identity file while the agent runs: a new and whole one replaces the last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import structlog

from discovery.control_plane.teleport.errors import IdentityExpired, IdentityUnusable
from discovery.control_plane.teleport.identity import (
    SIZE_LIMIT_BYTES,
    Identity,
    parse_identity,
)
from discovery.model.values import Clock

log = structlog.get_logger()

READ_EVERY_S: Final = 5.0
"""Oldest that what was read may be when a call is made. tbot gives no sign that it wrote."""
_FIRST_READS: Final = 6
_FIRST_PAUSE_S: Final = 0.3


class IdentityFile:
    """The last good identity of a file that another program rewrites."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._clock = clock
        self._sleep = sleep
        self._monotonic = monotonic
        self._good: Identity | None = None
        self._read_at = 0.0
        self._last_problem = ""

    async def current(self, *, reread: bool = False) -> Identity:
        """The identity to use now; `reread` reads the file however lately it was read.

        A file that is missing, half written or expired leaves the last good identity in use for
        as long as that lasts.

        Raises: IdentityUnusable; IdentityExpired.
        """
        if self._good is None:
            self._good = await self._first_read()
        elif reread or self._monotonic() - self._read_at >= READ_EVERY_S:
            await self._reload(self._good)
        if self._good.expires_at <= self._clock():
            raise IdentityExpired(
                f"{self._path}: the identity of {self._good.user} expired at "
                f"{self._good.expires_at:%Y-%m-%dT%H:%M:%SZ}, and the file holds no newer one; "
                "see whether tbot runs"
            )
        return self._good

    async def _first_read(self) -> Identity:
        """Read the file for the first time; one that is being written gets some time."""
        for _ in range(_FIRST_READS - 1):
            try:
                return await self._read()
            except IdentityExpired:
                raise
            except IdentityUnusable:
                if not self._path.exists():
                    break
                await self._sleep(_FIRST_PAUSE_S)
        return await self._read()

    async def _reload(self, good: Identity) -> None:
        try:
            found = await self._read()
        except IdentityUnusable as error:
            if str(error) != self._last_problem:
                log.warning(
                    "teleport.identity_kept", why=str(error), expires_at=good.expires_at.isoformat()
                )
            self._last_problem = str(error)
            return
        self._last_problem = ""
        if found.digest != good.digest:
            log.info(
                "teleport.identity_renewed",
                user=found.user,
                expires_at=found.expires_at.isoformat(),
            )
            self._good = found

    async def _read(self) -> Identity:
        self._read_at = self._monotonic()
        try:
            content, mode = await asyncio.to_thread(_content, self._path)
            return parse_identity(content, now=self._clock(), is_exposed=bool(mode & 0o077))
        except OSError as error:
            raise IdentityUnusable(
                f"the identity file {self._path} cannot be read ({error.strerror or error})"
            ) from error
        except IdentityUnusable as error:
            raise type(error)(f"{self._path}: {error}") from error


def _content(path: Path) -> tuple[bytes, int]:
    # By path each time: in a Kubernetes volume the file is a link that moves
    # (teleport/README: tbot).
    with path.open("rb") as file:
        mode = path.stat().st_mode
        content = file.read(SIZE_LIMIT_BYTES + 1)
    if len(content) > SIZE_LIMIT_BYTES:
        raise IdentityUnusable("it is far too large to be an identity file")
    return content, mode
