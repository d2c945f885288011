"""What the fast path reads and signs is what the SDK reads and signs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.session import get_session
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.aws import cache_answers
from discovery.aws.cache_answers import MEMBERS, read_caches
from discovery.aws.sdk_session import tolerant_parsers
from discovery.aws.signing import KeptKeySigner, PlainRequest

NAMESPACE = "http://elasticache.amazonaws.com/doc/2015-02-02/"
MODEL = get_session().get_service_model("elasticache").operation_model("DescribeServerlessCaches")

WORDS = st.sampled_from(
    ["", " ", "a", "available", "6379", "-1", "1e3", "9" * 30, "arn:aws:x", "ü\u2028", "&", "<b>"]
) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
TIMES = st.sampled_from(
    [
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T03:04:05+02:00",
        "2026-01-02",
        "1767323045",
        "never",
        "",
    ]
)
SPACE = st.sampled_from(["", "\n  "])


def element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>" if content else f"<{name}/>"


@st.composite
def caches(draw: st.DrawFn) -> str:
    """One cache: members in any order, some left out, some twice, some that nobody knows."""
    texts = [*(set(MEMBERS) - {"Endpoint", "SubnetIds", "CreateTime"}), "Description", "New"]
    parts = [element(name, escape(draw(WORDS))) for name in draw(st.lists(st.sampled_from(texts)))]
    if draw(st.booleans()):
        host, port = element("Address", escape(draw(WORDS))), element("Port", escape(draw(WORDS)))
        parts.append(element("Endpoint", draw(st.sampled_from([host, port, host + port, "", "x"]))))
    if draw(st.booleans()):
        name = draw(st.sampled_from(["SubnetId", "member"]))
        subnets = draw(st.lists(WORDS, max_size=3))
        parts.append(element("SubnetIds", "".join(element(name, escape(one)) for one in subnets)))
    if draw(st.booleans()):
        parts.append(element("CreateTime", draw(TIMES)))
    return element("member", draw(SPACE).join(draw(st.permutations(parts))))


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    listed = element("ServerlessCaches", "".join(draw(st.lists(caches(), max_size=3))))
    token = element("NextToken", escape(draw(WORDS))) if draw(st.booleans()) else ""
    parts = draw(st.sampled_from([[listed, token], [token, listed], [token], [listed, listed]]))
    result = element("DescribeServerlessCachesResult", draw(SPACE).join(parts))
    request = element("RequestId", draw(st.sampled_from(["", "6dc0-1", "a b"])))
    metadata = draw(st.sampled_from([element("ResponseMetadata", request), ""]))
    root = draw(st.sampled_from(["DescribeServerlessCachesResponse", "ErrorResponse"]))
    namespace = draw(st.sampled_from([NAMESPACE, NAMESPACE, "http://other/"]))
    declared = draw(st.sampled_from(["", '<?xml version="1.0" encoding="UTF-8"?>\n']))
    space = draw(SPACE)
    return f'{declared}<{root} xmlns="{namespace}">{space}{result}{metadata}</{root}>'.encode()


def by_sdk(body: bytes) -> Mapping[str, Any]:
    """Read an answer as the SDK does. Raises: what its parser raises."""
    said = {"headers": {}, "status_code": 200, "body": body, "context": {}}
    parser = tolerant_parsers().create_parser("query")
    parsed: Mapping[str, Any] = asyncio.run(parser.parse(said, MODEL.output_shape))
    return parsed


def assert_the_sdk_agrees(body: bytes) -> None:
    read = read_caches(body)
    if read is None:
        return
    expected = by_sdk(body)
    known = [
        {name: value for name, value in cache.items() if name in MEMBERS}
        for cache in expected.get("ServerlessCaches", [])
    ]
    assert read.get("ServerlessCaches", []) == known
    assert read.get("NextToken") == expected.get("NextToken")
    assert read["ResponseMetadata"]["RequestId"] == expected["ResponseMetadata"]["RequestId"]


@pytest.mark.slow
@given(answers())
@settings(max_examples=300)
def test_an_answer_that_is_read_is_read_as_the_sdk_reads_it(body: bytes) -> None:
    assert_the_sdk_agrees(body)


@pytest.mark.slow
@given(answers(), st.data())
@settings(max_examples=300)
def test_a_damaged_answer_is_left_to_the_sdk_or_read_alike(
    body: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(at, min(len(body), at + 20)))
    assert_the_sdk_agrees(body[:at] + data.draw(st.binary(max_size=4)) + body[end:])


def test_an_ordinary_answer_is_not_left_to_the_sdk() -> None:
    cache = "".join(
        [
            element("ServerlessCacheName", "orders"),
            element("CreateTime", "2026-01-02T03:04:05.678Z"),
            element("Endpoint", element("Address", "orders.example") + element("Port", "6379")),
            element("SubnetIds", element("SubnetId", "subnet-1")),
            element("UserGroupId", ""),
        ]
    )
    body = (
        f'<DescribeServerlessCachesResponse xmlns="{NAMESPACE}"><DescribeServerlessCachesResult>'
        f"<ServerlessCaches><member>{cache}</member></ServerlessCaches>"
        "</DescribeServerlessCachesResult><ResponseMetadata><RequestId>1-2</RequestId>"
        "</ResponseMetadata></DescribeServerlessCachesResponse>"
    ).encode()
    answer = read_caches(body)
    assert answer is not None
    assert answer["ServerlessCaches"] == [
        {
            "ServerlessCacheName": "orders",
            "CreateTime": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
            "Endpoint": {"Address": "orders.example", "Port": 6379},
            "SubnetIds": ["subnet-1"],
            "UserGroupId": "",
        }
    ]
    assert_the_sdk_agrees(body)


@pytest.mark.parametrize("declared", ["", '<?xml version="1.0"?>\n'])
@pytest.mark.parametrize("empty", ["<ServerlessCaches/>", "<ServerlessCaches></ServerlessCaches>"])
def test_an_empty_answer_is_told_from_its_bytes(
    declared: str, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_answers, "_members", None)
    body = (
        f'{declared}<DescribeServerlessCachesResponse xmlns="{NAMESPACE}">'
        f"<DescribeServerlessCachesResult>{empty}</DescribeServerlessCachesResult>"
        "<ResponseMetadata><RequestId>1-2</RequestId></ResponseMetadata>"
        "</DescribeServerlessCachesResponse>"
    ).encode()
    answer = read_caches(body)
    assert answer is not None
    assert answer["ServerlessCaches"] == []
    assert_the_sdk_agrees(body)


NAMES = st.sampled_from(["Content-Type", "X-Amz-Target", "User-Agent", "x-custom"])
KEYS = st.text("ABCab12+/=", min_size=1, max_size=40)


@pytest.mark.slow
@given(
    st.dictionaries(NAMES, st.text("ab /;=", min_size=1, max_size=20)),
    st.binary(max_size=40),
    st.builds(ReadOnlyCredentials, KEYS, KEYS, st.none() | KEYS),
    st.sampled_from(["https://elasticache.eu-west-1.amazonaws.com/", "http://127.0.0.1:4566/"]),
)
def test_a_signature_is_that_of_the_sdk(
    headers: dict[str, str], body: bytes, credentials: ReadOnlyCredentials, url: str
) -> None:
    ours: Any = PlainRequest("POST", url, headers, body)
    KeptKeySigner(credentials, "elasticache", "eu-west-1").add_auth(ours)
    theirs: Any = AWSRequest("POST", url, headers=dict(ours.headers), data=body)
    signer: Any = SigV4Auth(credentials, "elasticache", "eu-west-1")
    theirs.context["timestamp"] = ours.context["timestamp"]
    signer._modify_request_before_signing(theirs)
    text = signer.string_to_sign(theirs, signer.canonical_request(theirs))
    signer._inject_signature_to_request(theirs, signer.signature(text, theirs))
    assert ours.headers["Authorization"] == theirs.headers["Authorization"]
