"""AWS's partitions and regions, as far as the sandbox needs them.

Sources: aws/README: ARNs and hosts (short codes), aws/README: Partitions (and which regions are
opt-in).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from discovery.sandbox.aws.timed_store import Delays
from discovery.sandbox.clock import Clock


@dataclass(frozen=True, slots=True)
class Partition:
    """A separate AWS: its accounts, regions and DNS suffix belong to no other one."""

    name: str
    dns_suffix: str
    default_regions: tuple[str, ...]
    opt_in_regions: tuple[str, ...] = ()

    @property
    def regions(self) -> tuple[str, ...]:
        """Every region of the partition, sorted."""
        return tuple(sorted(self.default_regions + self.opt_in_regions))


PARTITIONS: Mapping[str, Partition] = {
    partition.name: partition
    for partition in (
        Partition(
            name="aws",
            dns_suffix="amazonaws.com",
            default_regions=(
                *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
                *("ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1"),
                *("eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1"),
                *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
            ),
            opt_in_regions=(
                *("af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3"),
                *("ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
                *("ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1"),
                *("me-central-1", "me-south-1", "mx-central-1"),
            ),
        ),
        Partition("aws-cn", "amazonaws.com.cn", ("cn-north-1", "cn-northwest-1")),
        Partition("aws-us-gov", "amazonaws.com", ("us-gov-east-1", "us-gov-west-1")),
        Partition("aws-eusc", "amazonaws.eu", ("eusc-de-east-1",)),
    )
}

_DIRECTIONS: Mapping[str, str] = {
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "central": "c",
    "northeast": "ne",
    "northwest": "nw",
    "southeast": "se",
    "southwest": "sw",
}


def short_code(region: str) -> str:
    """Return the region's part of a cache's host name: `use1`, `apne1`, `cnw1`, `usge1`.

    In China a direction of two words keeps the last (`cnw1` is seen for cn-northwest-1).
    """
    *area, direction, number = region.split("-")
    code = _DIRECTIONS.get(direction, direction)
    if area == ["cn"]:
        code = code[-1]
    if area[1:] == ["gov"]:
        area = [area[0], "g"]
    return "".join(area) + code + number


@dataclass(frozen=True, slots=True)
class Place:
    """Partition, account and name of a region, with its clock and delays."""

    partition: Partition
    account_id: str
    name: str
    clock: Clock
    delays: Delays

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something in the region."""
        return f"arn:{self.partition.name}:{service}:{self.name}:{self.account_id}:{resource}"


def digest(*parts: str) -> str:
    """Return hexadecimal digits for a stable identifier of what `parts` name."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
