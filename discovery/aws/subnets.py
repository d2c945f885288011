"""Read which VPC a subnet lies in. That never changes, so a process asks once for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from discovery.aws.errors import malformed_response
from discovery.aws.session import Session, deduplicate
from discovery.model.values import UNKNOWN, AccountId, Cache, Region

SUBNETS = "ec2:DescribeSubnets"
_FILTER_VALUES = 200
"""The most values that one EC2 filter takes."""


class SubnetVpcs:
    """VPCs of subnets, by account, region and subnet id.

    Shared VPCs show the same subnet to several accounts.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[AccountId, Region, str], str] = {}

    async def read(self, session: Session, caches: Iterable[Cache]) -> None:
        """Read the VPCs of these caches, as far as their subnets exist. Raises: AwsCallFailed."""
        every = {
            subnet
            for cache in caches
            if cache.subnet_ids is not UNKNOWN
            for subnet in cache.subnet_ids
        }
        missing = sorted(
            subnet for subnet in every if self._key(session, subnet) not in self._known
        )
        for some in _batches(missing):
            # By filter: one id that does not exist fails a whole call that names ids.
            filters = [{"Name": "subnet-id", "Values": list(some)}]
            token = ("NextToken", "NextToken")
            entries = await session.entries(SUBNETS, "Subnets", token, Filters=filters)
            read = deduplicate((_vpc_of(entry, session) for entry in entries), SUBNETS, session)
            for subnet, vpc_id in read.items():
                self._known[self._key(session, subnet)] = vpc_id

    def of(self, cache: Cache) -> str | None:
        """The VPC of a cache whose subnets were read; None when it has none that exist.

        All subnets of a cache lie in one VPC (aws/README: Regions and subnets).
        """
        subnets = () if cache.subnet_ids is UNKNOWN else cache.subnet_ids
        keys = ((cache.account_id, cache.region, subnet) for subnet in subnets)
        return next((self._known[key] for key in keys if key in self._known), None)

    @staticmethod
    def _key(session: Session, subnet_id: str) -> tuple[AccountId, Region, str]:
        return (session.account_id, session.region, subnet_id)


def _vpc_of(entry: Mapping[str, Any], session: Session) -> tuple[str, str]:
    """Raises: AwsCallFailed for a subnet without id or VPC: every one has both."""
    subnet, vpc_id = entry.get("SubnetId"), entry.get("VpcId")
    if not (isinstance(subnet, str) and subnet and isinstance(vpc_id, str) and vpc_id):
        raise malformed_response("a subnet without an id or a VPC", SUBNETS, str(session.scope))
    return subnet, vpc_id


def _batches(subnets: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(subnets), _FILTER_VALUES):
        yield subnets[start : start + _FILTER_VALUES]
