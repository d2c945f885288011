"""Find the state of a configuration, and give a file to read it from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from discovery.model.clock import utc_now

if TYPE_CHECKING:
    from datetime import timedelta

    from discovery.config.model import Config
    from discovery.plan.shard import Shard
    from discovery.snapshot.place import StatePlace
    from state.lock import Holder
    from state.store import Store


def state_place(config: Config, shard: Shard | None = None) -> StatePlace:
    """Find the state of one process. Raises: ConfigError."""
    from discovery.config.problems import ConfigError, Problem
    from discovery.snapshot.place import StatePlace

    try:
        return StatePlace.of(config, shard)
    except ValueError as error:
        raise ConfigError([Problem(str(error))], "state.snapshot") from error


def named_state(config: Config, shard: Shard | None) -> StatePlace:
    """Find the state that a person asks for. Raises: ConfigError; click.UsageError."""
    if shard is not None and config.state.snapshot is None:
        raise click.UsageError(
            "--shard says whose snapshot is meant; without state.snapshot each process has a "
            "configuration of its own, and state.path is its state"
        )
    return state_place(config, shard)


@contextmanager
def readable_state(place: StatePlace) -> Iterator[Path]:
    """Give a file to read the state from; a snapshot is fetched. Raises: StateError."""
    if place.snapshot is None:  # AWS is not asked, and its SDK is not loaded
        yield place.file
        return
    import asyncio

    from discovery.snapshot.state import readable_file

    with asyncio.Runner() as runner:
        fetching = readable_file(place, utc_now)
        file = runner.run(fetching.__aenter__())
        try:
            yield file
        finally:
            runner.run(fetching.__aexit__(None, None, None))


@asynccontextmanager
async def with_readable_state(config: Config, shard: Shard | None = None) -> AsyncIterator[Config]:
    """Give the configuration with a state file that can be read; a snapshot is fetched.

    Raises: ConfigError, StateError.
    """
    place = state_place(config, shard)
    if place.snapshot is None:
        yield config
        return
    from discovery.snapshot.state import readable_file

    async with readable_file(place, utc_now) as file:
        yield with_state_file(config, file)


@asynccontextmanager
async def writable_state(
    place: StatePlace, *, wait: timedelta, holder: Holder
) -> AsyncIterator[Store]:
    """Lock the state and open it for writing. Raises: Locked; StateError."""
    if place.snapshot is None:
        from state.exclusive import locked_store

        async with locked_store(place.file, wait=wait, holder=holder) as store:
            yield store
        return
    from discovery.snapshot.state import writable_store

    async with writable_store(place, wait=wait, holder=holder, clock=utc_now) as store:
        yield store


def with_state_file(config: Config, file: Path) -> Config:
    """Return the configuration with its state in this file."""
    return config.model_copy(update={"state": config.state.model_copy(update={"path": file})})
