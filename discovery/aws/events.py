"""Parse change events: which scope a message of the queue asks to read again.

Every spelling of aws/README: Change events is understood: the service's own events and those
of CloudTrail, each as EventBridge puts it into a queue, or inside an envelope of SNS. Reading one
is pure; the queue is `discovery.aws.queue`.

A message only ever says where to look again; what is there is read from AWS. Whom to believe about
the place: EventBridge itself writes `account` and `region` of the envelope, and nobody but an AWS
service can send from a source `aws.…`; an account that forwards its events cannot write another's
id. What stands inside (`recipientAccountId`, `awsRegion`, ARNs) has to agree with that. So an
account can make the agent look at that account, and at no other. Somebody else whom the queue's
policy lets send could name any account, and bring about a scan of it, which removes nothing that
exists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NoReturn, Self

from discovery.config.fields import REGION
from discovery.config.partitions import partition_of_region
from discovery.model.ownership import CacheArn, parse_cache_arn
from discovery.model.values import AccountId, Arn, Region, Scope


class Subject(StrEnum):
    """What changed."""

    CACHE = "cache"
    TAGS = "tags"
    USER = "user"
    USER_GROUP = "user_group"


class Ignored(StrEnum):
    """Why a message changes nothing."""

    MALFORMED = "malformed"
    """It is no event of EventBridge, whole or inside an envelope of SNS."""
    OTHER = "other"
    """An event, and not about what is registered: another service, a cluster with nodes, a
    snapshot."""
    FAILED_CALL = "failed_call"
    """A call that AWS refused."""
    READ_ONLY = "read_only"
    """A call that only reads, such as the agent's own."""
    ELSEWHERE = "elsewhere"
    """What it names lies in another account, region or partition than it comes from."""


@dataclass(frozen=True, slots=True)
class Change:
    """One event understood: where to look again."""

    scope: Scope
    """An account id of twelve digits and a region in the form of one; whether it is among the
    targets is not known here."""
    arns: frozenset[Arn]
    """The caches that it names, all of this scope, in lower case as AWS keeps them; empty when it
    names none. Their tags are to be read one by one: the tagging API lags."""
    what: Subject
    event_id: str
    """For logs. Printable and short; empty when the event has none in the form of one."""


LONGEST: Final = 1024 * 1024
"""Longest message, in characters: SQS takes no longer one."""

_MOST_NAMED = 100
"""Resources in one event. A call that tags takes 20; far more is nothing that AWS sends."""
_LONGEST_ARN = 512

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(rf"(?=.{{1,32}}\Z){REGION}", re.ASCII)
_EVENT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

_SOURCE = "aws.elasticache"
_TAGGING_SOURCE = "aws.tagging"
_NATIVE = frozenset(
    {
        "cache created",
        "cache creation failed",
        "cache updated",
        "cache update failed",
        "cache deleted",
    }
)
"""In lower case: the guide and the schema write them differently."""
_CALL = frozenset({"aws api call via cloudtrail", "amazon api call via cloudtrail"})
"""The second is how the reference page of the Chinese partition prints it."""
_SERVERLESS = "serverless-cache"

_CALLS: Final[Mapping[str, Mapping[str, Subject]]] = {
    _SOURCE: {
        "CreateServerlessCache": Subject.CACHE,
        "ModifyServerlessCache": Subject.CACHE,
        "DeleteServerlessCache": Subject.CACHE,
        "AddTagsToResource": Subject.TAGS,
        "RemoveTagsFromResource": Subject.TAGS,
        "CreateUser": Subject.USER,
        "ModifyUser": Subject.USER,
        "DeleteUser": Subject.USER,
        "CreateUserGroup": Subject.USER_GROUP,
        "ModifyUserGroup": Subject.USER_GROUP,
        "DeleteUserGroup": Subject.USER_GROUP,
    },
    _TAGGING_SOURCE: {"TagResources": Subject.TAGS, "UntagResources": Subject.TAGS},
}
"""By the event's source."""
_EVENT_SOURCE = re.compile(r"(?P<service>[a-z]+)\.amazonaws\.(com|com\.cn|eu)")


def read_message(body: str) -> Change | Ignored:
    """Parse a message. Total: no text makes it raise."""
    event = _event_in(body)
    if isinstance(event, Ignored):
        return event
    envelope = _Envelope.of(event)
    if envelope is None:
        return Ignored.MALFORMED
    kind = envelope.detail_type.lower()
    if envelope.source == _SOURCE and kind in _NATIVE:
        return _of_service_event(envelope)
    if envelope.source in _CALLS and kind in _CALL:
        return _of_cloudtrail_event(envelope)
    return Ignored.OTHER


def _event_in(body: str) -> Mapping[str, Any] | Ignored:
    """Take the event out of one envelope of SNS, if it is in one."""
    outer = _object_in(body)
    if outer is None:
        return Ignored.MALFORMED
    if "detail-type" in outer or "Type" not in outer:
        return outer
    if outer["Type"] != "Notification":
        return Ignored.OTHER  # the confirmation of a subscription: nothing here follows its link
    return _object_in(_text(outer, "Message")) or Ignored.MALFORMED


