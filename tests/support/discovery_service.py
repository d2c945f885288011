"""Teleport's Discovery Service: what it registers, and what it changes at a poll.

From control_plane/README: Labels, Reconciler. Its matchers take every cache of some regions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.values import Cache
from discovery.sandbox.teleport.cluster import Cluster

ORIGIN, GROUP = "teleport.dev/origin", "teleport.internal/discovery-group-name"


@dataclass
class DiscoveryService:
    """One, with its matchers as it goes by them now."""

    cluster: Cluster
    group: str
    matchers: dict[str, tuple[Region, ...]]
    """Regions by the role that a matcher assumes there."""
    external_id: str
    errors: list[str] = field(default_factory=list)
    """Names that were taken by somebody else, as its log has them."""

    def poll(self) -> None:
        """Register, change and remove what differs from the caches."""
        found = {
            database["metadata"]["name"]: database
            for role, regions in self.matchers.items()
            for region in regions
            for cache in region.caches.values()
            for database in [self._database(cache, region, role)]
        }
        there = dict(self.cluster.databases)
        for name, each in there.items():
            if name not in found and self._is_own(self._labels(each), group_of_none=""):
                self.cluster.store.delete(name)
        for name, database in found.items():
            self._register(name, database, there.get(name))

    def _register(self, name: str, database: dict[str, Any], there: dict[str, Any] | None) -> None:
        if there is None or self._is_own(self._labels(there), group_of_none=self.group):
            self.cluster.place(database)
        else:
            self.errors.append(name)

    def _is_own(self, labels: Mapping[str, str], *, group_of_none: str) -> bool:
        """Whether it may change that database; one without a group may be taken, never removed."""
        is_cloud = labels.get(ORIGIN) == "cloud"
        return is_cloud and labels.get(GROUP, group_of_none) == self.group

    @staticmethod
    def _labels(database: Mapping[str, Any]) -> dict[str, str]:
        return dict(database["metadata"].get("labels", {}))

    def _database(self, cache: Cache, region: Region, role: str) -> dict[str, Any]:
        place = region.place
        labels = {
            "account-id": place.account_id,
            "region": place.name,
            "teleport.dev/cloud": "AWS",
            "engine": cache.engine,
            "engine-version": cache.full_version,
            "vpc-id": region.subnets[cache.subnet_ids[0]].vpc_id,
            **region.tags[cache.arn],
            "teleport.internal/discovered-name": cache.name,
            ORIGIN: "cloud",
            "teleport.dev/discovery-type": "elasticache-serverless",
            GROUP: self.group,
        }
        aws = {
            "region": place.name,
            "account_id": place.account_id,
            "elasticache_serverless": {"cache_name": cache.name},
            "assume_role_arn": role,
            "external_id": self.external_id,
        }
        name = f"{cache.name}-elasticache-serverless-{place.name}-{place.account_id}"
        text = f"ElastiCache Serverless cache in {place.name}"
        return {
            "kind": "db",
            "version": "v3",
            "metadata": {"name": name, "description": text, "labels": labels},
            "spec": {"protocol": "redis", "uri": f"{cache.host}:{cache.port}", "aws": aws},
        }
