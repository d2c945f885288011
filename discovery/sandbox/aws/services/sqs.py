"""Operations on queues of Amazon SQS; those on messages are in `sqs_messages`.

Source: Amazon SQS API reference; aws/README: Change events. Who may use a queue of another
account is said by the queue's policy, which is not evaluated here: nobody may.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from discovery.sandbox.aws.errors import (
    AwsError,
    CommonError,
    CommonErrorKind,
    ModeledError,
    WireError,
)
from discovery.sandbox.aws.queue_attributes import (
    RANGES,
    TEXTS,
    BadAttribute,
    UnknownAttribute,
    parse_queue_url,
)
from discovery.sandbox.aws.queues import Queue
from discovery.sandbox.aws.services.service import ApiCall, Service

service = Service(
    name="sqs",
    signing_name="sqs",
    wire_errors={
        CommonErrorKind.THROTTLED: WireError("RequestThrottled", 403, "Request is throttled."),
        CommonErrorKind.MISSING_MEMBER: WireError(
            "MissingRequiredParameterException", 400, "A required parameter is missing"
        ),
        CommonErrorKind.INVALID_MEMBER: WireError(
            "InvalidParameterValueException", 400, "Invalid value"
        ),
    },
    # Names of attributes are refused in words of the service's own.
    unchecked={
        "CreateQueue": frozenset({"Attributes"}),
        "SetQueueAttributes": frozenset({"Attributes"}),
        "GetQueueAttributes": frozenset({"AttributeNames"}),
        "ReceiveMessage": frozenset({"AttributeNames", "MessageSystemAttributeNames"}),
    },
)

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


@contextmanager
def _checked() -> Iterator[None]:
    """Answer what is wrong with an attribute as AWS does."""
    try:
        yield
    except UnknownAttribute as error:
        raise ModeledError("InvalidAttributeName", str(error)) from error
    except BadAttribute as error:
        raise ModeledError("InvalidAttributeValue", str(error)) from error


def invalid_value(message: str) -> AwsError:
    """Return the error InvalidParameterValue, which is in no model."""
    return AwsError("InvalidParameterValueException", message)


def no_queue() -> ModeledError:
    """Return the error QueueDoesNotExist."""
    return ModeledError("QueueDoesNotExist", "The specified queue does not exist.")


def find(call: ApiCall) -> Queue:
    """Return the queue that the request's URL names, with all that is due by now.

    The URL's host matters only where it names a region.

    Raises QueueDoesNotExist, InvalidAddress; AccessDenied for another account's queue.
    """
    url = call.params.text("QueueUrl")
    host, account_id, name = parse_queue_url(url)
    if host.startswith("sqs.") and host.split(".")[1] != call.region.place.name:
        raise ModeledError("InvalidAddress", f"The address {url} is not valid for this endpoint.")
    if account_id not in ("", call.account.id):
        action = f"sqs:{call.operation.removesuffix('Batch').lower()}"
        raise CommonError(
            CommonErrorKind.DENIED,
            f"User: {call.key.principal_arn} is not authorized to perform: {action} on resource: "
            f"{url} because no resource-based policy allows the {action} action",
        )
    queue = call.region.queues.get(name)
    if queue is None:
        raise no_queue()
    call.world.events.publish_due()
    return queue


def url_of(call: ApiCall, queue: Queue) -> str:
    """Return the URL by which the caller reaches the queue."""
    return f"{call.origin}/{call.account.id}/{queue.name}"


@service.operation("CreateQueue")
def create(call: ApiCall) -> Mapping[str, Any]:
    """Create a queue, or answer one that exists with the same attributes."""
    name, attributes = call.params.text("QueueName"), call.params.pairs("Attributes")
    if name.endswith(".fifo") or attributes.get("FifoQueue"):
        raise ModeledError("UnsupportedOperation", "the sandbox has no FIFO queues")
    if not NAME.fullmatch(name):
        raise invalid_value(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    queue = call.region.queues.get(name)
    if queue is None:
        with _checked():
            queue = call.region.add_queue(name, attributes)
        queue.tags.update(call.params.pairs("tags"))
        return {"QueueUrl": url_of(call, queue)}
    for key, value in attributes.items():
        if queue.attributes.get(key) != value:
            raise ModeledError(
                "QueueNameExists",
                "A queue already exists with the same name and a different value for attribute "
                f"{key}",
            )
    return {"QueueUrl": url_of(call, queue)}


@service.operation("GetQueueUrl")
def get_url(call: ApiCall) -> Mapping[str, Any]:
    """Answer the URL of a queue by its name."""
    owner = call.params.text("QueueOwnerAWSAccountId", call.account.id)
    queue = call.region.queues.get(call.params.text("QueueName"))
    if queue is None or owner != call.account.id:
        raise no_queue()
    return {"QueueUrl": url_of(call, queue)}


@service.operation("ListQueues")
def list_queues(call: ApiCall) -> Mapping[str, Any]:
    """List the URLs of the queues with this prefix, on one page."""
    prefix = call.params.text("QueueNamePrefix")
    found = [queue for name, queue in sorted(call.region.queues.items()) if name.startswith(prefix)]
    return {"QueueUrls": [url_of(call, queue) for queue in found] or None}


@service.operation("DeleteQueue")
def delete(call: ApiCall) -> Mapping[str, Any]:
    """Delete a queue with all its messages."""
    del call.region.queues[find(call).name]
    return {}


@service.operation("PurgeQueue")
def purge(call: ApiCall) -> Mapping[str, Any]:
    """Delete all messages of a queue."""
    find(call).purge()
    return {}


@service.operation("SetQueueAttributes")
def set_attributes(call: ApiCall) -> Mapping[str, Any]:
    """Set attributes of a queue."""
    with _checked():
        find(call).set_attributes(call.params.pairs("Attributes"))
    return {}


@service.operation("GetQueueAttributes")
def get_attributes(call: ApiCall) -> Mapping[str, Any]:
    """Answer the attributes that are asked for by name; none when none is."""
    queue = find(call)
    waiting, in_flight, delayed = queue.counts
    known = {
        **queue.attributes,
        "QueueArn": queue.arn,
        "CreatedTimestamp": str(int(queue.created_at.timestamp())),
        "LastModifiedTimestamp": str(int(queue.created_at.timestamp())),
        "ApproximateNumberOfMessages": str(waiting),
        "ApproximateNumberOfMessagesNotVisible": str(in_flight),
        "ApproximateNumberOfMessagesDelayed": str(delayed),
    }
    requested = call.params.texts("AttributeNames")
    for name in requested:
        if name not in {"All", *known, *RANGES, *TEXTS}:
            raise ModeledError("InvalidAttributeName", f"Unknown Attribute {name}.")
    return {
        "Attributes": {k: v for k, v in known.items() if k in requested or "All" in requested}
        or None
    }
