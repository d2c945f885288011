"""What a client may send that no SDK sends, and what it gets."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from tests.support.simulated_aws import REGION, Cloud

FORM = "application/x-www-form-urlencoded; charset=utf-8"
AMZ_JSON = "application/x-amz-json-1.1"

Post = Callable[..., tuple[int, str]]


@pytest.fixture
def post(cloud: Cloud) -> Post:
    """Posts a signed body of one's own making."""

    def send(service: str, body: bytes | str, *, path: str = "/", **headers: str) -> Any:
        request = AWSRequest(
            method="POST",
            url=cloud.url + path,
            data=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        credentials = Credentials(cloud.key.access_key_id, cloud.key.secret)
        SigV4Auth(credentials, service, REGION).add_auth(request)
        session = URLLib3Session()
        try:
            answer = session.send(request.prepare())
            return answer.status_code, answer.text
        finally:
            session.close()

    return send


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param("Action=Nonsense", 400, "<Code>InvalidAction</Code>", id="unknown action"),
        pytest.param("", 400, "<Code>InvalidAction</Code>", id="no action"),
        pytest.param(
            "Action=CreateSnapshot&SnapshotName=x", 400, "does not have", id="not simulated"
        ),
        pytest.param(
            "Action=DescribeServerlessCaches&MaxResults=ten", 400, "MalformedInput", id="no number"
        ),
        pytest.param(
            "Action=DescribeServerlessCaches&MaxResults=" + "9" * 5000,
            400,
            "MalformedInput",
            id="a huge number",
        ),
        pytest.param(
            "Action=DescribeUsers&Filters.member.x.Name=a", 400, "MalformedInput", id="no index"
        ),
        pytest.param(
            "Action=DescribeUsers&Filters=a&Filters.member.1.Name=b",
            400,
            "MalformedInput",
            id="value and structure",
        ),
        pytest.param(
            "Action=DescribeUsers&UserId.a.b=c", 400, "MalformedInput", id="structure for a value"
        ),
        pytest.param(
            "Action=DescribeUsers&Filters.member.1=c", 400, "MalformedInput", id="value for it"
        ),
        pytest.param(
            "Action=DescribeUsers&Filters.member.1.Name=UserId", 400, "MissingParameter", id="deep"
        ),
        pytest.param(b"Action=DescribeUsers&UserId=\xff", 400, "MalformedInput", id="not ascii"),
        pytest.param(b"Action=DescribeUsers&UserId=%FF", 400, "MalformedInput", id="not utf-8"),
        pytest.param(b"&".join([b"a=1"] * 20000), 400, "MalformedInput", id="20 000 fields"),
        pytest.param("Action=DescribeUsers&Unknown=1", 200, "<UserId>default", id="unknown field"),
        pytest.param("Action=DescribeUsers&a" + ".a" * 5000 + "=1", 200, "default", id="deep tree"),
    ],
)
def test_query(post: Post, body: bytes | str, status: int, words: str) -> None:
    answered, text = post("elasticache", body, Content_Type=FORM)
    assert answered == status, text
    assert words in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Tag", "a"), ("member", "a")],
    ids=["the model's name", "the protocol's name"],
)
def test_lists_are_read_under_both_names(post: Post, name: str, expected: str) -> None:
    status, text = post(
        "elasticache",
        "Action=CreateUser&UserId=u&UserName=u&Engine=valkey&AccessString=on"
        f"&AuthenticationMode.Type=iam&Tags.{name}.1.Key={expected}",
        Content_Type=FORM,
    )
    assert status == 200
    arn = text.split("<ARN>")[1].split("</ARN>")[0]
    _, text = post(
        "elasticache", f"Action=ListTagsForResource&ResourceName={arn}", Content_Type=FORM
    )
    assert f"<TagList><Tag><Key>{expected}</Key><Value></Value></Tag></TagList>" in text


def test_the_names_inside_lists_are_the_models(post: Post, cloud: Cloud) -> None:
    cloud.region.add_cache("orders")
    _, text = post("elasticache", "Action=DescribeServerlessCaches", Content_Type=FORM)
    assert text.startswith(
        '<DescribeServerlessCachesResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">'
        "<DescribeServerlessCachesResult><ServerlessCaches><member><ServerlessCacheName>"
    )
    assert "<SubnetIds><SubnetId>subnet-" in text
    assert "<SecurityGroupIds><SecurityGroupId>sg-" in text
    assert "<ResponseMetadata><RequestId>" in text


@pytest.mark.parametrize(
    ("target", "body", "words"),
    [
        pytest.param("X.Nonsense", "{}", "UnknownOperationException", id="unknown operation"),
        pytest.param("nodot", "{}", "UnknownOperationException", id="no dot"),
        pytest.param("", "{}", "UnknownOperationException", id="no target"),
        pytest.param("X.GetResources", "{", "SerializationException", id="broken json"),
        pytest.param("X.GetResources", "[]", "SerializationException", id="a list"),
        pytest.param("X.GetResources", '"x"', "SerializationException", id="a string"),
        pytest.param("X.GetResources", "[" * 100000, "SerializationException", id="deep"),
        pytest.param(
            "X.GetResources", '{"ResourcesPerPage": "1"}', "SerializationException", id="type"
        ),
        pytest.param(
            "X.GetResources", '{"ResourcesPerPage": true}', "SerializationException", id="bool"
        ),
        pytest.param(
            "X.GetResources", '{"TagFilters": {"a": 1}}', "SerializationException", id="no list"
        ),
        pytest.param(
            "X.TagResources", '{"Tags": {"a": "b"}}', "InvalidParameterException", id="missing"
        ),
    ],
)
def test_json(post: Post, target: str, body: str, words: str) -> None:
    status, text = post("tagging", body, Content_Type=AMZ_JSON, X_Amz_Target=target)
    assert status == 400
    assert words in text


def test_ec2_errors_have_their_own_form(post: Post) -> None:
    status, text = post("ec2", "Action=Nonsense", Content_Type=FORM)
    assert status == 400
    assert text.startswith("<Response><Errors><Error><Code>InvalidAction</Code>")
    assert "<RequestID>" in text


def test_a_body_of_two_megabytes(post: Post, cloud: Cloud) -> None:
    status, _ = post("elasticache", b"a" * 2_000_000, Content_Type=FORM)
    assert status == 413
    cloud.client("elasticache").describe_users()


def test_a_path_with_a_query_is_signed_as_it_is(post: Post) -> None:
    status, _ = post("elasticache", "Action=DescribeUsers", path="/?a=b%20c", Content_Type=FORM)
    assert status == 200
