"""The queues of messages that wait to be sent, one for each sink, so that none holds up another.

Nothing here delays or ends a sweep: what a queue has no room for is dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final

import structlog

from discovery.config.notify import NotifyKind, NotifySink
from discovery.notify.messages import Message
from discovery.notify.sender import NotSent, Sender

log = structlog.get_logger()

QUEUE_LIMIT: Final = 100
"""Messages that may wait for one sink."""
FLUSH_S: Final = 3.0
"""How long waiting messages are still sent once the service stops, or the sink is configured no
more."""


class Outcome(StrEnum):
    """What became of a message."""

    SENT = "sent"
    FAILED = "failed"
    """The sink did not take it, after all attempts."""
    DROPPED = "dropped"
    """There was no room in the queue, or the service stopped first."""


OnOutcome = Callable[[int, Outcome, int], None]
"""Called with the number of a sink, an outcome, and how many messages had it; 0 of a new sink."""


class Sinks:
    """All sinks of the configuration, numbered from 1."""

    def __init__(
        self, on_outcome: OnOutcome, make_sender: Callable[[NotifySink], Sender] = Sender
    ) -> None:
        self._on_outcome = on_outcome
        self._make_sender = make_sender
        self._queues: list[_SinkQueue] = []
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def kinds(self) -> frozenset[NotifyKind]:
        """What anybody wants to be told."""
        return frozenset(kind for queue in self._queues for kind in queue.sink.on)

    def use(self, sinks: Sequence[NotifySink]) -> None:
        """Send to these from now on; one that is as it was keeps its queue."""
        before = {queue.number: queue for queue in self._queues}
        self._queues = []
        for number, sink in enumerate(sinks, start=1):
            kept = before.get(number)
            if kept is not None and kept.sink == sink:
                self._queues.append(before.pop(number))
            else:
                self._queues.append(self._open(number, sink))
        for queue in before.values():
            closing = asyncio.create_task(queue.close(FLUSH_S), name=f"notify {queue.number} ends")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def enqueue(self, messages: Iterable[Message]) -> None:
        """Hand messages over to the sinks that want them. Returns at once."""
        for message in messages:
            for queue in self._queues:
                if message.kind in queue.sink.on:
                    queue.put(message)

    async def close(self, flush_s: float = FLUSH_S) -> None:
        """Send what waits for at most so long, and drop the rest."""
        closing = [queue.close(flush_s) for queue in self._queues]
        self._queues = []
        await asyncio.gather(*closing, *self._closing)

    def _open(self, number: int, sink: NotifySink) -> _SinkQueue:
        for outcome in Outcome:
            self._on_outcome(number, outcome, 0)
        return _SinkQueue(number, self._make_sender(sink), self._on_outcome)


class _SinkQueue:
    """The messages that wait for one sink, and the task that sends them."""

    def __init__(self, number: int, sender: Sender, on_outcome: OnOutcome) -> None:
        self.number = number
        self.sink = sender.sink
        self._sender = sender
        self._on_outcome = on_outcome
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(QUEUE_LIMIT)
        self._is_full = False
        self._is_failing = False
        self._is_sending = False
        self._log = log.bind(sink=number, webhook=sender.sink.webhook)
        self._sending = asyncio.create_task(self._send_all(), name=f"notify {number}")

    def put(self, message: Message) -> None:
        """Let a message wait, or drop it when too many do."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self._on_outcome(self.number, Outcome.DROPPED, 1)
            if not self._is_full:
                self._log.warning(
                    "notify.queue_full",
                    waiting=QUEUE_LIMIT,
                    next="messages to it are dropped until it takes some; sweeps go on",
                )
            self._is_full = True

    async def close(self, flush_s: float) -> None:
        """Send what waits for at most so long; drop the rest."""
        try:
            async with asyncio.timeout(flush_s):
                await self._waiting.join()
        except TimeoutError:
            pass
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        left = self._waiting.qsize() + self._is_sending
        if left:
            self._on_outcome(self.number, Outcome.DROPPED, left)
            self._log.warning("notify.not_sent", count=left, why="there was no time left")

    async def _send_all(self) -> None:
        while True:
            message = await self._waiting.get()
            self._is_full, self._is_sending = False, True
            await self._send(message)
            self._is_sending = False
            self._waiting.task_done()

    async def _send(self, message: Message) -> None:
        try:
            await self._sender.send(message)
        except NotSent as error:
            self._fail(message, str(error))
        except Exception as error:  # its message could hold the URL
            self._fail(message, f"a defect of cachemuster ({type(error).__name__})")
        else:
            self._on_outcome(self.number, Outcome.SENT, 1)
            if self._is_failing:
                self._log.info("notify.sent_again")
            self._is_failing = False

    def _fail(self, message: Message, why: str) -> None:
        self._on_outcome(self.number, Outcome.FAILED, 1)
        self._is_failing = True
        self._log.warning(
            "notify.failed",
            kind=message.kind,
            sweep_id=message.sweep_id,
            why=why,
            next="the message is lost; sweeps go on, and the next one is tried anew",
        )
