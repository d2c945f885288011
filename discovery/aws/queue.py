"""The SQS queue of change events. A message stays there until it is deleted.

Source: aws/README: Change events; Amazon SQS API reference for limits: ten messages a call,
20 s of waiting, 12 h of visibility timeout.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from discovery.aws.cloud import Cloud
from discovery.aws.session import Answer, Session
from discovery.config.service import queue_region
from discovery.model.values import Region

RECEIVE: Final = "sqs:ReceiveMessage"
DELETE: Final = "sqs:DeleteMessage"
POSTPONE: Final = "sqs:ChangeMessageVisibility"
ATTRIBUTES: Final = "sqs:GetQueueAttributes"

WAIT: Final = timedelta(seconds=20)
"""How long SQS waits for a first message; the most that it allows."""
LONGEST_POSTPONEMENT: Final = timedelta(hours=12)
_BATCH: Final = 10


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was received this time."""

    message_id: str
    """The same each time that it is received. Empty when SQS gave none."""
    receipt: str
    """What deletes or postpones it. Another one each time that it is received."""
    body: str
    received_count: int
    """How often it was received, this time included; at least 1. About right: SQS counts so."""


class Queue:
    """One queue, read with one identity."""

    def __init__(self, session: Session, queue_url: str) -> None:
        """`session` has to be at work in the queue's region."""
        self._session = session
        self._url = queue_url

    async def receive(self) -> tuple[Message, ...]:
        """Receive up to ten messages; none when none arrived within `WAIT`.

        They are hidden from other receivers for the queue's visibility timeout. Cancelled, it
        closes its connection; a message that was on its way then is seen again after that time.

        Raises: AwsCallFailed.
        """
        answer = await self._call(
            RECEIVE,
            MaxNumberOfMessages=_BATCH,
            WaitTimeSeconds=int(WAIT.total_seconds()),
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        found = (_message(entry) for entry in answer.get("Messages") or ())
        return tuple(message for message in found if message is not None)

    async def peek(self) -> None:
        """Check that the queue may be received from.

        A message that is there was received once more, and is left for others to receive.

        Raises: AwsCallFailed.
        """
        await self._call(RECEIVE, MaxNumberOfMessages=1, VisibilityTimeout=0, WaitTimeSeconds=0)

    async def delete(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """Delete the messages; return those that SQS did not delete.

        Those are received again; to delete a message twice does no harm.

        Raises: AwsCallFailed; then earlier tens may be gone already.
        """
        kept: list[Message] = []
        for batch in _batches(messages):
            entries = [
                {"Id": str(n), "ReceiptHandle": message.receipt} for n, message in enumerate(batch)
            ]
            answer = await self._call(DELETE, Entries=entries)
            gone = {entry.get("Id") for entry in answer.get("Successful") or ()}
            kept += [message for n, message in enumerate(batch) if str(n) not in gone]
        return tuple(kept)

    async def postpone(self, messages: Iterable[Message], span: timedelta) -> None:
        """Hide the messages for `span` from now, 12 h at most.

        One that SQS takes for received or deleted meanwhile is left as it is.

        Raises: AwsCallFailed; then earlier tens may be postponed already.
        """
        seconds = int(min(max(span, timedelta(0)), LONGEST_POSTPONEMENT).total_seconds())
        for batch in _batches(messages):
            entries = [
                {"Id": str(n), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds}
                for n, message in enumerate(batch)
            ]
            await self._call(POSTPONE, Entries=entries)

    async def attributes(self) -> Mapping[str, str]:
        """Read how the queue is set up, by SQS's names. Raises: AwsCallFailed."""
        answer = await self._call(ATTRIBUTES, AttributeNames=["All"])
        return dict(answer.get("Attributes") or {})

    async def _call(self, action: str, **parameters: Any) -> Answer:
        return await self._session.call(action, QueueUrl=self._url, **parameters)


def open_queue(cloud: Cloud, queue_url: str) -> Queue:
    """Open the queue with the agent's own credentials, in the region that its URL names.

    The URL of an endpoint of one's own names none; then it is the region where the agent asks
    first.

    Raises: ValueError when it names none and SQS is AWS's own.
    """
    named = queue_region(queue_url)
    if named is None and "sqs" not in cloud.endpoints:
        raise ValueError(
            f"{queue_url} names no region, and no AWS_ENDPOINT_URL says that it is an endpoint of "
            "your own: write the URL that AWS gives, such as "
            "https://sqs.eu-west-1.amazonaws.com/111122223333/cachemuster"
        )
    return Queue(
        cloud.accounts.own_session(Region(named) if named else cloud.home_region), queue_url
    )


def _message(entry: Mapping[str, Any]) -> Message | None:
    """None for one that could never be deleted."""
    receipt = entry.get("ReceiptHandle")
    if not receipt:
        return None
    count = str((entry.get("Attributes") or {}).get("ApproximateReceiveCount", ""))
    is_count = count.isascii() and count.isdecimal() and len(count) < 10
    return Message(
        message_id=str(entry.get("MessageId") or ""),
        receipt=str(receipt),
        body=str(entry.get("Body") or ""),
        received_count=max(int(count), 1) if is_count else 1,
    )


def _batches(messages: Iterable[Message]) -> Iterator[Sequence[Message]]:
    left = iter(messages)
    while batch := tuple(islice(left, _BATCH)):
        yield batch
