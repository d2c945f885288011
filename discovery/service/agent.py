"""The long-running service: sweeps on a schedule and re-scans after events, until stopped.

A fixed set of tasks. What may fail for a while (AWS, the control plane, the queue, the state file)
is counted and tried again; when a task of the service itself ends, the service ends.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from discovery.control_plane.base import ControlPlaneError
from discovery.notify.sinks import FLUSH_S, Sinks
from discovery.reports.summary import clock_time, counted, sentence
from discovery.service.connections import (
    CannotReload,
    Connections,
    ReloadableConnections,
    check_reload,
)
from discovery.service.health import HealthState
from discovery.service.heartbeat import heartbeat_limit
from discovery.service.listener import listen
from discovery.service.live_state import LiveState
from discovery.service.metrics import Metrics
from discovery.service.notifications import Notifications
from discovery.service.probing import ProbeRunner
from discovery.service.report_page import ReportPage
from discovery.service.rescans import Rescans
from discovery.service.runner import SweepRunner
from discovery.service.schedule import Schedule
from discovery.service.supervisor import Supervisor
from discovery.service.systemd import Notifier
from discovery.sweep.context import SweepKind

log = structlog.get_logger()

SHUTDOWN_TIMEOUT: Final = timedelta(seconds=9)
"""How long running work may take once the service is to stop. Writes have 8 s of it."""
LEAST_FLUSH_S: Final = 0.5
"""How long messages are still sent at a stop, however long the running work took."""
CHECK_INTERVAL: Final = timedelta(minutes=1)
"""How often the control plane is asked for its identity, between sweeps."""
LOGINS: Final = "logins"
"""Name of the job that logs in to caches."""
CONTROL_PLANE_CHECK: Final = "look"
"""Name of the job that asks the control plane for its identity."""
READ_ONCE: Final = (
    "the configuration came through standard input, a pipe or a descriptor, and that can be read "
    "only once; name a file with -c to reload it, or restart the service"
)
"""Why a configuration from a pipe cannot be reloaded."""


@dataclass(slots=True, kw_only=True)
class Agent:
    """Run one service from its first sweep until it is stopped."""

    connections: ReloadableConnections
    runner: SweepRunner
    metrics: Metrics
    health: HealthState
    notifier: Notifier
    live_state: LiveState
    report_page: ReportPage
    sinks: Sinks
    stop: asyncio.Event
    """Set: nothing new starts, running work ends, `run` returns."""
    reload: asyncio.Event
    """Set: the configuration is to be read again."""
    is_read_once: bool = False
    """True when the configuration cannot be read again because it came through a pipe."""
    schedule: Schedule = field(default_factory=Schedule)
    supervisor: Supervisor = field(init=False)
    rescans: Rescans = field(init=False)
    logins: ProbeRunner = field(init=False)
    _listener: asyncio.Task[Any] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        current = self.connections.current
        self.supervisor = Supervisor(self.runner, self.metrics, self.health)
        self.rescans = Rescans(
            self.supervisor, self.schedule, self.metrics, current.context.clock, timedelta(0)
        )
        self.logins = ProbeRunner(self.runner, self.metrics)
        self.live_state.rescans = self.rescans
        self.runner.notifications = Notifications(self.sinks)
        self.runner.on_activity = self.health.heartbeat.beat
        self.runner.on_progress = self._show_progress

    async def run(self) -> None:
        """Run the service until it is stopped; nothing of it is left running afterwards.

        Raises: WrongState; whatever ended a task of the service.
        """
        await self.runner.check_state_identity()
        self._apply_settings(self.connections.current)
        self.schedule.start()
        service = self.connections.current.config.service
        self.schedule.every(
            SweepKind.SWEEP, self.sweep, interval=service.interval, jitter=service.jitter
        )
        self.schedule.every(
            CONTROL_PLANE_CHECK,
            self.check_control_plane,
            interval=CHECK_INTERVAL,
            jitter=timedelta(0),
        )
        self.notifier.ready()
        try:
            await self._wait_until_stopped()
        finally:
            await self._shut_down()

    async def sweep(self) -> None:
        """Run one scheduled sweep, update metrics and show the next one in the status."""
        self._announce_next_sweep(None)
        run = await self.supervisor.attempt(SweepKind.SWEEP, SweepRunner.sweep)
        self.health.heartbeat.beat()
        if run is not None:
            await self.rescans.after_sweep(run.targets, run.report.scopes)
            if self.logins.is_due(run, self.connections.current):
                self.schedule.once(LOGINS, self.logins.run, after=timedelta(0))
        due_at = self.schedule.due_at(SweepKind.SWEEP)
        self._announce_next_sweep(due_at)
        if run is not None and due_at is not None:
            again = clock_time(due_at, run.report.finished_at)
            self.notifier.status(f"{sentence(run.report)}; next sweep at {again} UTC")
        if run is not None:
            await self.report_page.show(run.report, self.stop.is_set)
            self.health.heartbeat.beat()

    def _announce_next_sweep(self, at: datetime | None) -> None:
        """Let metrics, the page and `cachemuster status` show when the next sweep is due."""
        self.metrics.set_next_due(at)
        self.live_state.next_sweep_at = at
        if self.runner.service_lock is not None:
            self.runner.service_lock.announce_next_sweep(at)

    async def check_control_plane(self) -> None:
        """Ask the control plane for its identity, and record whether it answers."""
        async with self.connections.hold() as current:
            try:
                found = await current.control_plane.ping()
            except ControlPlaneError as error:
                if self.health.control_plane_error != error.code:
                    log.warning("control_plane.trouble", error_code=error.code, why=str(error))
                self.health.control_plane_error = error.code
                return
        if self.health.control_plane_error is not None:
            log.info("control_plane.answers", cluster=found.cluster)
        self.health.control_plane_error = None
        self.metrics.set_identity_expiry(found.identity_expires_at)

    # -- configuration ---------------------------------------------------------------------------

    async def handle_reloads(self) -> None:
        """Reload the configuration whenever asked; a bad one is logged and changes nothing."""
        while True:
            await self.reload.wait()
            self.reload.clear()
            self.notifier.reloading()
            try:
                if self.is_read_once:
                    raise CannotReload(READ_ONCE)
                self.logins.interrupt()
                await self.connections.reload(check_reload, self._on_reload)
            except Exception as error:
                log.error(
                    "configuration.refused",
                    why=_why(error),
                    next="the configuration in force stays; correct the file and reload again, or, "
                    "if the change is intended, stop the service, do as `why` says, and start it",
                )
            self.notifier.ready()

    def _on_reload(self, before: Connections, current: Connections) -> None:
        """Apply what a new configuration changes beyond what each run takes from it."""
        self.runner.ignore_backoff = True
        old, new = before.config.service, current.config.service
        if (old.interval, old.jitter) != (new.interval, new.jitter):
            self.schedule.change(SweepKind.SWEEP, interval=new.interval, jitter=new.jitter)
            self._announce_next_sweep(self.schedule.due_at(SweepKind.SWEEP))
        self._apply_settings(current)
        fixed = [
            name
            for name in ("listen", "page", "scope_metrics_limit")
            if getattr(old, name) != getattr(new, name)
        ]
        log.info(
            "configuration.reloaded",
            needs_restart=[f"service.{name}" for name in fixed],
        )

    def _apply_settings(self, current: Connections) -> None:
        """Set heartbeat limit, debounce, queue listener and sinks as the configuration says."""
        events = current.config.service.events
        self.health.max_age = heartbeat_limit(current.config)
        self.rescans.debounce = events.debounce if events is not None else timedelta(0)
        self.rescans.queue = current.queue
        self.sinks.use(current.config.service.notify)
        if self._listener is not None:
            self._listener.cancel()
        self._listener = (
            asyncio.create_task(listen(current.queue, self.rescans), name="events")
            if current.queue is not None
            else None
        )

    # -- beginning and end -----------------------------------------------------------------------

    async def _wait_until_stopped(self) -> None:
        """Wait for a stop. Raises: whatever ended a task that should never end."""
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in {
                "stop": self.stop.wait(),
                "reload": self.handle_reloads(),
                "watchdog": self._feed_watchdog(),
                "state": self._wait_until_fatal(),
                "events": self._watch_listener(),
            }.items()
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch_listener(self) -> None:
        """Wait for ever, unless the listener fails; then raise what ended it."""
        while True:
            listening = self._listener
            if listening is None:
                await asyncio.Event().wait()
            else:
                await asyncio.wait([listening])
                if not listening.cancelled():
                    listening.result()

    async def _wait_until_fatal(self) -> None:
        raise await asyncio.shield(self.supervisor.fatal)

    async def _feed_watchdog(self) -> None:
        every = self.notifier.watchdog_every
        if every is None:
            await asyncio.Event().wait()
            return
        while True:
            if self.health.is_alive()[0]:
                self.notifier.watchdog()
            await asyncio.sleep(every.total_seconds())

    async def _shut_down(self) -> None:
        """Start nothing new, let running work end, and cancel it after `SHUTDOWN_TIMEOUT`.

        Then what people are to be told is sent, in the time that is left.
        """
        deadline_s = asyncio.get_running_loop().time() + SHUTDOWN_TIMEOUT.total_seconds()
        self.notifier.stopping()
        self.stop.set()
        self.schedule.hold()
        self.logins.interrupt()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT.total_seconds()):
                await self.schedule.wait_until_idle()
        except TimeoutError:
            log.warning(
                "service.cut_short",
                next="the journal has what was being written; the next sweep checks it",
            )
        await self.schedule.stop()
        left_s = deadline_s - asyncio.get_running_loop().time()
        await self.sinks.close(min(FLUSH_S, max(LEAST_FLUSH_S, left_s)))
        log.info("service.stopped")

    def _show_progress(self, done: int, failed: int, known: int) -> None:
        self.notifier.status(f"Sweeping: {counted(done, 'scope')} of {known} done, {failed} failed")


def _why(error: Exception) -> str:
    """The message of an error; of an exception group, that of the first."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error)
