"""Start the service of `cachemuster run`: lock, HTTP address, connections, SIGHUP."""

from __future__ import annotations

import asyncio
import os
import signal
from importlib import metadata
from pathlib import Path
from typing import TextIO

from discovery.cli.interruption import Interruption, handle_signal
from discovery.cli.setup import open_service
from discovery.cli.state_file import state_place
from discovery.cli.streams import stderr_line
from discovery.config.fields import HostPort
from discovery.config.load import is_read_once, load_config
from discovery.model.clock import utc_now
from discovery.notify.sinks import Sinks
from discovery.plan.shard import Shard
from discovery.reports.report import Report
from discovery.reports.service_state import ServiceState
from discovery.reports.view import Format, View
from discovery.service.agent import Agent
from discovery.service.connections import ReloadableConnections
from discovery.service.health import HealthState, serve_health
from discovery.service.heartbeat import Heartbeat, heartbeat_limit
from discovery.service.live_state import LiveState
from discovery.service.metrics import Metrics
from discovery.service.report_page import ReportPage
from discovery.service.runner import SweepRunner
from discovery.service.systemd import Notifier
from state.lock import service_lock, this_process


async def serve(path: Path, shard: Shard | None, interruption: Interruption) -> None:
    """Run the service until it is stopped.

    Raises: what opening connections raises; Locked; CannotListen; WrongState.
    """
    reload = asyncio.Event()
    # Before the file is read: no change between is missed.
    with handle_signal(signal.SIGHUP, reload.set):
        await _serve_until_stopped(path, shard, interruption, reload)


async def _serve_until_stopped(
    path: Path, shard: Shard | None, interruption: Interruption, reload: asyncio.Event
) -> None:
    config = load_config(path)
    place = state_place(config, shard)
    health = HealthState(heartbeat=Heartbeat(), max_age=heartbeat_limit(config))
    live_state = LiveState(clock=utc_now, running_since=utc_now(), health=health)
    report_page = ReportPage(
        access=config.service.page,
        writer=HtmlWriter(),
        state=live_state.snapshot,
        environ=os.environ,
    )
    metrics = Metrics(
        scope_metrics_limit=config.service.scope_metrics_limit,
        version=metadata.version("cachemuster"),
    )
    async with (
        service_lock(place.file, holder=this_process("run", utc_now())) as lock,
        serve_health(config.service.listen, health, metrics, report_page.answers()) as address,
        ReloadableConnections.open(lambda: open_service(path, interruption, shard)) as connections,
    ):
        stderr_line(
            f"{_served(report_page)} served on {_describe(address)}. Ctrl-C stops the service."
        )
        agent = Agent(
            connections=connections,
            runner=SweepRunner(connections, shard, service_lock=lock),
            metrics=metrics,
            health=health,
            notifier=Notifier(os.environ),
            live_state=live_state,
            report_page=report_page,
            sinks=Sinks(metrics.count_notifications),
            stop=interruption.stop,
            reload=reload,
            is_read_once=is_read_once(path),
        )
        interruption.in_sweep = True
        await agent.run()


class HtmlWriter:
    """Makes the page of the service; Jinja is loaded when there is one."""

    @property
    def policy(self) -> str:
        """The policy of its pages."""
        from discovery.reports.html.markup import security_policy

        return security_policy()

    def write_report(self, report: Report, stream: TextIO) -> None:
        """Write the page of a report."""
        from discovery.reports.formats import RENDERERS

        RENDERERS[Format.HTML](report, stream, View(title="sweep", findings=True))

    def banner(self, state: ServiceState) -> str:
        """Make the part that shows the state of the service."""
        from discovery.reports.html.service import service_banner

        return service_banner(state)

    def waiting_page(self, state: ServiceState) -> str:
        """Make the page before the first report."""
        from discovery.reports.html.service import waiting_page

        return waiting_page(state)


def _served(report_page: ReportPage) -> str:
    what = "Health, metrics and the last report" if report_page.is_shown else "Health and metrics"
    return f"{what} are"


def _describe(address: HostPort) -> str:
    if not address.is_every_address:
        return f"http://{address}"
    return f"http://127.0.0.1:{address.port} and every other address of this machine"
