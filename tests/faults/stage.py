"""What seeds share: one simulated AWS with two accounts, and one set of clients for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from botocore.retries.standard import ExponentialBackoff

from discovery.aws.cloud import Cloud, open_cloud
from discovery.config.aws import Aws
from discovery.config.secrets import Secret
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import World

HUB, MEMBER = "111122223333", "444455556666"
REGIONS = ("eu-central-1", "us-east-1")
NAMES = ("orders", "carts", "sessions", "prices")


@dataclass
class Stage:
    """What seeds share: one simulated AWS, and one set of clients for it."""

    aws: SimulatedAws
    cloud: Cloud


@asynccontextmanager
async def set_stage() -> AsyncIterator[Stage]:
    """Two accounts in two regions with their users, and the agent's keys in the environment."""
    world = World()
    hub, member = (world.account(account, regions=REGIONS) for account in (HUB, MEMBER))
    member.add_role("cachemuster", trusted=[HUB])
    for account in (hub, member):
        for region in map(account.region, REGIONS):
            region.add_user("app")
            region.add_user_group("people", users=("app",))
    key = hub.add_key("agent")
    aws = SimulatedAws(world)
    async with aws.serve() as url:
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_REGION": REGIONS[0],
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        with (
            patch.dict(os.environ, environment),
            patch.object(ExponentialBackoff, "delay_amount", lambda _self, _context: 0),
        ):
            settings = Aws.model_validate(SETTINGS["aws"])
            async with open_cloud(settings, resolve=Secret, clock=_utc_now) as cloud:
                yield Stage(aws, cloud)


def _utc_now() -> datetime:
    return datetime.now(UTC)


SETTINGS: Mapping[str, Any] = {
    "version": 1,
    "group": "prod",
    "state": {"path": "state.db"},
    "control_plane": {"kind": "embedded", "path": "registry.db"},
    "aws": {
        "accounts": [
            {"id": HUB},
            {"id": MEMBER, "role_arn": f"arn:aws:iam::{MEMBER}:role/cachemuster"},
        ],
        "regions": list(REGIONS),
        "scope_timeout": "10s",
    },
    "deregistration": {
        "missed_sweeps": 2, "grace": "10m", "window": "1h", "max_percent": 100,
    },
}  # fmt: skip
