"""`cachemuster resume`: end a pause early."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from discovery.cli.clock import utc_now
from discovery.cli.options import common, with_common, with_lock_timeout
from discovery.cli.settings import configuration


@click.command(name="resume")
@with_lock_timeout
@with_common
def command(lock_timeout: timedelta) -> None:
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

    path = configuration(common()).state.path
    if load_state(path).paused_until is None:  # nor is a state file made to say so
        click.echo("Nothing was paused.")
        return
    paused = asyncio.run(_resume(path, lock_timeout))
    click.echo(
        "Resumed: the next sweep writes what is due."
        if paused is not None
        else "Nothing was paused any more."
    )


async def _resume(path: Path, lock_timeout: timedelta) -> datetime | None:
    """Resume; returns the end of the pause in force, None when it was already over."""
    from state.exclusive import locked_store
    from state.lock import this_process

    holder = this_process("resume", utc_now())
    async with locked_store(path, wait=lock_timeout, holder=holder) as store:
        paused = store.load().pause_at(utc_now())
        store.resume(utc_now())
    return paused
