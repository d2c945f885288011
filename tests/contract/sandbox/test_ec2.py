"""EC2: regions and subnets."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from discovery.sandbox.aws.faults import Effect, Fault
from tests.support.simulated_aws import REGION, Cloud, refusal


def regions(client: Any, **asked: Any) -> dict[str, str]:
    rows = client.describe_regions(**asked)["Regions"]
    return {row["RegionName"]: row["OptInStatus"] for row in rows}


def test_enabled_regions_only_unless_all_are_asked_for(cloud: Cloud) -> None:
    client = cloud.client("ec2")
    assert len(regions(client)) == 17
    assert set(regions(client).values()) == {"opt-in-not-required"}
    cloud.hub.enable("eu-south-1")
    assert regions(client)["eu-south-1"] == "opted-in"
    everything = regions(client, AllRegions=True)
    assert len(everything) == 34
    assert everything["me-south-1"] == "not-opted-in"
    cloud.hub.disable("eu-south-1")
    assert "eu-south-1" not in regions(client)


def test_regions_by_name_and_filter(cloud: Cloud) -> None:
    client = cloud.client("ec2")
    assert list(regions(client, RegionNames=["eu-west-1", "us-east-1"])) == [
        "eu-west-1",
        "us-east-1",
    ]
    assert len(regions(client, Filters=[{"Name": "region-name", "Values": ["eu-*"]}])) == 5
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        regions(client, RegionNames=["mars-1"])
    with pytest.raises(ClientError, match="The filter 'colour' is invalid"):
        regions(client, Filters=[{"Name": "colour", "Values": ["red"]}])


def test_each_partition_has_its_own(cloud: Cloud) -> None:
    china = cloud.world.account("444455556666", partition="aws-cn")
    client = cloud.client("ec2", china.add_key(), "cn-north-1")
    rows = client.describe_regions(AllRegions=True)["Regions"]
    assert [row["Endpoint"] for row in rows] == [
        "ec2.cn-north-1.amazonaws.com.cn",
        "ec2.cn-northwest-1.amazonaws.com.cn",
    ]


def test_default_subnets_share_a_vpc(cloud: Cloud) -> None:
    subnets = cloud.client("ec2").describe_subnets()["Subnets"]
    assert len(subnets) == 3
    assert len({subnet["VpcId"] for subnet in subnets}) == 1
    assert {subnet["AvailabilityZone"] for subnet in subnets} == {
        f"{REGION}{zone}" for zone in "abc"
    }
    other = cloud.client("ec2", cloud.assume()).describe_subnets()["Subnets"]
    assert other[0]["VpcId"] != subnets[0]["VpcId"]


def test_one_unknown_subnet_fails_the_call_and_a_filter_does_not(cloud: Cloud) -> None:
    cloud.region.add_subnet("subnet-1", vpc="vpc-1")
    client = cloud.client("ec2")
    [subnet] = client.describe_subnets(SubnetIds=["subnet-1"])["Subnets"]
    assert subnet["VpcId"] == "vpc-1"
    with pytest.raises(ClientError) as caught:
        client.describe_subnets(SubnetIds=["subnet-1", "subnet-2"])
    assert refusal(caught.value) == ("InvalidSubnetID.NotFound", 400)
    wanted = [{"Name": "subnet-id", "Values": ["subnet-1", "subnet-2"]}]
    [subnet] = client.describe_subnets(Filters=wanted)["Subnets"]
    assert subnet["SubnetId"] == "subnet-1"
    [subnet] = client.describe_subnets(Filters=[{"Name": "vpc-id", "Values": ["vpc-1"]}])["Subnets"]
    assert subnet["SubnetId"] == "subnet-1"


def test_pages(cloud: Cloud) -> None:
    for number in range(20):
        cloud.region.add_subnet(f"subnet-{number:02}", vpc="vpc-1")
    client = cloud.client("ec2")
    paginator = client.get_paginator("describe_subnets")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 10}))
    assert [len(page["Subnets"]) for page in pages] == [10, 10, 3]
    for asked, code in (
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"MaxResults": 1001}, "InvalidParameterValue"),
        ({"MaxResults": 10, "SubnetIds": ["subnet-01"]}, "InvalidParameterCombination"),
        ({"NextToken": "garbage"}, "InvalidNextToken"),
    ):
        with pytest.raises(ClientError) as caught:
            cloud.client("ec2", parameter_validation=False).describe_subnets(**asked)
        assert refusal(caught.value) == (code, 400)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Effect.THROTTLED, ("RequestLimitExceeded", 503)),
        (Effect.DENIED, ("UnauthorizedOperation", 403)),
    ],
)
def test_faults_are_spelled_the_ec2_way(
    cloud: Cloud, effect: Effect, expected: tuple[str, int]
) -> None:
    cloud.aws.faults.add(Fault(effect=effect))
    with pytest.raises(ClientError) as caught:
        cloud.client("ec2").describe_regions()
    assert refusal(caught.value) == expected
