"""The long-running service: sweeps on a schedule, re-scans after events, until told to stop.

A fixed set of tasks. What may fail for a while (AWS, the control plane, the queue, the state file)
is counted and tried again; when a task of the service itself ends, the service ends.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import structlog

from discovery.control_plane.base import ControlPlaneError
from discovery.reports.summary import clock_time, counted, sentence
from discovery.service.connections import Edges, ReloadableConnections
from discovery.service.health import HealthState
from discovery.service.heartbeat import heartbeat_limit
from discovery.service.listener import listen
from discovery.service.metrics import Metrics
from discovery.service.reload_check import CannotReload, check_reload
from discovery.service.rescans import Rescans
from discovery.service.runner import SweepRunner
from discovery.service.schedule import Schedule
from discovery.service.supervisor import Supervisor
from discovery.service.systemd import Notifier
from discovery.sweep.context import SweepKind

log = structlog.get_logger()

LAST_WORK: Final = timedelta(seconds=9)
"""How long what is under way may take once the service is told to stop. Writes have 8 s of it."""
LOOK_EVERY: Final = timedelta(minutes=1)
"""How often the control plane is asked who it is, between sweeps."""
LOOK: Final = "look"
READ_ONCE: Final = (
    "the configuration came through standard input, a pipe or a descriptor, and that can be read "
    "only once; name a file with -c to reload it, or restart the service"
)


@dataclass(slots=True, kw_only=True)
class Agent:
    """One service, from its first sweep to its end."""

    foundation: ReloadableConnections
    rounds: SweepRunner
    metrics: Metrics
    vitals: HealthState
    notifier: Notifier
    stop: asyncio.Event
    """Set: nothing new is begun, what is under way comes to an end, `run` returns."""
    reload: asyncio.Event
    """Set: the configuration is read anew."""
    is_read_once: bool = False
    """True when the configuration cannot be read anew: it came through a pipe."""
    schedule: Schedule = field(default_factory=Schedule)
    attempts: Supervisor = field(init=False)
    rescans: Rescans = field(init=False)
    _listening: asyncio.Task[Any] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        edges = self.foundation.edges
        self.attempts = Supervisor(self.rounds, self.metrics, self.vitals)
        self.rescans = Rescans(
            self.attempts, self.schedule, self.metrics, edges.context.clock, timedelta(0)
        )
        self.rounds.on_move = self.vitals.pulse.beat
        self.rounds.on_scan = self._show_scan

    async def run(self) -> None:
        """The service until it is told to stop; then nothing of it is left running.

        Raises: WrongState; whatever ended a task of the service.
        """
        await self.rounds.check_state_identity()
        self._serve(self.foundation.edges)
        self.schedule.start()
        service = self.foundation.edges.config.service
        self.schedule.every(
            SweepKind.SWEEP, self.sweep, interval=service.interval, jitter=service.jitter
        )
        self.schedule.every(LOOK, self.look, interval=LOOK_EVERY, jitter=timedelta(0))
        self.notifier.ready()
        try:
            await self._until_stopped()
        finally:
            await self._wind_down()

    async def sweep(self) -> None:
        """One sweep was attempted."""
        self.metrics.next_due(None)
        done = await self.attempts.attempt(SweepKind.SWEEP, SweepRunner.sweep)
        self.vitals.pulse.beat()
        if done is not None:
            await self.rescans.swept(done.targets, done.report.scopes)
        due_at = self.schedule.due_at(SweepKind.SWEEP)
        self.metrics.next_due(due_at)
        if done is not None and due_at is not None:
            again = clock_time(due_at, done.report.finished_at)
            self.notifier.status(f"{sentence(done.report)}; next sweep at {again} UTC")

    async def look(self) -> None:
        """It is known whether the control plane answers, and how long it knows this agent."""
        async with self.foundation.held() as edges:
            try:
                found = await edges.control_plane.ping()
            except ControlPlaneError as error:
                if self.vitals.control_plane_trouble != error.code:
                    log.warning("control_plane.trouble", error_code=error.code, why=str(error))
                self.vitals.control_plane_trouble = error.code
                return
        if self.vitals.control_plane_trouble is not None:
            log.info("control_plane.answers", cluster=found.cluster)
        self.vitals.control_plane_trouble = None
        self.metrics.identity(found.identity_expires_at)

    # -- configuration ---------------------------------------------------------------------------

    async def reload_when_asked(self) -> None:
        """The configuration is read anew whenever somebody asks; a bad one changes nothing."""
        while True:
            await self.reload.wait()
            self.reload.clear()
            self.notifier.reloading()
            try:
                if self.is_read_once:
                    raise CannotReload(READ_ONCE)
                await self.foundation.reload(check_reload, self._take_effect)
            except Exception as error:
                log.error(
                    "configuration.refused",
                    why=_why(error),
                    next="the configuration in force stays; correct the file and reload again, or, "
                    "where the change is meant, stop the service, do as said, and start it",
                )
            self.notifier.ready()

    def _take_effect(self, before: Edges, edges: Edges) -> None:
        """What hangs on the configuration, beyond what rounds take from it, is as it says."""
        self.rounds.asks_everywhere = True
        old, new = before.config.service, edges.config.service
        if (old.interval, old.jitter) != (new.interval, new.jitter):
            self.schedule.change(SweepKind.SWEEP, interval=new.interval, jitter=new.jitter)
            self.metrics.next_due(self.schedule.due_at(SweepKind.SWEEP))
        self._serve(edges)
        fixed = [
            name
            for name in ("listen", "scope_metrics_limit")
            if getattr(old, name) != getattr(new, name)
        ]
        log.info(
            "configuration.reloaded",
            needs_restart=[f"service.{name}" for name in fixed],
        )

    def _serve(self, edges: Edges) -> None:
        """Events are heard, and the pulse is judged, as the configuration says."""
        events = edges.config.service.events
        self.vitals.limit = heartbeat_limit(edges.config)
        self.rescans.debounce = events.debounce if events is not None else timedelta(0)
        self.rescans.mailbox = edges.queue
        if self._listening is not None:
            self._listening.cancel()
        self._listening = (
            asyncio.create_task(listen(edges.queue, self.rescans), name="events")
            if edges.queue is not None
            else None
        )

    # -- beginning and end -----------------------------------------------------------------------

    async def _until_stopped(self) -> None:
        """Told to stop. Raises: whatever ended a task that has no end."""
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in {
                "stop": self.stop.wait(),
                "reload": self.reload_when_asked(),
                "watchdog": self._feed_watchdog(),
                "state": self._fatal(),
                "events": self._listen_for_ever(),
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

    async def _listen_for_ever(self) -> None:
        """Ends only with an exception: the one that ended the listener."""
        while True:
            listening = self._listening
            if listening is None:
                await asyncio.Event().wait()
            else:
                await asyncio.wait([listening])
                if not listening.cancelled():
                    listening.result()

    async def _fatal(self) -> None:
        raise await asyncio.shield(self.attempts.fatal)

    async def _feed_watchdog(self) -> None:
        every = self.notifier.watchdog_every
        if every is None:
            await asyncio.Event().wait()
            return
        while True:
            if self.vitals.is_alive()[0]:
                self.notifier.watchdog()
            await asyncio.sleep(every.total_seconds())

    async def _wind_down(self) -> None:
        """What is under way ends by itself, or is ended when its time is over."""
        self.notifier.stopping()
        self.stop.set()
        self.schedule.hold()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        try:
            async with asyncio.timeout(LAST_WORK.total_seconds()):
                await self.schedule.ended()
        except TimeoutError:
            log.warning("service.cut_short", next="the journal knows; the next sweep looks")
        await self.schedule.stop()
        log.info("service.stopped")

    def _show_scan(self, done: int, failed: int, known: int) -> None:
        self.notifier.status(f"Sweeping: {counted(done, 'scope')} of {known} done, {failed} failed")


def _why(error: Exception) -> str:
    """The words of an error; of things that broke side by side, those of the first."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error)
