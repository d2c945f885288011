"""Messages in queues of Amazon SQS: sent, received, hidden, deleted, one by one or by tens."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from discovery.sandbox.aws.errors import AwsError, Modelled
from discovery.sandbox.aws.long_poll import Poll
from discovery.sandbox.aws.queue_attributes import RANGES
from discovery.sandbox.aws.queues import (
    Held,
    NoReceipt,
    NotInFlight,
    Queue,
    TooMuchInFlight,
)
from discovery.sandbox.aws.services.service import Ask, Given
from discovery.sandbox.aws.services.sqs import find, invalid_value, service

MOST_IN_BATCH = 10

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no message may hold."""


@service.operation("SendMessage")
def send(ask: Ask) -> Mapping[str, Any]:
    """The message is in the queue."""
    return _sent(ask, find(ask), ask.given)


@service.operation("SendMessageBatch")
def send_batch(ask: Ask) -> Mapping[str, Any]:
    """Those that could be sent, and those that could not."""
    queue = find(ask)
    return _each(ask, lambda entry: _sent(ask, queue, entry))


def _sent(ask: Ask, queue: Queue, given: Given) -> Mapping[str, Any]:
    body = given.text("MessageBody")
    if given.pairs("MessageAttributes"):
        raise Modelled("UnsupportedOperation", "the sandbox keeps no message attributes")
    if not body:
        raise invalid_value("The request must contain the parameter MessageBody.")
    if _NO_TEXT.search(body):
        raise Modelled("InvalidMessageContents", "Invalid characters found in the message.")
    longest = int(queue.attributes["MaximumMessageSize"])
    if len(body.encode()) > longest:
        raise invalid_value(
            "One or more parameters are invalid. Reason: Message must be shorter than "
            f"{longest} bytes."
        )
    delay = _seconds(given, "DelaySeconds")
    message = queue.send(body, delay=delay, sender=ask.key.user_id)
    return {"MessageId": message.id, "MD5OfMessageBody": _md5(body)}


@service.operation("ReceiveMessage")
def receive(ask: Ask) -> Mapping[str, Any] | Poll:
    """Up to ten messages; with a time to wait, as soon as there is one."""
    queue, given = find(ask), ask.given
    most = given.number("MaxNumberOfMessages", 1)
    if not 1 <= most <= MOST_IN_BATCH:
        raise invalid_value(
            f"Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between "
            "1 and 10, if provided."
        )
    hidden = _seconds(given, "VisibilityTimeout")
    wait = _seconds(given, "WaitTimeSeconds", "ReceiveMessageWaitTimeSeconds")
    names = {*given.texts("AttributeNames"), *given.texts("MessageSystemAttributeNames")}

    def look() -> Mapping[str, Any] | None:
        ask.world.events.settle()
        try:
            received = queue.receive(most, hidden)
        except TooMuchInFlight as error:
            words = "Too many messages in flight; delete some that were received."
            raise Modelled("OverLimit", words) from error
        return {"Messages": [_shown(each, names) for each in received]} if received else None

    found = look()
    if found is not None:
        return found
    wait = queue.seconds("ReceiveMessageWaitTimeSeconds") if wait is None else wait
    return Poll(
        bell=queue.bell,
        patience_s=wait.total_seconds(),
        look=look,
        nothing={},
        hangs_on_clock=lambda: len(queue) > 0 or ask.world.events.is_expecting,
    )


@service.operation("DeleteMessage")
def delete(ask: Ask) -> Mapping[str, Any]:
    """The message is gone."""
    return _deleted(find(ask), ask.given)


@service.operation("DeleteMessageBatch")
def delete_batch(ask: Ask) -> Mapping[str, Any]:
    """Those that are gone, and those that are not."""
    queue = find(ask)
    return _each(ask, lambda entry: _deleted(queue, entry))


