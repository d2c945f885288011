"""The owner of a live `db` resource (R2): us, another group, or somebody else.

A resource is ours when its labels say so and it agrees with itself. Labels can be copied by
hand, so the ARN in them is held against `spec.aws`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from discovery.model.interning import intern_text
from discovery.model.values import AccountId, Arn, Database, Region, Scope

MANAGED_BY_LABEL = "managed-by"
MANAGED_BY = "cachemuster"
GROUP_LABEL = "cachemuster/group"
ARN_LABEL = "cachemuster/arn"
IAM_LABEL = "cachemuster/iam-auth"

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):elasticache:(?P<region>[a-z0-9-]+)"
    r":(?P<account>[0-9]{12}):serverlesscache:(?P<name>[a-zA-Z][a-zA-Z0-9-]*)"
)


@dataclass(frozen=True, slots=True)
class CacheArn:
    """The parts of a serverless cache's ARN (aws/README: ARNs and hosts)."""

    arn: Arn
    partition: str
    account_id: AccountId
    region: Region
    name: str

    @property
    def scope(self) -> Scope:
        """The account and region in the ARN."""
        return Scope(self.account_id, self.region)


class NotOurs(Enum):
    """Why a live resource is not ours."""

    FOREIGN = "FOREIGN"
    OTHER_GROUP = "OTHER_GROUP"
    IDENTITY_MISMATCH = "IDENTITY_MISMATCH"


def parse_cache_arn(text: str) -> CacheArn | None:
    """Parse a serverless cache's ARN; None when `text` is no such thing."""
    match = _ARN.fullmatch(text)
    if match is None:
        return None
    return CacheArn(
        Arn(intern_text(text)),
        intern_text(match["partition"]),
        AccountId(intern_text(match["account"])),
        Region(intern_text(match["region"])),
        intern_text(match["name"]),
    )


def owner_of(database: Database, group: str) -> CacheArn | NotOurs:
    """Find the cache that a resource of ours stands for, or why it is not ours."""
    if database.labels.get(MANAGED_BY_LABEL) != MANAGED_BY:
        return NotOurs.FOREIGN
    owner = database.labels.get(GROUP_LABEL)
    if not owner:
        return NotOurs.FOREIGN
    if owner != group:
        return NotOurs.OTHER_GROUP
    parsed = parse_cache_arn(database.labels.get(ARN_LABEL, ""))
    if parsed is None or not _agrees(database, parsed):
        return NotOurs.IDENTITY_MISMATCH
    return parsed


def _agrees(database: Database, parsed: CacheArn) -> bool:
    aws = database.spec.get("aws")
    if not isinstance(aws, dict):
        return False
    serverless = aws.get("elasticache_serverless")
    cache_name = serverless.get("cache_name") if isinstance(serverless, dict) else None
    return (aws.get("account_id"), aws.get("region"), cache_name) == (
        parsed.account_id,
        parsed.region,
        parsed.name,
    )
