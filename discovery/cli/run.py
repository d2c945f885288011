"""`cachemuster run`: the long-running service."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from discovery.cli.options import common, with_common, with_shard
from discovery.cli.settings import configuration_path
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit

if TYPE_CHECKING:
    from discovery.cli.interruption import Interruption


@click.command(name="run")
@with_shard
@with_common
def command(shard: Shard | None) -> Exit:
    """Run as a service: sweep at an interval, and re-scan after change events.

    It re-scans within seconds of an event, and serves health and metrics over HTTP; with
    `service.page` the last report too. `service.notify` names webhooks that are told what happens.
    SIGTERM and Ctrl-C let the running write end, within 10 seconds; a second one stops at once.
    SIGHUP reloads the configuration, and keeps the old one if the new one is bad. Between two
    sweeps the state file is free for `sweep`, `adopt` and `release`.

    \b
    Examples:
      cachemuster run -c /etc/cachemuster/cachemuster.yaml
      cachemuster run --shard 0/3
      cachemuster run --log-format json 2>> cachemuster.log

    \b
    Exit: 0 stopped by a signal, 1 could not start or go on, 64 usage,
    75 another service has this state, 78 configuration.
    """
    from discovery.cli.interruption import Interrupted, run_with_signals
    from discovery.cli.serve import serve

    path = configuration_path(common(shows_events=True))

    async def work(interruption: Interruption) -> None:
        await serve(path, shard, interruption)

    with contextlib.suppress(Interrupted):  # told to stop before it had started
        run_with_signals(work)
    return Exit.DONE
