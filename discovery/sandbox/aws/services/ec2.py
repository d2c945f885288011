"""Amazon EC2, as far as regions and subnets go (aws/README: Regions and subnets)."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from discovery.sandbox.aws.errors import AwsError
from discovery.sandbox.aws.services.service import ApiCall, Parameters, Service
from discovery.sandbox.aws.values import Subnet

service = Service(name="ec2", signing_name="ec2")

T = TypeVar("T")


@service.operation("DescribeRegions")
def describe_regions(call: ApiCall) -> Mapping[str, Any]:
    """List the enabled regions; with AllRegions every one, with its opt-in status."""
    partition = call.account.partition
    rows = [_region(call, name) for name in partition.regions]
    if not call.params.flag("AllRegions"):
        rows = [row for row in rows if row["RegionName"] in call.account.enabled]
    named = call.params.texts("RegionNames")
    unknown = sorted(set(named) - {row["RegionName"] for row in rows})
    if unknown:
        raise AwsError("InvalidParameterValue", f"Invalid region names: [{', '.join(unknown)}]")
    if named:
        rows = [row for row in rows if row["RegionName"] in named]
    return {"Regions": _filtered(rows, call.params, _REGION_FILTERS)}


def _region(call: ApiCall, name: str) -> dict[str, str]:
    partition = call.account.partition
    if name not in call.account.enabled:
        status = "not-opted-in"
    elif name in partition.default_regions:
        status = "opt-in-not-required"
    else:
        status = "opted-in"
    endpoint = f"ec2.{name}.{partition.dns_suffix}"
    return {"RegionName": name, "Endpoint": endpoint, "OptInStatus": status}


@service.operation("DescribeSubnets")
def describe_subnets(call: ApiCall) -> Mapping[str, Any]:
    """List the region's subnets. One unknown id fails the whole call."""
    named = call.params.texts("SubnetIds")
    if named and "MaxResults" in call.params:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter SubnetIds cannot be used with the parameter MaxResults",
        )
    subnets = list(call.region.subnets.values())
    if named:
        subnets = [_subnet(call, subnet_id) for subnet_id in dict.fromkeys(named)]
    page = call.page(
        _filtered(subnets, call.params, _SUBNET_FILTERS),
        key=lambda subnet: subnet.id,
        size=call.params.number("MaxResults", 1000),
        token=call.params.optional_text("NextToken"),
        invalid=AwsError("InvalidNextToken", "The token is invalid."),
    )
    rows = [_described(call, subnet) for subnet in page.items]
    return {"Subnets": rows, "NextToken": page.token}


def _subnet(call: ApiCall, subnet_id: str) -> Subnet:
    subnet = call.region.subnets.get(subnet_id)
    if subnet is None:
        raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")
    return subnet


def _described(call: ApiCall, subnet: Subnet) -> Mapping[str, Any]:
    return {
        "SubnetId": subnet.id,
        "SubnetArn": subnet.arn,
        "VpcId": subnet.vpc_id,
        "AvailabilityZone": subnet.zone,
        "CidrBlock": subnet.cidr,
        "DefaultForAz": subnet.is_default,
        "OwnerId": call.account.id,
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


def _filtered(
    items: Iterable[T], params: Parameters, known: Mapping[str, Callable[[T], str]]
) -> list[T]:
    kept = list(items)
    for wanted in params.structures("Filters"):
        name, patterns = wanted.text("Name"), wanted.texts("Values")
        read = known.get(name)
        if read is None:
            raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
        kept = [item for item in kept if any(_fits(read(item), p) for p in patterns)]
    return kept


def _fits(text: str, pattern: str) -> bool:
    is_plain = pattern.isascii() and pattern.replace("-", "").isalnum()  # as an id: no wildcards
    return text == pattern if is_plain else fnmatchcase(text, pattern)
