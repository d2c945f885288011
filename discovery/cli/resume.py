"""`cachemuster resume`: end a pause early."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from discovery.cli.options import common, with_common, with_lock_timeout, with_state_shard
from discovery.cli.settings import configuration
from discovery.cli.state_file import named_state, readable_state, writable_state
from discovery.model.clock import utc_now
from discovery.plan.shard import Shard

if TYPE_CHECKING:
    from discovery.snapshot.place import StatePlace


@click.command(name="resume")
@with_state_shard
@with_lock_timeout
@with_common
def command(shard: Shard | None, lock_timeout: timedelta) -> None:
    """End the pause in force. The next sweep writes what is due.

    This command does not sweep; `cachemuster audit` shows what the next sweep does.

    \b
    Examples:
      cachemuster resume
      cachemuster resume -c production.yaml
      cachemuster resume && cachemuster sweep

    \b
    Exit: 0 nothing is paused any more, 1 could not, 64 usage, 75 state is
    locked, 78 configuration.
    """
    import asyncio

    from state.store import load_state

    place = named_state(configuration(common()), shard)
    with readable_state(place) as file:
        is_paused = load_state(file).paused_until is not None
    if not is_paused:  # nor is a state file made to say so
        click.echo("Nothing was paused.")
        return
    paused = asyncio.run(_resume(place, lock_timeout))
    click.echo(
        "Resumed: the next sweep writes what is due."
        if paused is not None
        else "Nothing was paused any more."
    )


async def _resume(place: StatePlace, lock_timeout: timedelta) -> datetime | None:
    """Resume; returns the end of the pause in force, None when it was already over."""
    from state.lock import this_process

    holder = this_process("resume", utc_now())
    async with writable_state(place, wait=lock_timeout, holder=holder) as store:
        paused = store.load().pause_at(utc_now())
        store.resume(utc_now())
    return paused
