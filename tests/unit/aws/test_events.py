"""What a message of the queue says: every spelling that AWS uses, and what is none of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from discovery.aws.events import LONGEST, Change, Ignored, Subject, read_message
from discovery.model.values import AccountId, Region, Scope

ACCOUNT, OTHER = "111122223333", "444455556666"
REGION = "eu-west-1"
SCOPE = Scope(AccountId(ACCOUNT), Region(REGION))
ARN = f"arn:aws:elasticache:{REGION}:{ACCOUNT}:serverlesscache:orders"
NODES = f"arn:aws:elasticache:{REGION}:{ACCOUNT}:cluster:orders-001"
CLOUDTRAIL = "AWS API Call via CloudTrail"


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def event(**changes: Any) -> dict[str, Any]:
    """An envelope; `_` in a name reads `-`, None takes a member out."""
    usual = {
        "version": "0",
        "id": "0c6b1f5e-0000-4000-8000-000000000001",
        "source": "aws.elasticache",
        "account": ACCOUNT,
        "time": "2026-11-23T09:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": {},
    }
    return without_none(usual | {key.replace("_", "-"): each for key, each in changes.items()})


def native(what: str = "Cache Created", arn: str | None = ARN, **changes: Any) -> dict[str, Any]:
    detail = {
        "EventCategories": ["creation"],
        "EventID": "x",
        "Message": "Cache orders created",
        "SourceArn": arn,
        "SourceIdentifier": "orders",
        "SourceType": "serverless-cache",
    } | changes.pop("detail", {})
    resources = changes.pop("resources", [arn] if arn else [])
    return event(detail_type=what, resources=resources, detail=without_none(detail), **changes)


def call(name: str, parameters: Any, *, source: str = "elasticache", **more: Any) -> dict[str, Any]:
    envelope = {key: more.pop(key) for key in ("account", "region") if key in more}
    detail = {
        "eventVersion": "1.11",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "requestParameters": parameters,
        "responseElements": {},
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
    } | more
    return event(
        source=f"aws.{source}", detail_type=CLOUDTRAIL, detail=without_none(detail), **envelope
    )


def read(said: Any) -> Change | Ignored:
    return read_message(said if isinstance(said, str) else json.dumps(said))


NAME = {"serverlessCacheName": "orders"}
TAGGED = {"resourceName": ARN, "tags": [{"key": "env", "value": "prod"}]}

UNDERSTOOD = [
    *((native(what), Subject.CACHE, {ARN}) for what in ("Cache Created", "Cache created")),
    (native("CACHE CREATION FAILED"), Subject.CACHE, {ARN}),
    (native("Cache Updated"), Subject.CACHE, {ARN}),
    (native("Cache update failed"), Subject.CACHE, {ARN}),
    (native("Cache Deleted"), Subject.CACHE, {ARN}),
    (native(resources=[]), Subject.CACHE, {ARN}),
    (native(detail={"SourceArn": None}), Subject.CACHE, {ARN}),
    (native(detail={"SourceType": None}), Subject.CACHE, {ARN}),
    (native(arn=None), Subject.CACHE, {ARN}),
    (native(arn=None, detail={"SourceIdentifier": "a b"}), Subject.CACHE, set()),
    (native(arn=ARN.replace("orders", "Orders")), Subject.CACHE, {ARN}),
    (native(resources=[ARN, f"{NODES}-snapshot"]), Subject.CACHE, {ARN}),
    (call("CreateServerlessCache", {"serverlessCacheName": "Orders"}), Subject.CACHE, {ARN}),
    (call("ModifyServerlessCache", {"ServerlessCacheName": "orders"}), Subject.CACHE, {ARN}),
    (call("DeleteServerlessCache", {**NAME, "finalSnapshotName": "x"}), Subject.CACHE, {ARN}),
    (call("DeleteServerlessCache", None), Subject.CACHE, set()),
    (call("DeleteServerlessCache", {"serverlessCacheName": ["orders"]}), Subject.CACHE, set()),
    (call("AddTagsToResource", TAGGED), Subject.TAGS, {ARN}),
    (call("RemoveTagsFromResource", {"ResourceName": ARN.upper()}), Subject.TAGS, {ARN}),
    (call("RemoveTagsFromResource", None), Subject.TAGS, set()),
    (
        call("TagResources", {"resourceARNList": [NODES, ARN]}, source="tagging"),
        Subject.TAGS,
        {ARN},
    ),
    (call("UntagResources", {"ResourceARNList": [ARN]}, source="tagging"), Subject.TAGS, {ARN}),
    *(
        (call(f"{verb}User", {"userId": "app"}), Subject.USER, set())
        for verb in ("Create", "Modify", "Delete")
    ),
    *(
        (call(f"{verb}UserGroup", {"userGroupId": "app"}), Subject.USER_GROUP, set())
        for verb in ("Create", "Modify", "Delete")
    ),
    (call("CreateUser", None, readOnly=None, recipientAccountId=None), Subject.USER, set()),
    (call("CreateUser", {}, errorCode=None, errorMessage=""), Subject.USER, set()),
]


@pytest.mark.parametrize(("said", "what", "arns"), UNDERSTOOD)
def test_what_is_understood(said: Any, what: Subject, arns: set[str]) -> None:
    assert read(said) == Change(SCOPE, frozenset(arns), what, said["id"])  # type: ignore[arg-type]


def test_the_chinese_partition_is_spelled_its_own_way() -> None:
    arn = f"arn:aws-cn:elasticache:cn-north-1:{ACCOUNT}:serverlesscache:orders"
    where = {"region": "cn-north-1"}
    found = [
        read(native(arn=arn, **where)),
        read(
            call("DeleteServerlessCache", NAME, awsRegion="cn-north-1", **where)
            | {"detail-type": "Amazon API Call via CloudTrail"}
        ),
    ]
    for each in found:
        assert isinstance(each, Change)
        assert each.arns == {arn}


def sns(said: Any, **changes: Any) -> str:
    envelope = {"Type": "Notification", "MessageId": "x", "Message": json.dumps(said)}
    return json.dumps(envelope | changes)


def test_an_envelope_of_sns_is_opened_once() -> None:
    assert read(sns(native())) == read(native())
    assert read(sns(json.loads(sns(native())))) is Ignored.MALFORMED


IGNORED = [
    ("", Ignored.MALFORMED),
    ("\ud800", Ignored.MALFORMED),
    ("[" * 200_000, Ignored.MALFORMED),
    ('{"a":' * 100_000, Ignored.MALFORMED),
    (json.dumps(native())[:-1] + f', "n": {"9" * 5000}}}', Ignored.MALFORMED),
    (json.dumps(native())[:-1] + ', "n": NaN}', Ignored.MALFORMED),
    (json.dumps(native()) + " " * LONGEST, Ignored.MALFORMED),
    ("\ufeff" + json.dumps(native()), Ignored.MALFORMED),
    ("null", Ignored.MALFORMED),
    ([native()], Ignored.MALFORMED),
    ({}, Ignored.MALFORMED),
    (native(account=int(ACCOUNT)), Ignored.MALFORMED),
    (native(account="١١١١٢٢٢٢٣٣٣٣"), Ignored.MALFORMED),
    (native(account=f"{ACCOUNT}\n"), Ignored.MALFORMED),
    (native(account=None), Ignored.MALFORMED),
    (native(region="*"), Ignored.MALFORMED),
    (native(region=f"{REGION}\n"), Ignored.MALFORMED),
    (native(region="eu-" + "x" * 40 + "-1"), Ignored.MALFORMED),
    (native(region=None), Ignored.MALFORMED),
    (native() | {"detail": "x"}, Ignored.MALFORMED),
    (native(resources=[ARN] * 200), Ignored.MALFORMED),
    (call("TagResources", {"resourceARNList": [ARN] * 200}, source="tagging"), Ignored.MALFORMED),
    (sns("just a text"), Ignored.MALFORMED),
    (sns(native(), Message=None), Ignored.MALFORMED),
    (sns(native(), Type="SubscriptionConfirmation", SubscribeURL="https://x"), Ignored.OTHER),
    (sns(native(), Type=["Notification"]), Ignored.OTHER),
    (native("Cache Limit Approaching"), Ignored.OTHER),
    (native("Snapshot Created"), Ignored.OTHER),
    (native(source="com.example"), Ignored.OTHER),
    (native(source="aws.tagging"), Ignored.OTHER),
    (native(arn=NODES), Ignored.OTHER),
    (native(detail={"SourceType": "cache-cluster"}), Ignored.OTHER),
    (native() | {"detail-type": ["Cache Created"]}, Ignored.OTHER),
    (call("CreateCacheCluster", {"cacheClusterId": "orders"}), Ignored.OTHER),
    (call(["CreateUser"], {}), Ignored.OTHER),  # type: ignore[arg-type]
    (call("TagResources", {"resourceARNList": [ARN]}), Ignored.OTHER),
    (call("CreateUser", {}, source="tagging"), Ignored.OTHER),
    (call("CreateUser", {}, eventSource="iam.amazonaws.com"), Ignored.OTHER),
    (call("CreateUser", {}, eventSource="elasticache.example.com"), Ignored.OTHER),
    (call("AddTagsToResource", {"resourceName": NODES}), Ignored.OTHER),
    (call("TagResources", {"resourceARNList": [NODES]}, source="tagging"), Ignored.OTHER),
    (call("TagResources", {"resourceARNList": ARN}, source="tagging"), Ignored.OTHER),
    (call("TagResources", None, source="tagging"), Ignored.OTHER),
    (call("CreateServerlessCache", NAME, errorCode="AccessDenied"), Ignored.FAILED_CALL),
    (call("CreateServerlessCache", NAME, errorMessage="no"), Ignored.FAILED_CALL),
    (call("CreateServerlessCache", NAME, errorCode=[1]), Ignored.FAILED_CALL),
    (call("DescribeServerlessCaches", None, readOnly=True), Ignored.READ_ONLY),
    (call("DescribeServerlessCaches", None, readOnly="true"), Ignored.READ_ONLY),
    (call("DescribeServerlessCaches", None), Ignored.OTHER),
    (native(account=OTHER), Ignored.ELSEWHERE),
    (native(region="us-east-1"), Ignored.ELSEWHERE),
    (native(arn=ARN.replace("arn:aws:", "arn:aws-cn:")), Ignored.ELSEWHERE),
    (call("CreateUser", {}, account=OTHER), Ignored.ELSEWHERE),
    (call("CreateUser", {}, region="us-east-1"), Ignored.ELSEWHERE),
    (call("CreateUser", {}, recipientAccountId={"x": 1}), Ignored.ELSEWHERE),
    (call("AddTagsToResource", {"resourceName": ARN.replace(ACCOUNT, OTHER)}), Ignored.ELSEWHERE),
]


@pytest.mark.parametrize(("said", "why"), IGNORED)
def test_what_is_ignored(said: Any, why: Ignored) -> None:
    assert read(said) is why


def test_of_several_caches_those_elsewhere_are_left_out() -> None:
    far = ARN.replace(REGION, "us-east-1")
    found = read(call("TagResources", {"resourceARNList": [far, ARN]}, source="tagging"))
    assert isinstance(found, Change)
    assert found.arns == {ARN}


@pytest.mark.parametrize("identifier", ["", "a\nb", "\ud800", "x" * 65, 7, None])
def test_an_event_id_that_is_none_is_left_out(identifier: Any) -> None:
    found = read(native() | {"id": identifier})
    assert isinstance(found, Change)
    assert found.event_id == ""


def test_a_message_of_the_greatest_size_is_read() -> None:
    said = native(detail={"Message": "x" * 1_000_000})
    assert isinstance(read(said), Change)
