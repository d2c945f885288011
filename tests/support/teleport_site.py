"""A served Teleport for tests of its adapter, and the databases that they register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from discovery.config.control_plane import Teleport as Settings
from discovery.control_plane.teleport.client import Teleport
from discovery.control_plane.teleport.reader import TeleportReader
from discovery.model.values import Database, ResourceName
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import Role, bot_role
from discovery.sandbox.teleport.server import Addresses, SimulatedTeleport

GROUP = "prod"
ACCOUNT = "111122223333"
REGION = "eu-central-1"


def registration(name: str = "orders", **labels: str) -> Database:
    """What the agent registers for the cache of this name."""
    return Database(
        name=ResourceName(name),
        labels={
            "teleport.dev/origin": "dynamic",
            "managed-by": "cachemuster",
            "cachemuster/group": GROUP,
            "cachemuster/arn": f"arn:aws:elasticache:{REGION}:{ACCOUNT}:serverlesscache:{name}",
            **labels,
        },
        description=f"ElastiCache Serverless cache in {REGION}",
        spec={
            "protocol": "redis",
            "uri": f"{name}-abc123.serverless.euc1.cache.amazonaws.com:6379",
            "aws": {
                "region": REGION,
                "account_id": ACCOUNT,
                "elasticache_serverless": {"cache_name": name},
            },
        },
    )


@dataclass
class Site:
    """A served Teleport, and clients of it."""

    teleport: SimulatedTeleport
    at: Addresses
    directory: Path
    now: Callable[[], datetime]

    @property
    def cluster(self) -> Cluster:
        return self.teleport.cluster

    @property
    def identity_file(self) -> Path:
        return self.directory / "identity"

    def write_identity(
        self,
        *roles: str | Role,
        lifetime: timedelta = timedelta(hours=1),
        of: Cluster | None = None,
    ) -> Path:
        """A fresh identity, fenced as a bot's unless roles are given."""
        issuer = of or self.cluster
        issuer.issue("bot-cachemuster", *(roles or (bot_role(GROUP),)), lifetime=lifetime).write(
            self.identity_file
        )
        return self.identity_file

    def settings(self, route: str = "auth", **changes: Any) -> Settings:
        address = self.at.auth if route == "auth" else self.at.proxy
        values = {"kind": "teleport", "address": address, "route": route}
        return Settings.model_validate(
            {**values, "identity_file": str(self.identity_file), **changes}
        )

    def client(self, route: str = "auth", **changes: Any) -> Teleport:
        """Reading and writing, with pauses cut short."""
        if not self.identity_file.exists():
            self.write_identity()
        return Teleport(
            self.settings(route, **changes), clock=self.now, sleep=self.pause, environ={}
        )

    def reader(self, route: str = "auth", **changes: Any) -> TeleportReader:
        if not self.identity_file.exists():
            self.write_identity()
        return TeleportReader(
            self.settings(route, **changes), clock=self.now, sleep=self.pause, environ={}
        )

    async def pause(self, seconds: float) -> None:
        """As long as a person pauses, for the cluster's clock: a lag ends meanwhile."""
        self.cluster.clock.advance(timedelta(seconds=seconds))

    def kept(self, name: str) -> dict[str, Any]:
        """The document that the cluster holds."""
        return dict(self.cluster.databases[name])


def with_labels(database: Database, **labels: str) -> Database:
    return replace(database, labels={**database.labels, **labels})
