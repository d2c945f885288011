"""The tagging API in RPC v2 CBOR, as a current AWS SDK for Go asks it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from tests.support.simulated_aws import HUB, REGION, Cloud, message, refusal

TAGGING = "resourcegroupstaggingapi"
VERSION = "2017-01-26"


def arn(name: str) -> str:
    return f"arn:aws:elasticache:{REGION}:{HUB}:serverlesscache:{name}"


@pytest.fixture
def client(cloud: Cloud, tmp_path: Path) -> Iterator[Any]:
    """A real client, with a model that says what AWS's own model for other SDKs says by now."""
    model = Loader().load_service_model(TAGGING, "service-2")
    protocol = {"protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor"]}
    folder = tmp_path / TAGGING / VERSION
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(
        json.dumps({**model, "metadata": {**model["metadata"], **protocol}})
    )
    session = boto3.session.Session()
    loader = Loader(extra_search_paths=[str(tmp_path)])
    session._session.register_component("data_loader", loader)
    made = cast("Any", session).client(
        TAGGING,
        region_name=REGION,
        endpoint_url=cloud.url,
        aws_access_key_id=cloud.key.access_key_id,
        aws_secret_access_key=cloud.key.secret,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
    )
    assert made.meta.service_model.resolved_protocol == "smithy-rpc-v2-cbor"
    yield made
    made.close()


def test_tags_are_read_page_by_page(cloud: Cloud, client: Any) -> None:
    for number in range(3):
        cloud.region.add_cache(f"c{number}", tags={"env": "prod", "größe": "€"})
    found = {}
    token = ""
    for _ in range(3):
        page = client.get_resources(
            ResourcesPerPage=1,
            PaginationToken=token,
            ResourceTypeFilters=["elasticache:serverlesscache"],
            TagFilters=[{"Key": "env", "Values": ["prod"]}],
        )
        [row] = page["ResourceTagMappingList"]
        found[row["ResourceARN"]] = {tag["Key"]: tag["Value"] for tag in row["Tags"]}
        token = page["PaginationToken"]
    assert token == ""
    assert found == {arn(f"c{n}"): {"env": "prod", "größe": "€"} for n in range(3)}


def test_tags_are_written_and_what_failed_is_listed(cloud: Cloud, client: Any) -> None:
    cloud.region.add_cache("orders", tags={"env": "dev"})
    answer = client.tag_resources(
        ResourceARNList=[arn("orders"), arn("gone")], Tags={"env": "prod", "team": "pay"}
    )
    assert set(answer["FailedResourcesMap"]) == {arn("gone")}
    assert answer["FailedResourcesMap"][arn("gone")]["StatusCode"] == 400
    assert client.untag_resources(ResourceARNList=[arn("orders")], TagKeys=["team"])
    [tag] = cloud.client("elasticache").list_tags_for_resource(ResourceName=arn("orders"))[
        "TagList"
    ]
    assert tag == {"Key": "env", "Value": "prod"}


def test_errors_have_their_names_and_words(cloud: Cloud, client: Any) -> None:
    with pytest.raises(ClientError) as caught:
        client.get_resources(PaginationToken="garbage")
    assert refusal(caught.value) == ("InvalidParameterException", 400)
    assert message(caught.value) == "Invalid PaginationToken"


def signed(cloud: Cloud, path: str, body: bytes, secret: str | None = None) -> httpx.Response:
    headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    request = AWSRequest("POST", cloud.url + path, headers=headers, data=body)
    credentials = Credentials(cloud.key.access_key_id, secret or cloud.key.secret)
    SigV4Auth(credentials, "tagging", REGION).add_auth(request)
    return httpx.post(cloud.url + path, headers=dict(request.headers.items()), content=body)


def test_the_answer_says_which_protocol_it_is_in(cloud: Cloud) -> None:
    path = f"/service/ResourceGroupsTaggingAPI_{VERSION.replace('-', '')}/operation/GetResources"
    answer = signed(cloud, path, b"\xbf\xff")  # an empty map of no given length, as Go writes it
    assert answer.status_code == 200
    assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert answer.headers["content-type"] == "application/cbor"
    forged = signed(cloud, path, b"\xbf\xff", secret="wrong")
    assert forged.status_code == 400
    assert forged.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert b"InvalidSignatureException" in forged.content
    # A modelled error's words are read from the member as the shape spells it.
    assert b"\x67Message" in forged.content
    assert b"\x67message" in forged.content


@pytest.mark.parametrize("body", [b"\xff", b"\xa1", b"\x63ab", b"{}", b"\x80", b"\xbf" * 5000])
def test_what_is_no_cbor_map_is_refused(cloud: Cloud, body: bytes) -> None:
    path = f"/service/ResourceGroupsTaggingAPI_{VERSION.replace('-', '')}/operation/GetResources"
    answer = signed(cloud, path, body)
    assert answer.status_code == 400
    assert b"SerializationException" in answer.content


def test_a_path_without_an_operation_is_refused(cloud: Cloud) -> None:
    assert b"UnknownOperationException" in signed(cloud, "/", b"\xa0").content
