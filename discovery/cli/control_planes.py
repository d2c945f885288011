"""Open the control plane of a configuration; only the libraries of its kind are loaded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from discovery.cli.streams import stderr_line
from discovery.config.control_plane import Embedded as EmbeddedSettings
from discovery.config.model import Config
from discovery.control_plane.base import ControlPlane, Reader
from discovery.control_plane.embedded.control_plane import Embedded, EmbeddedReader
from discovery.model.clock import utc_now
from discovery.model.values import Database
from state.errors import StateError
from state.store import ReadOnlyStore

READ_LAG = timedelta(seconds=2)
"""How long a cluster's reads may lag behind a write; at most a second was measured."""


@asynccontextmanager
async def open_reader(config: Config) -> AsyncIterator[Reader]:
    """Open the control plane without any way to write to it."""
    settings = config.control_plane
    if isinstance(settings, EmbeddedSettings):
        yield EmbeddedReader(settings.path)
        return
    from discovery.control_plane.teleport.reader import TeleportReader

    await _wait_for_read_lag(config.state.path)
    async with TeleportReader(settings, clock=utc_now) as reader:
        yield reader


@asynccontextmanager
async def open_writer(config: Config) -> AsyncIterator[ControlPlane]:
    """Open the control plane for reading and writing."""
    settings = config.control_plane
    if isinstance(settings, EmbeddedSettings):
        async with Embedded(settings.path) as embedded:
            yield embedded
        return
    from discovery.control_plane.teleport.client import Teleport

    await _wait_for_read_lag(config.state.path)
    async with Teleport(settings, clock=utc_now) as teleport:
        yield teleport


async def describe_lost_service(
    registry: Reader, changes: Sequence[tuple[Database, Database]]
) -> str:
    """Say which Database Services stop serving after label changes, given (before, after) each.

    Returns: An empty text when none does, or when the control plane has no services.
    """
    from discovery.control_plane.teleport.preflight import losing_service
    from discovery.control_plane.teleport.reader import TeleportReader

    if not changes or not isinstance(registry, TeleportReader):
        return ""
    return await losing_service(registry, changes)


async def _wait_for_read_lag(state: Path) -> None:
    """Wait until the list shows what the process before this one wrote.

    A process knows its own writes of the last seconds; those of another are in the journal alone.
    """
    try:
        written_at = await asyncio.to_thread(ReadOnlyStore(state).last_write_at)
    except StateError:  # whoever needs the state says what is wrong with it
        return
    if written_at is None:
        return
    left = READ_LAG - (utc_now() - written_at)
    if timedelta(0) < left <= READ_LAG:  # a time to come is a clock's fault, and not waited for
        await asyncio.sleep(left.total_seconds())


async def print_preflight(control_plane: Reader, config: Config) -> None:
    """Print what is worth knowing about a cluster to stderr. Nothing of it stops a sweep."""
    if isinstance(config.control_plane, EmbeddedSettings):
        return
    from discovery.control_plane.teleport.preflight import preflight
    from discovery.control_plane.teleport.reader import TeleportReader

    if isinstance(control_plane, TeleportReader):
        found = await preflight(control_plane, config.group)
        for line in found.lines(config.group, utc_now()):
            stderr_line(line)
