"""How a queue of SQS is named, and the attributes it may have.

Source: Amazon SQS API reference, SetQueueAttributes.
"""

import json
import re
from collections.abc import Mapping

DEFAULTS: Mapping[str, str] = {
    "VisibilityTimeout": "30",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "MessageRetentionPeriod": "345600",
    "MaximumMessageSize": "262144",
    "SqsManagedSseEnabled": "true",
}
"""Attributes that every queue has; in seconds and bytes."""

RANGES: Mapping[str, tuple[int, int]] = {
    "VisibilityTimeout": (0, 43_200),
    "DelaySeconds": (0, 900),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "MessageRetentionPeriod": (60, 1_209_600),
    "MaximumMessageSize": (1024, 1_048_576),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
TEXTS = frozenset({"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"})
"""Attributes that may be set beside those."""

_URL = re.compile(r"https?://(?P<host>[^/]*)/(?P<account>[0-9]{12})/(?P<name>[^/]+)\Z")


def parse_queue_url(queue_url: str) -> tuple[str, str, str]:
    """Return host, account and name in a queue's URL; empty texts where it has none."""
    found = _URL.match(queue_url)
    return (found["host"], found["account"], found["name"]) if found else ("", "", "")


class BadAttribute(ValueError):
    """A value that an attribute cannot have."""


class UnknownAttribute(BadAttribute):
    """An attribute that no queue has."""


def check_attribute(name: str, value: str) -> None:
    """Raise BadAttribute when the attribute cannot have this value."""
    if name in RANGES:
        least, most = RANGES[name]
        if not re.fullmatch("[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise BadAttribute(f"Invalid value for the parameter {name}.")
    elif name == "RedrivePolicy" and value:
        read_redrive(value)
    elif name not in (*TEXTS, "SqsManagedSseEnabled"):
        raise UnknownAttribute(f"Unknown Attribute {name}.")


def read_redrive(policy: str) -> tuple[str, int]:
    """Return the ARN of the dead-letter queue, and the receives before a message goes there.

    Raises BadAttribute.
    """
    try:
        read = json.loads(policy)
        arn, most = str(read["deadLetterTargetArn"]), int(read["maxReceiveCount"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadAttribute(
            f"Value {policy} for parameter RedrivePolicy is invalid. Reason: Redrive policy is "
            "not a valid JSON map."
        ) from error
    if not 1 <= most <= 1000:
        raise BadAttribute(
            f"Value {policy} for parameter RedrivePolicy is invalid. Reason: Invalid value for "
            f"maxReceiveCount: {most}, valid values are from 1 to 1000 both inclusive."
        )
    return arn, most
