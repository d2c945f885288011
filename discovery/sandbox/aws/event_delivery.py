"""Delivery of change events into queues, as EventBridge's rules and targets do it.

Nothing is made while no queue is subscribed. What only the passing of time brings about (a cache
that becomes available) is published when a queue is asked for messages.
"""

import heapq
import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from discovery.sandbox.aws.event_documents import (
    Call,
    Event,
    cloudtrail_event,
    service_event,
    wrap_in_sns,
)
from discovery.sandbox.aws.partitions import Place
from discovery.sandbox.aws.queues import Queue
from discovery.sandbox.aws.values import Cache
from discovery.sandbox.clock import Clock

Advance = Callable[[datetime], None]

_LONG_BEFORE = timedelta(days=1)


class EventKind(StrEnum):
    """Who publishes a change."""

    NATIVE = "native"
    """The service itself: caches and their tags, once a change is finished."""
    CALL = "call"
    """CloudTrail: every call, when it is made; also of one that fails."""


class Envelope(StrEnum):
    """What is around an event in a message."""

    DIRECT = "direct"
    SNS = "sns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How events reach a queue; by default each one once, at once and in order."""

    envelope: Envelope = Envelope.DIRECT
    kinds: frozenset[EventKind] = frozenset(EventKind)
    reads: bool = False
    """Whether calls that only read are delivered too."""
    delay: timedelta = timedelta(0)
    """By the sandbox's clock, 15 minutes at most."""
    jitter: timedelta = timedelta(0)
    """Up to so much longer, by chance, so that events overtake each other."""
    shuffled: bool = False
    """Whether messages are received in any order."""
    drop: float = 0.0
    """The share of events that are lost."""
    duplicate: float = 0.0
    """The share of events that come twice."""
    seed: int = 0


class _Subscription:
    """One queue and how events reach it."""

    def __init__(self, queue: Queue, delivery: Delivery) -> None:
        self.queue = queue
        self.delivery = delivery
        self._chance = random.Random(delivery.seed)  # noqa: S311 - reproducible on purpose

    def deliver(self, event: Event, kind: EventKind, place: Place) -> None:
        delivery, chance = self.delivery, self._chance
        if kind not in delivery.kinds or chance.random() < delivery.drop:
            return
        text = json.dumps(event, default=str)
        if delivery.envelope is Envelope.SNS:
            text = wrap_in_sns(text, place, self.queue.name)
        for _ in range(2 if chance.random() < delivery.duplicate else 1):
            delay = delivery.delay + delivery.jitter * chance.random()
            ahead = _LONG_BEFORE * chance.random() if delivery.shuffled and not delay else None
            self.queue.send(text, delay=delay, ahead=ahead or timedelta(0), sender="events")


class Events:
    """Every change event of a world, and the queues that get them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._subscriptions: list[_Subscription] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._expected: list[tuple[datetime, int, Advance]] = []

    @property
    def is_on(self) -> bool:
        """Whether any queue is subscribed."""
        return bool(self._subscriptions)

    @property
    def wants_reads(self) -> bool:
        """Whether any queue gets calls that only read."""
        return any(each.delivery.reads for each in self._subscriptions)

    def deliver_to(self, queue: Queue, delivery: Delivery = Delivery()) -> None:
        """Send the events of all accounts and regions to the queue from now on."""
        self._subscriptions.append(_Subscription(queue, delivery))

    def stop_delivering_to(self, queue: Queue) -> None:
        """Send no more events to the queue."""
        self._subscriptions = [each for each in self._subscriptions if each.queue is not queue]

    def publish_service_event(
        self, place: Place, detail_type: str, message: str, cache: Cache
    ) -> None:
        """Publish the service's own event `detail_type` about a cache."""
        if self.is_on:
            self._publish(
                service_event(place, detail_type, message, cache), EventKind.NATIVE, place
            )

    def publish_call(self, place: Place, call: Call) -> None:
        """Publish CloudTrail's event of a call."""
        if self.is_on:
            event = cloudtrail_event(place, call)
            self._publish(event, EventKind.CALL, place, reads_only=call.reads_only)

    def _publish(
        self, event: Event, kind: EventKind, place: Place, *, reads_only: bool = False
    ) -> None:
        for each in tuple(self._subscriptions):
            if each.delivery.reads or not reads_only:
                each.deliver(event, kind, place)

    # -- what time brings ------------------------------------------------------------------------

    def expect(self, due_at: datetime, advance: Advance) -> None:
        """Call `advance` with the time once it is `due_at` and a queue is asked for messages."""
        with self._lock:
            heapq.heappush(self._expected, (due_at, next(self._numbers), advance))
        for each in tuple(self._subscriptions):
            each.queue.arrivals.notify()  # who waits has a reason now to look at the clock

    @property
    def is_expecting(self) -> bool:
        """Whether the passing of time alone will bring an event."""
        return bool(self._expected)

    def publish_due(self) -> None:
        """Publish everything that is due by now."""
        if not self._expected:
            return
        now = self._clock()
        with self._lock:
            due = []
            while self._expected and self._expected[0][0] <= now:
                due.append(heapq.heappop(self._expected)[2])
        for advance in due:
            advance(now)


_calling: ContextVar[bool] = ContextVar("sandbox_calling", default=False)


@contextmanager
def within_a_call() -> Iterator[None]:
    """Mark changes made inside as the work of an API call, which is recorded by itself."""
    token = _calling.set(True)
    try:
        yield
    finally:
        _calling.reset(token)


def is_within_a_call() -> bool:
    """Return whether an API call is being answered."""
    return _calling.get()
