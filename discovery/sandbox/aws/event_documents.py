"""Change events as EventBridge delivers them, bare or in SNS's envelope.

Source: aws/README: Change events.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from discovery.sandbox.aws.partitions import Place
from discovery.sandbox.aws.values import Cache

Event = Mapping[str, Any]

_SECRETS = frozenset({"Passwords", "AuthToken"})
_REDACTED = "HIDDEN_DUE_TO_SECURITY_REASONS"


def service_event(place: Place, detail_type: str, message: str, cache: Cache) -> Event:
    """Return an event of ElastiCache itself about one cache, such as `Cache Created`."""
    failed = detail_type.endswith("Failed")
    detail = {
        "EventCategories": ["failure" if failed else "configuration change"],
        "EventID": f"SERVERLESS-CACHE-{detail_type.upper().replace(' ', '-')}",
        "Message": message,
        "SourceArn": cache.arn,
        "SourceIdentifier": cache.name,
        "SourceType": "serverless-cache",
    }
    return _envelope(place, "aws.elasticache", detail_type, [cache.arn], detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An API call, as CloudTrail records it."""

    service: str
    """As event sources begin: `elasticache`, `tagging`."""
    operation: str
    caller_arn: str
    parameters: Mapping[str, Any] | None = None
    """As the API spells them in CloudTrail: `serverlessCacheName`. None: it was refused before
    they were read."""
    response: Mapping[str, Any] | None = None
    error: tuple[str, str] | None = None
    """Code and message of a call that failed."""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def reads_only(self) -> bool:
        """Whether the call changes nothing."""
        return reads_only(self.operation)


def reads_only(operation: str) -> bool:
    """Return whether a call of the operation changes nothing."""
    return operation.startswith(("Describe", "List", "Get"))


def cloudtrail_event(place: Place, call: Call) -> Event:
    """Return CloudTrail's event of a call, whether it failed or not."""
    detail: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole" if ":assumed-role/" in call.caller_arn else "IAMUser",
            "arn": call.caller_arn,
            "accountId": place.account_id,
        },
        "eventTime": _time(place.clock()),
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": call.operation,
        "awsRegion": place.name,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "cachemuster sandbox",
        "requestParameters": call.parameters,
        "responseElements": None if call.error else call.response,
        "requestID": call.request_id,
        "eventID": str(uuid.uuid4()),
        "readOnly": call.reads_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": place.account_id,
        "eventCategory": "Management",
    }
    if call.error is not None:
        detail["errorCode"], detail["errorMessage"] = call.error
    detail_type = "AWS API Call via CloudTrail"
    return _envelope(place, f"aws.{call.service}", detail_type, [], detail)


def wrap_in_sns(text: str, place: Place, topic: str) -> str:
    """Return the envelope in which SNS delivers an event when raw delivery is off."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": place.arn("sns", topic),
            "Message": text,
            "Timestamp": _time(place.clock()),
            "SignatureVersion": "1",
            "Signature": "RVhBTVBMRQ==",
            "SigningCertURL": f"https://sns.{place.name}.amazonaws.com/SimpleNotificationService.pem",
            "UnsubscribeURL": f"https://sns.{place.name}.amazonaws.com/?Action=Unsubscribe",
        }
    )


def to_cloudtrail(shape: Shape | None, value: Any) -> Any:
    """Spell members as CloudTrail does: first letter in lower case, no passwords.

    Keys of maps stay as they are.
    """
    if isinstance(shape, StructureShape):
        return {
            name[:1].lower() + name[1:]: (
                _REDACTED if name in _SECRETS else to_cloudtrail(shape.members[name], each)
            )
            for name, each in value.items()
            if name in shape.members and each is not None
        }
    if isinstance(shape, ListShape):
        return [to_cloudtrail(shape.member, each) for each in value]
    if isinstance(shape, MapShape):
        return {str(key): to_cloudtrail(shape.value, each) for key, each in value.items()}
    return _time(value) if isinstance(value, datetime) else value


def _envelope(
    place: Place, source: str, detail_type: str, resources: list[str], detail: Mapping[str, Any]
) -> Event:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": place.account_id,
        "time": _time(place.clock()),
        "region": place.name,
        "resources": resources,
        "detail": detail,
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