def _object_in(text: str) -> Mapping[str, Any] | None:
    if len(text) > LONGEST:
        return None
    try:
        value = json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_json(constant: str) -> NoReturn:
    """Python reads NaN and Infinity; they are no JSON."""
    raise ValueError(constant)


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What every event of EventBridge has around its detail."""

    source: str
    detail_type: str
    scope: Scope
    region: Region
    event_id: str
    resources: tuple[str, ...]
    detail: Mapping[str, Any]

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self | None:
        account_id, region = _text(event, "account"), _text(event, "region")
        detail, event_id = event.get("detail"), _text(event, "id")
        if not (_ACCOUNT.fullmatch(account_id) and _REGION.fullmatch(region)):
            return None
        if not isinstance(detail, dict):
            return None
        return cls(
            source=_text(event, "source"),
            detail_type=_text(event, "detail-type"),
            scope=Scope(AccountId(account_id), Region(region)),
            region=Region(region),
            event_id=event_id if _EVENT_ID.fullmatch(event_id) else "",
            resources=_texts(event.get("resources")),
            detail=detail,
        )

    def arn(self, name: str) -> str:
        """The ARN of a cache of this scope, as far as the name may be one."""
        place = f"{partition_of_region(self.region)}:elasticache:{self.region}"
        return f"arn:{place}:{self.scope.account_id}:serverlesscache:{name}"

    def change(self, what: Subject, named: Iterable[CacheArn] = ()) -> Change | Ignored:
        """A change of this scope, and of those of the named caches that lie in it."""
        found = tuple(named)
        partition = partition_of_region(self.region)
        here = [each for each in found if (each.partition, each.scope) == (partition, self.scope)]
        if found and not here:
            return Ignored.ELSEWHERE
        return Change(self.scope, frozenset(each.arn for each in here), what, self.event_id)


def _of_service_event(event: _Envelope) -> Change | Ignored:
    """Read one of the service's own events; without any ARN it still has the name."""
    kind = _text(event.detail, "SourceType")
    if kind and kind.lower() != _SERVERLESS:
        return Ignored.OTHER
    named = [*event.resources, *_texts([event.detail.get("SourceArn")])]
    if len(named) > _MOST_NAMED:
        return Ignored.MALFORMED
    if not named:
        name = _text(event.detail, "SourceIdentifier")
        return event.change(Subject.CACHE, _caches([event.arn(name)]))
    caches = _caches(named)
    return event.change(Subject.CACHE, caches) if caches else Ignored.OTHER


def _of_cloudtrail_event(event: _Envelope) -> Change | Ignored:
    detail = event.detail
    source = _EVENT_SOURCE.fullmatch(_text(detail, "eventSource"))
    what = _CALLS[event.source].get(_text(detail, "eventName"))
    if source is None or f"aws.{source['service']}" != event.source:
        return Ignored.OTHER
    if detail.get("errorCode") or detail.get("errorMessage"):
        return Ignored.FAILED_CALL
    if detail.get("readOnly") in (True, "true"):
        return Ignored.READ_ONLY
    if what is None:
        return Ignored.OTHER
    inside = (detail.get("recipientAccountId"), detail.get("awsRegion"))
    if any(
        said not in (None, known)
        for said, known in zip(inside, (event.scope.account_id, event.region), strict=True)
    ):
        return Ignored.ELSEWHERE
    return _change_of_call(event, what, _mapping(detail.get("requestParameters")))


def _change_of_call(
    event: _Envelope, what: Subject, parameters: Mapping[str, Any]
) -> Change | Ignored:
    """Read the change that a call made, with what its parameters name.

    How their names are spelled is inferred (aws/README: Change events), so their case is not looked
    at.
    """
    if what is Subject.CACHE:
        name = _text(parameters, "serverlesscachename")
        return event.change(what, _caches([event.arn(name)]))
    listed = parameters.get("resourcearnlist")
    named = _texts(listed if isinstance(listed, list) else [parameters.get("resourcename")])
    if what is not Subject.TAGS or (not named and event.source == _SOURCE):
        return event.change(what)  # CloudTrail leaves parameters out that take too much room
    if len(named) > _MOST_NAMED:
        return Ignored.MALFORMED
    caches = _caches(named)
    return event.change(what, caches) if caches else Ignored.OTHER


def _caches(arns: Iterable[str]) -> tuple[CacheArn, ...]:
    """Those that are ARNs of serverless caches; callers may write a name in capitals."""
    short = (text for text in arns if text.isascii() and len(text) <= _LONGEST_ARN)
    parsed = (parse_cache_arn(text.lower()) for text in short)
    return tuple(arn for arn in parsed if arn is not None)


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _texts(values: Any) -> tuple[str, ...]:
    listed = values if isinstance(values, list) else []
    return tuple(value for value in listed if isinstance(value, str) and value)


def _mapping(value: Any) -> Mapping[str, Any]:
    """The members by their names in lower case."""
    return {key.lower(): each for key, each in value.items()} if isinstance(value, dict) else {}