def _deleted(queue: Queue, given: Given) -> Mapping[str, Any]:
    try:
        queue.delete(given.text("ReceiptHandle"))
    except NoReceipt as error:
        raise _no_receipt(given) from error
    return {}


@service.operation("ChangeMessageVisibility")
def hide(ask: Ask) -> Mapping[str, Any]:
    """The message may be received again after so long."""
    return _hidden(find(ask), ask.given)


@service.operation("ChangeMessageVisibilityBatch")
def hide_batch(ask: Ask) -> Mapping[str, Any]:
    """Those that are hidden for so long, and those that are not."""
    queue = find(ask)
    return _each(ask, lambda entry: _hidden(queue, entry))


def _hidden(queue: Queue, given: Given) -> Mapping[str, Any]:
    span = _seconds(given, "VisibilityTimeout") or timedelta(0)
    try:
        queue.hide(given.text("ReceiptHandle"), span)
    except NoReceipt as error:
        raise _no_receipt(given) from error
    except NotInFlight as error:
        raise Modelled(
            "MessageNotInflight",
            f"Value {given.text('ReceiptHandle')} for parameter ReceiptHandle is invalid. Reason: "
            "Message does not exist or is not available for visibility timeout change.",
        ) from error
    return {}


def _no_receipt(given: Given) -> Modelled:
    text = given.text("ReceiptHandle")
    return Modelled(
        "ReceiptHandleIsInvalid",
        f'The input receipt handle "{text}" is not a valid receipt handle.',
    )


def _each(ask: Ask, act: Callable[[Given], Mapping[str, Any]]) -> Mapping[str, Any]:
    """A batch: each entry by itself, once it is a batch at all."""
    entries = ask.given.structures("Entries")
    names = [entry.text("Id") for entry in entries]
    _check_batch(names)
    successful, failed = [], []
    for name, entry in zip(names, entries, strict=True):
        try:
            successful.append({"Id": name, **act(entry)})
        except (AwsError, Modelled) as error:
            code = error.code if isinstance(error, AwsError) else error.shape
            code = code.removesuffix("Exception")
            failed.append({"Id": name, "SenderFault": True, "Code": code, "Message": error.message})
    return {"Successful": successful, "Failed": failed}


def _check_batch(names: list[str]) -> None:
    if not names:
        raise Modelled("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(names) > MOST_IN_BATCH:
        raise Modelled(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MOST_IN_BATCH}. You have sent "
            f"{len(names)}.",
        )
    if len(set(names)) < len(names):
        raise Modelled("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
    if not all(_ENTRY_ID.fullmatch(name) for name in names):
        raise Modelled(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long.",
        )


def _seconds(given: Given, member: str, limits: str | None = None) -> timedelta | None:
    """A time in the range of the attribute `limits` (None: of the same name); None: not given."""
    if member not in given:
        return None
    value = given.number(member, 0)
    least, most = RANGES[limits or member]
    if not least <= value <= most:
        raise invalid_value(
            f"Value {value} for parameter {member} is invalid. Reason: Must be >= {least} and "
            f"<= {most}, if provided."
        )
    return timedelta(seconds=value)


def _shown(message: Held, names: set[str]) -> Mapping[str, Any]:
    """A message as it is received, with the attributes that are asked for."""
    known = {
        "SenderId": message.sender,
        "SentTimestamp": _milliseconds(message.sent_at),
        "ApproximateReceiveCount": str(message.received),
        "ApproximateFirstReceiveTimestamp": _milliseconds(message.first_received_at),
        "DeadLetterQueueSourceArn": message.source_arn,
    }
    shown = {k: v for k, v in known.items() if v and (k in names or "All" in names)}
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": _md5(message.body),
        "Body": message.body,
        "Attributes": shown or None,
    }


def _milliseconds(moment: datetime | None) -> str:
    return str(int(moment.timestamp() * 1000)) if moment else ""


def _md5(text: str) -> str:
    """The checksum that the SQS API answers with; it protects nothing."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
