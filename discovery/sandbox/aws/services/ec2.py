"""Amazon EC2, as far as regions and subnets go (aws/README: Regions and subnets)."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from discovery.sandbox.aws.errors import AwsError
from discovery.sandbox.aws.services.service import Ask, Given, Service
from discovery.sandbox.aws.values import Subnet

service = Service(name="ec2", signing_name="ec2")

T = TypeVar("T")


@service.operation("DescribeRegions")
def describe_regions(ask: Ask) -> Mapping[str, Any]:
    """The enabled regions; with AllRegions every one of the partition, with its opt-in status."""
    partition = ask.account.partition
    rows = [_region(ask, name) for name in partition.regions]
    if not ask.given.flag("AllRegions"):
        rows = [row for row in rows if row["RegionName"] in ask.account.enabled]
    named = ask.given.texts("RegionNames")
    unknown = sorted(set(named) - {row["RegionName"] for row in rows})
    if unknown:
        raise AwsError("InvalidParameterValue", f"Invalid region names: [{', '.join(unknown)}]")
    if named:
        rows = [row for row in rows if row["RegionName"] in named]
    return {"Regions": _filtered(rows, ask.given, _REGION_FILTERS)}


def _region(ask: Ask, name: str) -> dict[str, str]:
    partition = ask.account.partition
    if name not in ask.account.enabled:
        status = "not-opted-in"
    elif name in partition.default_regions:
        status = "opt-in-not-required"
    else:
        status = "opted-in"
    endpoint = f"ec2.{name}.{partition.dns_suffix}"
    return {"RegionName": name, "Endpoint": endpoint, "OptInStatus": status}


@service.operation("DescribeSubnets")
def describe_subnets(ask: Ask) -> Mapping[str, Any]:
    """The subnets of the region. One unknown id fails the whole call."""
    named = ask.given.texts("SubnetIds")
    if named and "MaxResults" in ask.given:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter SubnetIds cannot be used with the parameter MaxResults",
        )
    subnets = list(ask.region.subnets.values())
    if named:
        subnets = [_subnet(ask, subnet_id) for subnet_id in dict.fromkeys(named)]
    page = ask.page(
        _filtered(subnets, ask.given, _SUBNET_FILTERS),
        key=lambda subnet: subnet.id,
        size=ask.given.number("MaxResults", 1000),
        token=ask.given.maybe_text("NextToken"),
        invalid=AwsError("InvalidNextToken", "The token is invalid."),
    )
    rows = [_described(ask, subnet) for subnet in page.items]
    return {"Subnets": rows, "NextToken": page.token}


def _subnet(ask: Ask, subnet_id: str) -> Subnet:
    subnet = ask.region.subnets.get(subnet_id)
    if subnet is None:
        raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")
    return subnet


def _described(ask: Ask, subnet: Subnet) -> Mapping[str, Any]:
    return {
        "SubnetId": subnet.id,
        "SubnetArn": subnet.arn,
        "VpcId": subnet.vpc_id,
        "AvailabilityZone": subnet.zone,
        "CidrBlock": subnet.cidr,
        "DefaultForAz": subnet.is_default,
        "OwnerId": ask.account.id,
        "State": "available",
        "AvailableIpAddressCount": 4091,
        "Tags": [],
    }


_REGION_FILTERS: Mapping[str, Callable[[Mapping[str, str]], str]] = {
    "region-name": lambda row: row["RegionName"],
    "endpoint": lambda row: row["Endpoint"],
    "opt-in-status": lambda row: row["OptInStatus"],
}

_SUBNET_FILTERS: Mapping[str, Callable[[Subnet], str]] = {
    "subnet-id": lambda subnet: subnet.id,
    "vpc-id": lambda subnet: subnet.vpc_id,
    "availability-zone": lambda subnet: subnet.zone,
    "default-for-az": lambda subnet: str(subnet.is_default).lower(),
}


def _filtered(items: Iterable[T], given: Given, known: Mapping[str, Callable[[T], str]]) -> list[T]:
    kept = list(items)
    for wanted in given.structures("Filters"):
        name, patterns = wanted.text("Name"), wanted.texts("Values")
        read = known.get(name)
        if read is None:
            raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
        kept = [item for item in kept if any(fnmatchcase(read(item), p) for p in patterns)]
    return kept
