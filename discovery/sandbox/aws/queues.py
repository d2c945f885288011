"""Queues of SQS: messages waiting, in flight, delayed, or in a dead-letter queue.

Source: Amazon SQS developer guide (visibility timeout, dead-letter queues, quotas) and API
reference. Left out: FIFO queues, message attributes, the policies of queues, and the sixty seconds
that AWS wants between two purges.
"""

import heapq
import itertools
import re
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from discovery.sandbox.aws.long_poll import Notification
from discovery.sandbox.aws.queue_attributes import DEFAULTS, check_attribute, read_redrive
from discovery.sandbox.aws.values import NO_TAGS
from discovery.sandbox.clock import Clock

MOST_IN_FLIGHT = 120_000
"""Messages of one queue that were received and not deleted."""

_RECEIPT = re.compile(r"[0-9a-f-]{36}\.[A-Za-z0-9_-]{16}")


class InvalidReceipt(ValueError):
    """A text that is no receipt handle."""


class NotInFlight(ValueError):
    """A message that nobody has received just now."""


class TooManyInFlight(Exception):
    """More messages than `MOST_IN_FLIGHT` would be received and not deleted."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """One message in a queue."""

    id: str
    body: str
    sent_at: datetime
    visible_at: datetime
    sender: str
    received: int = 0
    first_received_at: datetime | None = None
    receipt: str = ""
    """Receipt of the latest receive; earlier ones have no effect."""
    source_arn: str = ""
    """Of a dead letter: the queue that it comes from."""


class Queue:
    """One standard queue. Safe to use from several threads."""

    def __init__(
        self,
        name: str,
        arn: str,
        clock: Clock,
        find: "Callable[[str], Queue | None]" = lambda _: None,
        attributes: Mapping[str, str] = NO_TAGS,
    ) -> None:
        """Make an empty queue. Raises BadAttribute.

        `find` returns the queue of an ARN, for dead letters.
        """
        self.name = name
        self.arn = arn
        self.arrivals = Notification()
        self.most_in_flight = MOST_IN_FLIGHT
        self.created_at = clock()
        self.attributes: dict[str, str] = dict(DEFAULTS)
        self.tags: dict[str, str] = {}
        self._clock = clock
        self._find = find
        self._lock = threading.Lock()
        self._messages: dict[str, QueuedMessage] = {}
        self._queue: list[tuple[datetime, int, str]] = []
        """When each message may be received; entries of deleted and moved ones are stale."""
        self._numbers = itertools.count()
        self.set_attributes(attributes)

    # -- how it is set up ------------------------------------------------------------------------

    def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Set these attributes; an empty text removes one.

        Raises BadAttribute, and then nothing has changed.
        """
        for name, value in attributes.items():
            check_attribute(name, value)
        merged = {**self.attributes, **attributes}
        self.attributes = {name: value for name, value in merged.items() if value != ""}

    def seconds(self, attribute: str) -> timedelta:
        """Return the value of an attribute that is a time."""
        return timedelta(seconds=int(self.attributes[attribute]))

    @property
    def redrive(self) -> tuple[str, int] | None:
        """ARN of the dead-letter queue, and the receives before a message goes there."""
        policy = self.attributes.get("RedrivePolicy")
        return read_redrive(policy) if policy else None

    # -- sending ---------------------------------------------------------------------------------

    def send(
        self,
        body: str,
        *,
        delay: timedelta | None = None,
        ahead: timedelta = timedelta(0),
        sender: str = "AIDAEXAMPLE",
    ) -> QueuedMessage:
        """Add a message, to be received after `delay` (None: the queue's own).

        `ahead`: it is received before messages that came up to so much earlier.
        """
        now = self._clock()
        late = self.seconds("DelaySeconds") if delay is None else delay
        visible_at = now + late - ahead
        message = QueuedMessage(str(uuid.uuid4()), body, now, visible_at, sender)
        self.enqueue(message)
        return message

    def enqueue(self, message: QueuedMessage) -> None:
        """Add the message, and wake who waits for one."""
        with self._lock:
            self._put(message)
        self.arrivals.notify()

    def _put(self, message: QueuedMessage) -> None:
        self._messages[message.id] = message
        heapq.heappush(self._queue, (message.visible_at, next(self._numbers), message.id))

    # -- receiving -------------------------------------------------------------------------------

    def receive(self, most: int, hidden_for: timedelta | None = None) -> tuple[QueuedMessage, ...]:
        """Return up to `most` messages, hidden for so long (None: the queue's own timeout).

        Those that were received too often go to the dead-letter queue. Raises TooManyInFlight.
        """
        now = self._clock()
        hidden = self.seconds("VisibilityTimeout") if hidden_for is None else hidden_for
        given: list[QueuedMessage] = []
        dead: list[QueuedMessage] = []
        with self._lock:
            most_in_flight = self.most_in_flight
            if len(self._messages) >= most_in_flight and self._in_flight(now) >= most_in_flight:
                raise TooManyInFlight
            while len(given) < most and (message := self._next(now)) is not None:
                if self._is_dead(message):
                    del self._messages[message.id]
                    dead.append(message)
                else:
                    given.append(self._received_copy(message, now, hidden))
            for message in given:
                self._put(message)
        for message in dead:
            self._dead_letter(message)
        return tuple(given)

    def _next(self, now: datetime) -> QueuedMessage | None:
        """Take the next message out of the line; drop those past their retention."""
        kept = self.seconds("MessageRetentionPeriod")
        while self._queue and self._queue[0][0] <= now:
            visible_at, _, message_id = heapq.heappop(self._queue)
            message = self._messages.get(message_id)
            if message is None or message.visible_at != visible_at:
                continue
            if message.sent_at + kept > now:
                return message
            del self._messages[message_id]
        return None

    def _received_copy(
        self, message: QueuedMessage, now: datetime, hidden: timedelta
    ) -> QueuedMessage:
        return replace(
            message,
            visible_at=now + hidden,
            received=message.received + 1,
            first_received_at=message.first_received_at or now,
            receipt=f"{message.id}.{secrets.token_urlsafe(12)}",
        )

    def _is_dead(self, message: QueuedMessage) -> bool:
        redrive = self.redrive
        if redrive is None or message.received < redrive[1]:
            return False
        return self._find(redrive[0]) is not None

    def _dead_letter(self, message: QueuedMessage) -> None:
        redrive = self.redrive
        target = self._find(redrive[0]) if redrive else None
        if target is not None:
            letter = replace(message, received=0, first_received_at=None, receipt="")
            target.enqueue(replace(letter, visible_at=self._clock(), source_arn=self.arn))

    # -- afterwards ------------------------------------------------------------------------------

    def delete(self, receipt: str) -> None:
        """Delete the message if this is its latest receipt; another one has no effect.

        Raises InvalidReceipt.
        """
        with self._lock:
            message = self._received(receipt)
            if message is not None and message.receipt == receipt:
                del self._messages[message.id]

    def change_visibility(self, receipt: str, span: timedelta) -> None:
        """Hide the message for `span` from now. Raises InvalidReceipt or NotInFlight."""
        now = self._clock()
        with self._lock:
            message = self._received(receipt)
            if message is None or message.receipt != receipt or message.visible_at <= now:
                raise NotInFlight
            self._put(replace(message, visible_at=now + span))
        self.arrivals.notify()

    def _received(self, receipt: str) -> QueuedMessage | None:
        if not _RECEIPT.fullmatch(receipt):
            raise InvalidReceipt
        return self._messages.get(receipt.partition(".")[0])

    def purge(self) -> None:
        """Delete every message."""
        with self._lock:
            self._messages.clear()
            self._queue.clear()

    # -- looking ---------------------------------------------------------------------------------

    @property
    def bodies(self) -> tuple[str, ...]:
        """The bodies of all messages, in the order in which they may be received."""
        with self._lock:
            messages = sorted(self._messages.values(), key=lambda each: each.visible_at)
        return tuple(each.body for each in messages)

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many messages wait, are in flight, and are delayed."""
        now = self._clock()
        with self._lock:
            total = len(self._messages)
            in_flight = self._in_flight(now)
            hidden = sum(1 for each in self._messages.values() if each.visible_at > now)
        return total - hidden, in_flight, hidden - in_flight

    def __len__(self) -> int:
        return len(self._messages)

    def _in_flight(self, now: datetime) -> int:
        return sum(1 for each in self._messages.values() if each.received and each.visible_at > now)
