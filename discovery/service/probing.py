"""Log in to registered caches at an interval of its own, after sweeps and beside them.

A round takes the caches that the last sweep found ready, and writes only what came of it. It holds
the writer lock for that write alone, so it never delays a sweep by more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import structlog

from discovery.model.codes import Action, ProbeOutcome
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Arn
from discovery.plan.item import Item
from discovery.probe.hosts import find_hosts
from discovery.probe.probe import Prober
from discovery.probe.targets import Target, is_registered, ready_targets
from discovery.reports.probes import ProbedLogin, worst_of
from discovery.service.connections import Connections
from discovery.service.metrics import Metrics
from discovery.service.runner import ScheduledRun, SweepRunner
from discovery.sweep.cancellation import Stopped
from state.records import HistoryEntry, HistoryEvent, RememberedProbe
from state.store import Store

log = structlog.get_logger()


class ProbeRunner:
    """Runs of `probe` in one service, at an interval of their own."""

    def __init__(
        self, runner: SweepRunner, metrics: Metrics, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._runner = runner
        self._metrics = metrics
        self._now_s = now_s
        self._targets: tuple[Target, ...] = ()
        self._began_s: float | None = None
        self._stop = asyncio.Event()
        self._is_running = False

    def is_due(self, run: ScheduledRun, current: Connections) -> bool:
        """Take over what a sweep found, and tell whether a round is to start."""
        settings = current.config.service.probe
        if settings is None:
            self._targets, self._began_s = (), None
            self._metrics.set_probes({}, None)
            return False
        if run.report.error is None and not run.report.interrupted:
            registered = filter(_is_registered, run.report.items)
            self._targets = ready_targets(registered, current.context.rules.matchers)
        elapsed_s = None if self._began_s is None else self._now_s() - self._began_s
        due = elapsed_s is None or elapsed_s >= settings.interval.total_seconds()
        return due and not self._is_running and bool(self._targets)

    def interrupt(self) -> None:
        """Begin no further cache of a running round; the next sweep starts another."""
        if self._is_running:
            self._began_s = None
            self._stop.set()

    async def run(self) -> None:
        """Run one round. Never raises."""
        self._began_s, self._is_running = self._now_s(), True
        self._stop.clear()
        try:
            async with self._runner.connections.hold() as current:
                await self._run(current)
        except Stopped:
            return
        except Exception as error:
            log.error("probe.broke", error_code=type(error).__name__, why=str(error))
        finally:
            self._is_running = False

    async def _run(self, current: Connections) -> None:
        settings, cloud = current.config.service.probe, current.context.cloud
        if settings is None:
            return
        prober = Prober(
            cloud=cloud,
            hosts=find_hosts(os.environ, is_overridden=bool(cloud.endpoints)),
            concurrency=settings.concurrency,
            stop=self._stop,
        )
        logins = await prober.probe(self._targets)
        found = dict(_remembered(logins))
        at = current.context.clock()
        await self._runner.write_state(current, lambda store: _record(store, found, at))
        if self._stop.is_set():
            return
        outcomes = Counter(each.outcome for each in found.values())
        self._metrics.set_probes(outcomes, at)
        log.info("probe.finished", **{each.value: outcomes[each] for each in ProbeOutcome})


def _is_registered(item: Item) -> bool:
    """Tell whether a sweep left the cache registered."""
    if item.action is Action.DELETE:
        return False
    return is_registered(item) or (item.action is Action.CREATE and item.applied is True)


def _remembered(logins: Iterable[ProbedLogin]) -> Iterator[tuple[Arn, RememberedProbe]]:
    """The login that says most of each cache."""
    by_cache: dict[Arn, list[ProbedLogin]] = {}
    for login in logins:
        by_cache.setdefault(login.cache.arn, []).append(login)
    for arn, found in by_cache.items():
        worst = worst_of(found)
        yield (
            arn,
            RememberedProbe(
                arn=arn,
                outcome=worst.outcome,
                user=worst.user,
                step=worst.step,
                at=worst.at,
                message=worst.message,
            ),
        )


def _record(store: Store, found: Mapping[Arn, RememberedProbe], at: datetime) -> None:
    """Write a round, with an entry of the history for each cache whose outcome changed."""
    entries = tuple(changed_outcomes(store.probes(), found, at))
    store.record_probes(found.values(), entries)
    for entry in entries:
        is_refusal = entry.reason == ProbeOutcome.REFUSED.name
        log.log(
            logging.WARNING if is_refusal else logging.INFO,
            "probe.changed",
            arn=entry.arn,
            outcome=entry.reason.lower(),
            message=entry.message,
        )


def changed_outcomes(
    before: Mapping[Arn, RememberedProbe], found: Mapping[Arn, RememberedProbe], at: datetime
) -> Iterator[HistoryEntry]:
    """Make an entry for each cache whose outcome is another one now.

    A first login that succeeds is no news.
    """
    round_id = secrets.token_hex(8)
    for arn, probe in found.items():
        last = before[arn].outcome if arn in before else ProbeOutcome.PROVED
        cache = parse_cache_arn(arn)
        if probe.outcome is last or cache is None:
            continue
        user = f"as {probe.user}" if probe.user is not None else "before a user was named"
        yield HistoryEntry(
            at=at,
            sweep_id=round_id,
            event=HistoryEvent.PROBED,
            arn=arn,
            scope=cache.scope,
            reason=probe.outcome.name,
            message=f"login {user}, step {probe.step.value}: {probe.message}",
        )
