"""The control plane of a configuration; a kind's libraries are loaded where that kind is chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from discovery.cli.clock import utc_now
from discovery.cli.streams import say
from discovery.config.control_plane import Embedded as EmbeddedSettings
from discovery.config.model import Config
from discovery.control_plane.base import ControlPlane, Reader
from discovery.control_plane.embedded import Embedded, EmbeddedReader


@asynccontextmanager
async def reading(config: Config) -> AsyncIterator[Reader]:
    """The control plane, with nothing that could write to it."""
    settings = config.control_plane
    if isinstance(settings, EmbeddedSettings):
        yield EmbeddedReader(settings.path)
        return
    from discovery.control_plane.teleport.reader import TeleportReader  # noqa: PLC0415

    async with TeleportReader(settings, clock=utc_now) as reader:
        yield reader


@asynccontextmanager
async def writing(config: Config) -> AsyncIterator[ControlPlane]:
    """The control plane, both halves."""
    settings = config.control_plane
    if isinstance(settings, EmbeddedSettings):
        async with Embedded(settings.path) as embedded:
            yield embedded
        return
    from discovery.control_plane.teleport.client import Teleport  # noqa: PLC0415

    async with Teleport(settings, clock=utc_now) as teleport:
        yield teleport


async def announced(control_plane: Reader, config: Config) -> None:
    """What is worth knowing of a cluster stands on stderr. Nothing of it stops a sweep."""
    if isinstance(config.control_plane, EmbeddedSettings):
        return
    from discovery.control_plane.teleport.preflight import preflight  # noqa: PLC0415
    from discovery.control_plane.teleport.reader import TeleportReader  # noqa: PLC0415

    if isinstance(control_plane, TeleportReader):
        found = await preflight(control_plane, config.group)
        for line in found.lines(config.group, utc_now()):
            say(line)
