"""`cachemuster run`: the long-running service."""

from __future__ import annotations

import asyncio
import contextlib
import os
from importlib import metadata
from pathlib import Path

import click

from discovery.cli.clock import utc_now
from discovery.cli.hangup import on_hangup
from discovery.cli.interruption import Interrupted, Interruption, run_with_signals
from discovery.cli.options import common, with_common, with_shard
from discovery.cli.settings import configuration_path
from discovery.cli.setup import open_service
from discovery.cli.streams import stderr_line
from discovery.config.fields import HostPort
from discovery.config.load import is_read_once, load_config
from discovery.plan.shard import Shard
from discovery.reports.exit import Exit
from discovery.service.agent import Agent
from discovery.service.connections import ReloadableConnections
from discovery.service.health import HealthState, served
from discovery.service.heartbeat import Heartbeat, heartbeat_limit
from discovery.service.metrics import Metrics
from discovery.service.runner import SweepRunner
from discovery.service.systemd import Notifier
from state.lock import service_lock, this_process


@click.command(name="run", short_help="Keep the list equal, for as long as it runs.")
@with_shard
@with_common
def command(part: Shard | None) -> Exit:
    """The long-running service: a sweep at each interval, re-scans within seconds of change events,
    health and metrics over HTTP.

    SIGTERM and Ctrl-C let the write in hand end, within 10 seconds; a second one stops at once.
    SIGHUP reads the configuration anew, and keeps the old one if the new one is bad. Between two
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
    path = configuration_path(common(shows_events=True))

    async def work(interruption: Interruption) -> None:
        await _serve(path, part, interruption)

    with contextlib.suppress(Interrupted):  # told to stop before it had started
        run_with_signals(work)
    return Exit.DONE


async def _serve(path: Path, part: Shard | None, interruption: Interruption) -> None:
    """Raises: what opening an edge raises; Locked; CannotListen; WrongState."""
    reload = asyncio.Event()
    with on_hangup(reload.set):  # before the file is read: no change between is missed
        await _serve_until_stopped(path, part, interruption, reload)


async def _serve_until_stopped(
    path: Path, part: Shard | None, interruption: Interruption, reload: asyncio.Event
) -> None:
    config = load_config(path)
    vitals = HealthState(pulse=Heartbeat(), limit=heartbeat_limit(config))
    metrics = Metrics(
        scope_metrics_limit=config.service.scope_metrics_limit,
        version=metadata.version("cachemuster"),
    )
    async with (
        service_lock(config.state.path, holder=this_process("run", utc_now())) as lock,
        served(config.service.listen, vitals, metrics) as address,
        ReloadableConnections.open(lambda: open_service(path, interruption, part)) as foundation,
    ):
        stderr_line(
            f"Health and metrics are served on {_shown(address)}. Ctrl-C stops the service."
        )
        agent = Agent(
            foundation=foundation,
            rounds=SweepRunner(foundation, part, service_lock=lock),
            metrics=metrics,
            vitals=vitals,
            notifier=Notifier(os.environ),
            stop=interruption.stop,
            reload=reload,
            is_read_once=is_read_once(path),
        )
        interruption.in_sweep = True
        await agent.run()


def _shown(address: HostPort) -> str:
    if not address.is_every_address:
        return f"http://{address}"
    return f"http://127.0.0.1:{address.port} and every other address of this machine"
