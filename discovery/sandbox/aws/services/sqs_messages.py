"""Operations on messages of Amazon SQS, one by one or in batches."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from discovery.sandbox.aws.errors import AwsError, ModeledError
from discovery.sandbox.aws.long_poll import LongPoll
from discovery.sandbox.aws.queue_attributes import RANGES
from discovery.sandbox.aws.queues import (
    InvalidReceipt,
    NotInFlight,
    Queue,
    QueuedMessage,
    TooManyInFlight,
)
from discovery.sandbox.aws.services.service import ApiCall, Parameters
from discovery.sandbox.aws.services.sqs import find, invalid_value, service

MOST_IN_BATCH = 10

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no message may hold."""


Act = Callable[[ApiCall, Queue, Parameters], Mapping[str, Any]]


def _operation(name: str) -> Callable[[Act], Act]:
    """Register the decorated function as an operation, and as that on a batch."""

    def register(act: Act) -> Act:
        def one(call: ApiCall) -> Mapping[str, Any]:
            return act(call, find(call), call.params)

        def batch(call: ApiCall) -> Mapping[str, Any]:
            queue = find(call)
            return _each(call, lambda entry: act(call, queue, entry))

        service.operation(name)(one)
        service.operation(f"{name}Batch")(batch)
        return act

    return register


@_operation("SendMessage")
def send(call: ApiCall, queue: Queue, params: Parameters) -> Mapping[str, Any]:
    """Put a message into the queue."""
    body = params.text("MessageBody")
    if params.pairs("MessageAttributes"):
        raise ModeledError("UnsupportedOperation", "the sandbox keeps no message attributes")
    if not body:
        raise invalid_value("The request must contain the parameter MessageBody.")
    if _NO_TEXT.search(body):
        raise ModeledError("InvalidMessageContents", "Invalid characters found in the message.")
    longest = int(queue.attributes["MaximumMessageSize"])
    if len(body.encode()) > longest:
        raise invalid_value(
            "One or more parameters are invalid. Reason: Message must be shorter than "
            f"{longest} bytes."
        )
    delay = _seconds(params, "DelaySeconds")
    message = queue.send(body, delay=delay, sender=call.key.user_id)
    return {"MessageId": message.id, "MD5OfMessageBody": _md5(body)}


@service.operation("ReceiveMessage")
def receive(call: ApiCall) -> Mapping[str, Any] | LongPoll:
    """Receive up to ten messages; with a time to wait, as soon as there is one."""
    queue, params = find(call), call.params
    most = params.number("MaxNumberOfMessages", 1)
    if not 1 <= most <= MOST_IN_BATCH:
        raise invalid_value(
            f"Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between "
            "1 and 10, if provided."
        )
    hidden = _seconds(params, "VisibilityTimeout")
    wait = _seconds(params, "WaitTimeSeconds", "ReceiveMessageWaitTimeSeconds")
    names = {*params.texts("AttributeNames"), *params.texts("MessageSystemAttributeNames")}

    def receive() -> Mapping[str, Any] | None:
        call.world.events.publish_due()
        try:
            received = queue.receive(most, hidden)
        except TooManyInFlight as error:
            words = "Too many messages in flight; delete some that were received."
            raise ModeledError("OverLimit", words) from error
        return {"Messages": [_shown(each, names) for each in received]} if received else None

    found = receive()
    if found is not None:
        return found
    wait = queue.seconds("ReceiveMessageWaitTimeSeconds") if wait is None else wait
    return LongPoll(
        notification=queue.arrivals,
        wait_s=wait.total_seconds(),
        receive=receive,
        empty={},
        depends_on_clock=lambda: len(queue) > 0 or call.world.events.is_expecting,
    )


@_operation("DeleteMessage")
def delete(call: ApiCall, queue: Queue, params: Parameters) -> Mapping[str, Any]:
    """Delete a message by its receipt."""
    del call
    try:
        queue.delete(params.text("ReceiptHandle"))
    except InvalidReceipt as error:
        raise _invalid_receipt(params) from error
    return {}


@_operation("ChangeMessageVisibility")
def change_visibility(call: ApiCall, queue: Queue, params: Parameters) -> Mapping[str, Any]:
    """Hide a received message for so long."""
    del call
    span = _seconds(params, "VisibilityTimeout") or timedelta(0)
    try:
        queue.change_visibility(params.text("ReceiptHandle"), span)
    except InvalidReceipt as error:
        raise _invalid_receipt(params) from error
    except NotInFlight as error:
        raise ModeledError(
            "MessageNotInflight",
            f"Value {params.text('ReceiptHandle')} for parameter ReceiptHandle is invalid. Reason: "
            "Message does not exist or is not available for visibility timeout change.",
        ) from error
    return {}


def _invalid_receipt(params: Parameters) -> ModeledError:
    text = params.text("ReceiptHandle")
    return ModeledError(
        "ReceiptHandleIsInvalid",
        f'The input receipt handle "{text}" is not a valid receipt handle.',
    )


def _each(call: ApiCall, act: Callable[[Parameters], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Act on each entry of a batch by itself, once it is a batch at all."""
    entries = call.params.structures("Entries")
    names = [entry.text("Id") for entry in entries]
    _check_batch(names)
    successful, failed = [], []
    for name, entry in zip(names, entries, strict=True):
        try:
            successful.append({"Id": name, **act(entry)})
        except (AwsError, ModeledError) as error:
            code = error.code if isinstance(error, AwsError) else error.shape
            code = code.removesuffix("Exception")
            failed.append({"Id": name, "SenderFault": True, "Code": code, "Message": error.message})
    return {"Successful": successful, "Failed": failed}


def _check_batch(names: list[str]) -> None:
    if not names:
        raise ModeledError(
            "EmptyBatchRequest", "There should be at least one entry in the request."
        )
    if len(names) > MOST_IN_BATCH:
        raise ModeledError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MOST_IN_BATCH}. You have sent "
            f"{len(names)}.",
        )
    if len(set(names)) < len(names):
        raise ModeledError(
            "BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id."
        )
    if not all(_ENTRY_ID.fullmatch(name) for name in names):
        raise ModeledError(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long.",
        )


def _seconds(params: Parameters, member: str, limits: str | None = None) -> timedelta | None:
    """Return a time in the range of the attribute `limits` (None: of the same name), or None."""
    if member not in params:
        return None
    value = params.number(member, 0)
    least, most = RANGES[limits or member]
    if not least <= value <= most:
        raise invalid_value(
            f"Value {value} for parameter {member} is invalid. Reason: Must be >= {least} and "
            f"<= {most}, if provided."
        )
    return timedelta(seconds=value)


def _shown(message: QueuedMessage, names: set[str]) -> Mapping[str, Any]:
    """Return a message as it is received, with the attributes that are asked for."""
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
    """Return the checksum that SQS answers; it protects nothing."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
