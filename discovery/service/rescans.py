"""Re-scans: from a message of the queue to a fresh scan of the scope that it names.

A message is deleted once its scope was read to the end and acted upon. Until then it stays in the
queue and is delivered again, so a service that is killed forgets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final, Protocol

import structlog

from discovery.aws.errors import AwsCallFailed
from discovery.aws.events import Change, Ignored, read_message
from discovery.aws.queue import Message
from discovery.model.codes import ScopeReason
from discovery.model.values import Arn, Clock, Complete, Scanned, Scope, Skipped
from discovery.plan.targets import Targets
from discovery.service.backlog import Backlog, Entry
from discovery.service.followups import FollowUps
from discovery.service.metrics import Metrics
from discovery.service.schedule import Schedule
from discovery.service.supervisor import Supervisor
from discovery.sweep.context import SweepKind
from matchers.regions import ScopeMembership

log = structlog.get_logger()

MAX_DELIVERIES: Final = 5
"""Deliveries after which a message is dropped because its scope still cannot be read."""
RETRY_DELAY: Final = timedelta(seconds=30)
"""Delay after a run that did not happen, such as when the state file stayed locked too long."""


class EventOutcome(StrEnum):
    """Outcome of a message, besides `Ignored`."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """Already acted upon."""
    FOREIGN = "foreign"
    """Names a scope that this process does not cover."""
    ACTED = "acted"
    """Its scope was read to the end and acted upon."""
    RETRIED = "retried"
    """Its scope could not be read; it is delivered again."""
    GIVEN_UP = "given_up"


class MessageQueue(Protocol):
    """A queue whose messages can be deleted, such as `discovery.aws.queue.Queue`."""

    async def delete(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """Delete messages; returns those that could not be deleted. Raises: AwsCallFailed."""
        ...


@dataclass(slots=True)
class Rescans:
    """Turn queue messages into re-scans of the scopes that they name."""

    supervisor: Supervisor
    schedule: Schedule
    metrics: Metrics
    clock: Clock
    debounce: timedelta
    queue: MessageQueue | None = None
    targets: Targets | None = None
    """Those of the last whole sweep; None before the first, when every scope may be ours."""
    last_event_at: datetime | None = field(default=None, init=False)
    """When the queue last brought a message."""
    _backlog: Backlog = field(default_factory=Backlog)
    _follow_ups: FollowUps = field(default_factory=FollowUps)

    def __post_init__(self) -> None:
        for outcome in (*EventOutcome, *Ignored):  # from zero, so that the first one shows
            self.metrics.count_events(outcome.value, 0)

    @property
    def waiting_scopes(self) -> int:
        """How many scopes wait for a re-scan."""
        return len(self._backlog)

    @property
    def waiting_since(self) -> datetime | None:
        """Since when the one that has waited longest has waited; None when none does."""
        return self._backlog.since

    async def handle(self, messages: Iterable[Message]) -> None:
        """Make each message wait with its scope, or delete it when it changes nothing."""
        self.last_event_at = self.clock()
        finished = []
        for message in messages:
            change = read_message(message.body)
            outcome = self._classify(change, message)
            self.metrics.count_events(outcome.value)
            if outcome is not EventOutcome.ACCEPTED:
                finished.append(message)
                log.debug("event.ignored", message_id=message.message_id, why=outcome.value)
        self._update_metrics()
        await self._delete(finished)

    def _classify(self, change: Change | Ignored, message: Message) -> EventOutcome | Ignored:
        if isinstance(change, Ignored):
            return change
        if self._backlog.is_repeated(change):
            return EventOutcome.DUPLICATE
        if not self._is_ours(change.scope):
            return EventOutcome.FOREIGN
        if self._backlog.add_event(change, message, self.clock()) and self.targets is not None:
            self._schedule_rescan(change.scope, self.debounce)
        return EventOutcome.ACCEPTED

    def _is_ours(self, scope: Scope) -> bool:
        """True, too, for a region that may have been enabled since the targets were known."""
        if self.targets is None:
            return True
        is_target = self.targets.membership(scope) is ScopeMembership.IN_RUN
        return is_target or self.targets.may_be_new(scope)

    async def after_sweep(self, targets: Targets, results: Iterable[Scanned]) -> None:
        """Take the targets of a whole sweep; re-scan or drop what waited for the first one."""
        waited = self._backlog.scopes if self.targets is None else ()
        self.targets = targets
        self.schedule_follow_ups(results)
        for scope in waited:
            if self._is_ours(scope):
                self._schedule_rescan(scope, self.debounce)
            else:
                entry = self._backlog.drop(scope)
                self.metrics.count_events(EventOutcome.FOREIGN.value, len(entry.messages))
                await self._delete(entry.messages.values())
        self._update_metrics()

    def schedule_follow_ups(self, results: Iterable[Scanned]) -> None:
        """Schedule another scan of scopes where a cache is in transition."""
        for each in self._follow_ups.update(results):
            work = partial(self._begin_follow_up, each.scope, each.arns)
            self.schedule.once(f"follow {each.scope}", work, after=each.delay)

    async def _begin_follow_up(self, scope: Scope, arns: frozenset[Arn]) -> None:
        self._backlog.add(scope, arns, self.clock())
        await self._run_due(scope)

    def _schedule_rescan(self, scope: Scope, delay: timedelta) -> None:
        self.schedule.once(f"rescan {scope}", partial(self._run_due, scope), after=delay)

    async def _run_due(self, scope: Scope) -> None:
        """Scan every scope that has waited long enough, in one run."""
        self._backlog.mark_due(scope)
        taken = self._backlog.take()
        if not taken:
            return
        self._update_metrics()
        arns = frozenset(arn for entry in taken.values() for arn in entry.arns)
        run = await self.supervisor.attempt(
            SweepKind.RESCAN, lambda runner: runner.rescan(tuple(taken), arns)
        )
        if run is None:
            for each in taken:
                self._backlog.put_back(each)
                self._schedule_rescan(each, RETRY_DELAY)
        else:
            results = {result.scope: result for result in run.report.scopes}
            for each in taken:
                is_out = run.targets.membership(each) is ScopeMembership.OUT_OF_SCOPE
                is_known = is_out or _is_read(results.get(each))
                await self._finish(each, acted=run.report.error is None and is_known)
            self.schedule_follow_ups(run.report.scopes)
        self._update_metrics()

    async def _finish(self, scope: Scope, *, acted: bool) -> None:
        entry = self._backlog.mark_done(scope) if acted else self._backlog.mark_failed(scope)
        if scope in self._backlog.scopes:
            self._schedule_rescan(scope, self.debounce)  # it was touched again, or due, meanwhile
        if acted:
            self.metrics.count_events(EventOutcome.ACTED.value, len(entry.messages))
            await self._delete(entry.messages.values())
        else:
            await self._give_up(scope, entry)

    async def _give_up(self, scope: Scope, entry: Entry) -> None:
        messages = entry.messages.values()
        given_up = [each for each in messages if each.received_count >= MAX_DELIVERIES]
        self.metrics.count_events(EventOutcome.RETRIED.value, len(entry.messages) - len(given_up))
        self.metrics.count_events(EventOutcome.GIVEN_UP.value, len(given_up))
        for each in given_up:
            log.warning(
                "event.given_up",
                account_id=scope.account_id,
                region=scope.region,
                message_id=each.message_id,
                deliveries=each.received_count,
                next="its scope could not be read; the next whole sweep looks at it",
            )
        await self._delete(given_up)

    async def _delete(self, messages: Iterable[Message]) -> None:
        every = tuple(messages)
        if not every or self.queue is None:
            return
        try:
            left = await self.queue.delete(every)
        except AwsCallFailed as failed:
            log.warning("events.not_deleted", count=len(every), why=failed.error.message)
            return
        if left:
            why = "they are delivered again, without effect"
            log.info("events.not_deleted", count=len(left), why=why)

    def _update_metrics(self) -> None:
        self.metrics.set_waiting(len(self._backlog), since=self._backlog.since)


def _is_read(result: Scanned | None) -> bool:
    """True when the scope was read to the end, or its region is known to be disabled."""
    if isinstance(result, Skipped):
        return result.reason is ScopeReason.REGION_NOT_ENABLED
    return isinstance(result, Complete)
