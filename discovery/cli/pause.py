"""`cachemuster pause`: keep sweeps from writing; scans and reports continue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from discovery.cli.options import common, duration, with_common, with_lock_timeout, with_state_shard
from discovery.cli.settings import configuration
from discovery.cli.state_file import named_state, writable_state
from discovery.model.clock import utc_now
from discovery.plan.shard import Shard
from discovery.reports.safe_text import escape_unprintable

if TYPE_CHECKING:
    from discovery.snapshot.place import StatePlace

LONGEST: Final = timedelta(days=365)
"""Longest pause."""


def _span(ctx: click.Context, param: click.Parameter, value: timedelta) -> timedelta:
    """Raises: click.BadParameter."""
    del ctx, param
    if not timedelta(0) < value <= LONGEST:
        raise click.BadParameter("a pause lasts longer than 0s and at most 365d")
    return value


@click.command(name="pause")
@click.option(
    "--for",
    "span",
    type=duration,
    callback=_span,
    required=True,
    metavar="DURATION",
    help="How long from now on: 30m, 2h, 7d …",
)
@with_state_shard
@with_lock_timeout
@with_common
def command(span: timedelta, shard: Shard | None, lock_timeout: timedelta) -> None:
    """Keep every sweep with this state from writing to the control plane for a while.

    Sweeps continue: they scan, plan, report, remember and count misses, so that the first sweep
    after the pause does what is due. A running sweep ends first. A new pause replaces the current
    one.

    \b
    Examples:
      cachemuster pause --for 2h
      cachemuster pause --for 7d -c production.yaml
      cachemuster pause --for 30m --lock-timeout 15m    while a long sweep runs

    \b
    Exit: 0 paused, 1 could not, 64 usage, 75 state is locked, 78 configuration.
    """
    import asyncio

    place = named_state(configuration(common()), shard)
    until = asyncio.run(_pause(place, span, lock_timeout))
    click.echo(
        f"Paused until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}: sweeps with "
        f"{escape_unprintable(str(place))} scan and remember, and write nothing. "
        "`cachemuster resume` ends it sooner."
    )


async def _pause(place: StatePlace, span: timedelta, lock_timeout: timedelta) -> datetime:
    from state.lock import this_process

    holder = this_process("pause", utc_now())
    async with writable_state(place, wait=lock_timeout, holder=holder) as store:
        now = utc_now()
        until = now + span
        store.pause(until, now)
    return until
