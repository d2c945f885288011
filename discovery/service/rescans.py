"""Re-scans: from a message of the queue to a scope that was looked at again.

A message is deleted when the scope that it names was read to its end and acted upon. Until then it
stays in the queue and comes again by itself, so a service that is killed forgets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
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
"""After so many, a message whose scope still cannot be read is given up: the next sweeps look."""
RETRY_DELAY: Final = timedelta(seconds=30)
"""After a round that came to nothing, such as one that found the state file held too long."""


class EventOutcome(StrEnum):
    """What became of a message, besides `Ignored`."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """Acted upon already."""
    FOREIGN = "foreign"
    """About a scope that this process does not look after."""
    ACTED = "acted"
    """Its scope was read to its end, and what follows was done."""
    RETRIED = "retried"
    """Its scope could not be read; it comes again."""
    GIVEN_UP = "given_up"


class MessageQueue(Protocol):
    """Where messages are deleted; `discovery.aws.queue.Queue` is one."""

    async def delete(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """They do not come again; answers those that do all the same. Raises: AwsCallFailed."""
        ...


@dataclass(slots=True)
class Rescans:
    """Everything between a message and the round that it causes."""

    supervisor: Supervisor
    schedule: Schedule
    metrics: Metrics
    clock: Clock
    debounce: timedelta
    queue: MessageQueue | None = None
    targets: Targets | None = None
    """Of the last whole sweep; before the first, every scope may be ours."""
    _backlog: Backlog = field(default_factory=Backlog)
    _follow_ups: FollowUps = field(default_factory=FollowUps)

    def __post_init__(self) -> None:
        for outcome in (
            *EventOutcome,
            *Ignored,
        ):  # counted from nothing, so that the first one shows
            self.metrics.count_events(outcome.value, 0)

    async def handle(self, messages: Iterable[Message]) -> None:
        """Each message waits with its scope, or is deleted because it changes nothing."""
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
        """A whole sweep told which scopes are ours; what waited for that may go on, or goes."""
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
        """Scopes in which something is on its way are looked at again soon."""
        for each in self._follow_ups.update(results):
            work = partial(self._begin_follow_up, each.scope, each.arns)
            self.schedule.once(f"follow {each.scope}", work, after=each.delay)

    async def _begin_follow_up(self, scope: Scope, arns: frozenset[Arn]) -> None:
        self._backlog.add(scope, arns, self.clock())
        await self._run_due(scope)

    def _schedule_rescan(self, scope: Scope, delay: timedelta) -> None:
        self.schedule.once(f"rescan {scope}", partial(self._run_due, scope), after=delay)

    async def _run_due(self, scope: Scope) -> None:
        """Everything that has waited long enough is scanned, in one round."""
        self._backlog.mark_due(scope)
        taken = self._backlog.take()
        if not taken:
            return
        self._update_metrics()
        arns = frozenset(arn for entry in taken.values() for arn in entry.arns)
        run = await self.supervisor.attempt(
            SweepKind.RESCAN, lambda rounds: rounds.rescan(tuple(taken), arns)
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
        except AwsCallFailed as error:
            log.warning("events.not_deleted", count=len(every), why=error.fault.message)
            return
        if left:
            log.info("events.not_deleted", count=len(left), why="they come again, to no effect")

    def _update_metrics(self) -> None:
        self.metrics.set_waiting(len(self._backlog), since=self._backlog.since)


def _is_read(result: Scanned | None) -> bool:
    """True when the scope was read to its end, or is known not to be there."""
    if isinstance(result, Skipped):
        return result.reason is ScopeReason.REGION_NOT_ENABLED
    return isinstance(result, Complete)
