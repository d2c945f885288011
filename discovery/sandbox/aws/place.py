"""Where something is: a partition, an account and a region, with the time and delays of things."""

import hashlib
from dataclasses import dataclass

from discovery.sandbox.aws.partitions import Partition
from discovery.sandbox.aws.timed_store import Delays
from discovery.sandbox.clock import Clock


@dataclass(frozen=True, slots=True)
class Place:
    """Where a region is: its partition, account, name, clock and delays."""

    partition: Partition
    account_id: str
    name: str
    clock: Clock
    delays: Delays

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something here."""
        return f"arn:{self.partition.name}:{service}:{self.name}:{self.account_id}:{resource}"


def digest(*parts: str) -> str:
    """A stable identifier's worth of hexadecimal digits for what `parts` name."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
