"""Messages are hostile input: none makes the reader fail, or look at a place that is none."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from discovery.aws.events import Change, Ignored, Subject, read_message

pytestmark = pytest.mark.slow

ACCOUNT, REGION = "111122223333", "eu-west-1"
ACCOUNTS = st.sampled_from([ACCOUNT] * 9 + ["444455556666", "1111222233330", "12", " ", "١" * 12])
REGIONS = st.sampled_from(
    [REGION] * 9 + ["us-gov-west-1", "cn-north-1", "*", "", "eu-west-1\n", "eu-" + "x" * 40 + "-1"]
)
PARTITIONS = st.sampled_from(["aws"] * 5 + ["aws-cn", "aws-us-gov", "x"])
KINDS = st.sampled_from(
    ["serverlesscache", "serverlesscache", "cluster", "user", "SERVERLESSCACHE"]
)
NAMES = st.sampled_from(["orders", "Orders", "a b", "-", "", "\N{KELVIN SIGN}ey", "o" * 600])
ARNS = st.builds(
    "arn:{}:elasticache:{}:{}:{}:{}".format, PARTITIONS, REGIONS, ACCOUNTS, KINDS, NAMES
)

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | ARNS
    | ACCOUNTS
    | REGIONS
    | st.sampled_from(["aws.elasticache", "aws.tagging", "Cache Created", "serverless-cache"])
)
KEYS = st.sampled_from(
    [
        *("id", "detail-type", "source", "account", "region", "resources", "detail", "Type"),
        *("SourceArn", "SourceIdentifier", "SourceType", "eventSource", "eventName", "errorCode"),
        *("readOnly", "awsRegion", "recipientAccountId", "requestParameters", "resourceName"),
        *("resourceARNList", "serverlessCacheName", "SERVERLESSCACHENAME", "Message"),
    ]
) | st.text(max_size=5)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


@st.composite
def nearly_events(draw: st.DrawFn) -> dict[str, Any]:
    """Events of the right build, each part of them right, wrong or absent."""
    source = draw(st.sampled_from(["elasticache"] * 4 + ["tagging", "ec2"]))
    names = st.sampled_from(
        [
            *("CreateServerlessCache", "ModifyUser", "DeleteUserGroup", "AddTagsToResource"),
            *("TagResources", "DescribeUsers", "CreateCacheCluster"),
        ]
    )
    parameters = st.fixed_dictionaries(
        {},
        optional={
            "serverlessCacheName": NAMES | LEAVES,
            "resourceName": ARNS | LEAVES,
            "resourceARNList": st.lists(ARNS | LEAVES, max_size=4) | LEAVES,
        },
    )
    detail = st.fixed_dictionaries(
        {},
        optional={
            "SourceArn": ARNS | LEAVES,
            "SourceIdentifier": NAMES | LEAVES,
            "SourceType": st.sampled_from(["serverless-cache", "Serverless-Cache", "user"]),
            "eventSource": st.just(f"{source}.amazonaws.com"),
            "eventName": names,
            "awsRegion": REGIONS,
            "recipientAccountId": ACCOUNTS,
            "requestParameters": parameters | LEAVES,
            "readOnly": st.sampled_from([None, False, False, False, True, "true"]),
            "errorCode": st.sampled_from([None, None, None, "", "AccessDenied", {"x": 1}]),
        },
    )
    return {
        "id": draw(st.uuids().map(str) | LEAVES),
        "source": f"aws.{source}",
        "detail-type": draw(
            st.sampled_from(["Cache Created", "cache deleted", "AWS API Call via CloudTrail"])
        ),
        "account": draw(ACCOUNTS),
        "region": draw(REGIONS),
        "resources": draw(st.lists(ARNS | LEAVES, max_size=3) | LEAVES),
        "detail": draw(detail),
    }


def check(body: str, found: Change | Ignored) -> None:
    event("understood" if isinstance(found, Change) else found.value)
    if isinstance(found, Ignored):
        return
    account_id, region = found.scope.key
    assert re.fullmatch(r"[0-9]{12}", account_id)
    assert re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", region)
    assert len(region) <= 32
    assert account_id in body
    assert region in body, "a message cannot lead to a place that it does not name"
    for arn in found.arns:
        assert re.fullmatch(
            rf"arn:aws[a-z-]*:elasticache:{region}:{account_id}:serverlesscache:[a-z][a-z0-9-]*",
            arn,
            re.ASCII,
        )
    assert found.what in set(Subject)
    assert re.fullmatch(r"[A-Za-z0-9-]{0,64}", found.event_id, re.ASCII)


@given(st.text())
@example("[" * 100_000)
@example('{"a": ' + "1" * 10_000 + "}")
@example('{"Type": "Notification", "Message": "{\\"Type\\": \\"Notification\\"}"}')
def test_no_text_makes_it_fail(body: str) -> None:
    check(body, read_message(body))


@given(TREES)
def test_no_json_makes_it_fail(tree: Any) -> None:
    body = json.dumps(tree)
    check(body, read_message(body))


@given(nearly_events(), st.booleans())
def test_what_looks_like_an_event_leads_nowhere_else(said: dict[str, Any], wrapped: bool) -> None:
    body = json.dumps(said)
    outer = json.dumps({"Type": "Notification", "Message": body}) if wrapped else body
    found = read_message(outer)
    check(body, found)
    if isinstance(found, Change):
        assert found.scope.key == (said["account"], said["region"])


@given(nearly_events(), st.data())
def test_a_message_that_breaks_off_or_is_garbled_is_survived(
    said: dict[str, Any], data: st.DataObject
) -> None:
    body = json.dumps(said, ensure_ascii=False)
    cut = data.draw(st.integers(0, len(body)))
    garbled = body[:cut] + data.draw(st.text(max_size=3)) + body[cut:]
    check(garbled, read_message(garbled))
    if body[:cut].strip() != body:
        assert read_message(body[:cut]) is Ignored.MALFORMED
