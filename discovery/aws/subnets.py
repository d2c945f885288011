"""Which VPC a subnet lies in. That never changes, so a process asks once for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from discovery.aws.session import Session
from discovery.model import AccountId, Cache, Region

SUBNETS = "ec2:DescribeSubnets"
_FILTER_VALUES = 200
"""The most values that one EC2 filter takes."""


class Vpcs:
    """What is known of subnets, by account, region and subnet id: shared VPCs show the same
    subnet to several accounts."""

    def __init__(self) -> None:
        self._known: dict[tuple[AccountId, Region, str], str] = {}

    async def read(self, session: Session, caches: Iterable[Cache]) -> None:
        """The VPCs of these caches are known afterwards, as far as their subnets exist.

        Raises: AwsFault
        """
        every = {subnet for cache in caches for subnet in cache.subnet_ids}
        missing = sorted(
            subnet for subnet in every if self._key(session, subnet) not in self._known
        )
        for some in _portions(missing):
            # By filter: one id that does not exist fails a whole call that names ids.
            wanted = [{"Name": "subnet-id", "Values": list(some)}]
            token = ("NextToken", "NextToken")
            for entry in await session.entries(SUBNETS, "Subnets", token, Filters=wanted):
                if entry.get("SubnetId") and entry.get("VpcId"):
                    self._known[self._key(session, entry["SubnetId"])] = entry["VpcId"]

    def of(self, cache: Cache) -> str | None:
        """The VPC of a cache whose subnets were read; None when it has none that exist.

        All subnets of a cache lie in one VPC (reference aws-elasticache §1.5).
        """
        keys = ((cache.account_id, cache.region, subnet) for subnet in cache.subnet_ids)
        return next((self._known[key] for key in keys if key in self._known), None)

    @staticmethod
    def _key(session: Session, subnet_id: str) -> tuple[AccountId, Region, str]:
        return (session.account_id, session.region, subnet_id)


def _portions(subnets: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(subnets), _FILTER_VALUES):
        yield subnets[start : start + _FILTER_VALUES]
