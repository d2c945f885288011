"""Amazon SQS, the queues themselves; what is in them stands in `sqs_messages`.

Source: Amazon SQS API reference; aws/README: Change events. Who may use a queue of another
account is said by the queue's policy, which is not judged here: nobody may.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from discovery.sandbox.aws.errors import AwsError, Modelled, Refusal, Refused, Spelling
from discovery.sandbox.aws.queue_attributes import (
    RANGES,
    TEXTS,
    BadAttribute,
    UnknownAttribute,
    place_of,
)
from discovery.sandbox.aws.queues import Queue
from discovery.sandbox.aws.services.service import Ask, Service

service = Service(
    name="sqs",
    signing_name="sqs",
    spellings={
        Refusal.THROTTLED: Spelling("RequestThrottled", 403, "Request is throttled."),
        Refusal.MISSING_MEMBER: Spelling(
            "MissingRequiredParameterException", 400, "A required parameter is missing"
        ),
        Refusal.INVALID_MEMBER: Spelling("InvalidParameterValueException", 400, "Invalid value"),
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
    """What is wrong with an attribute is answered as AWS does."""
    try:
        yield
    except UnknownAttribute as error:
        raise Modelled("InvalidAttributeName", str(error)) from error
    except BadAttribute as error:
        raise Modelled("InvalidAttributeValue", str(error)) from error


def invalid_value(message: str) -> AwsError:
    """InvalidParameterValue, which is in no model."""
    return AwsError("InvalidParameterValueException", message)


def no_queue() -> Modelled:
    """QueueDoesNotExist."""
    return Modelled("QueueDoesNotExist", "The specified queue does not exist.")


def find(ask: Ask) -> Queue:
    """The queue that the request's URL names, with all that is to be told by now.

    The URL's host matters only where it names a region.

    Raises: QueueDoesNotExist, InvalidAddress; AccessDenied for another account's queue.
    """
    url = ask.given.text("QueueUrl")
    host, account_id, name = place_of(url)
    if host.startswith("sqs.") and host.split(".")[1] != ask.region.place.name:
        raise Modelled("InvalidAddress", f"The address {url} is not valid for this endpoint.")
    if account_id not in ("", ask.account.id):
        action = f"sqs:{ask.operation.removesuffix('Batch').lower()}"
        raise Refused(
            Refusal.DENIED,
            f"User: {ask.key.principal_arn} is not authorized to perform: {action} on resource: "
            f"{url} because no resource-based policy allows the {action} action",
        )
    queue = ask.region.queues.get(name)
    if queue is None:
        raise no_queue()
    ask.world.events.settle()
    return queue


def url_of(ask: Ask, queue: Queue) -> str:
    """Where the caller reaches the queue."""
    return f"{ask.origin}/{ask.account.id}/{queue.name}"


@service.operation("CreateQueue")
def create(ask: Ask) -> Mapping[str, Any]:
    """The URL of a new queue, or of one that is there with the same attributes."""
    name, attributes = ask.given.text("QueueName"), ask.given.pairs("Attributes")
    if name.endswith(".fifo") or attributes.get("FifoQueue"):
        raise Modelled("UnsupportedOperation", "the sandbox has no FIFO queues")
    if not NAME.fullmatch(name):
        raise invalid_value(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    queue = ask.region.queues.get(name)
    if queue is None:
        with _checked():
            queue = ask.region.add_queue(name, attributes)
        queue.tags.update(ask.given.pairs("tags"))
        return {"QueueUrl": url_of(ask, queue)}
    for key, value in attributes.items():
        if queue.attributes.get(key) != value:
            raise Modelled(
                "QueueNameExists",
                "A queue already exists with the same name and a different value for attribute "
                f"{key}",
            )
    return {"QueueUrl": url_of(ask, queue)}


@service.operation("GetQueueUrl")
def get_url(ask: Ask) -> Mapping[str, Any]:
    """The URL of a queue by its name."""
    owner = ask.given.text("QueueOwnerAWSAccountId", ask.account.id)
    queue = ask.region.queues.get(ask.given.text("QueueName"))
    if queue is None or owner != ask.account.id:
        raise no_queue()
    return {"QueueUrl": url_of(ask, queue)}


@service.operation("ListQueues")
def list_queues(ask: Ask) -> Mapping[str, Any]:
    """The URLs of the queues whose names begin so, on one page."""
    prefix = ask.given.text("QueueNamePrefix")
    found = [queue for name, queue in sorted(ask.region.queues.items()) if name.startswith(prefix)]
    return {"QueueUrls": [url_of(ask, queue) for queue in found] or None}


@service.operation("DeleteQueue")
def delete(ask: Ask) -> Mapping[str, Any]:
    """The queue is gone, and all that was in it."""
    del ask.region.queues[find(ask).name]
    return {}


@service.operation("PurgeQueue")
def purge(ask: Ask) -> Mapping[str, Any]:
    """Nothing is in the queue."""
    find(ask).purge()
    return {}


@service.operation("SetQueueAttributes")
def set_attributes(ask: Ask) -> Mapping[str, Any]:
    """The queue has these attributes too."""
    with _checked():
        find(ask).set_attributes(ask.given.pairs("Attributes"))
    return {}


@service.operation("GetQueueAttributes")
def get_attributes(ask: Ask) -> Mapping[str, Any]:
    """The attributes that are asked for by name; none when none is."""
    queue = find(ask)
    waiting, flying, delayed = queue.counts
    known = {
        **queue.attributes,
        "QueueArn": queue.arn,
        "CreatedTimestamp": str(int(queue.created_at.timestamp())),
        "LastModifiedTimestamp": str(int(queue.created_at.timestamp())),
        "ApproximateNumberOfMessages": str(waiting),
        "ApproximateNumberOfMessagesNotVisible": str(flying),
        "ApproximateNumberOfMessagesDelayed": str(delayed),
    }
    asked = ask.given.texts("AttributeNames")
    for name in asked:
        if name not in {"All", *known, *RANGES, *TEXTS}:
            raise Modelled("InvalidAttributeName", f"Unknown Attribute {name}.")
    return {"Attributes": {k: v for k, v in known.items() if k in asked or "All" in asked} or None}
