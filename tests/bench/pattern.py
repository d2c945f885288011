"""The call pattern of Teleport's Discovery Service, through the same library as the sweep's.

Five scopes at a time; inside a scope one call after another: all caches, all subnets of the region,
then `ListTagsForResource` for each cache. A scope without caches costs one call. Clients are shared
and sign per request as the sweep's do, so that only the pattern differs; nothing is registered.
Source: control_plane/README: Polling.

    python -m tests.bench.pattern CONFIGURATION
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from discovery.aws.accounts import Account
from discovery.aws.cloud import Cloud, open_cloud
from discovery.aws.session import Session
from discovery.config.load import load_config
from discovery.config.secrets import Secret, resolve_external_id
from discovery.model.values import AccountId, Region

AT_ONCE = 5
_ENGINES = ("redis", "valkey")
_UNAVAILABLE = ("creating", "deleting", "create-failed")


async def discovered(file: Path) -> int:
    """How many caches were found with their tags."""
    settings = load_config(file).aws
    async with open_cloud(settings, resolve=_secret, clock=_now) as cloud:
        entered: dict[AccountId, asyncio.Task[Account]] = {}
        slots = asyncio.Semaphore(AT_ONCE)

        async def fetch(account_id: AccountId, region: Region) -> int:
            async with slots:
                if account_id not in entered:  # a role is assumed once, whatever the regions
                    entered[account_id] = asyncio.ensure_future(
                        cloud.accounts.authenticate(account_id)
                    )
                account = await entered[account_id]
                return await _fetched(account.session(region))

        return sum(await asyncio.gather(*(fetch(*scope) for scope in _scopes(cloud))))


def _scopes(cloud: Cloud) -> Iterator[tuple[AccountId, Region]]:
    for account_id in cloud.accounts.entries:
        for region in sorted(cloud.regions.literals):
            yield account_id, region


async def _fetched(session: Session) -> int:
    token = ("NextToken", "NextToken")
    listing = "elasticache:DescribeServerlessCaches"
    caches = [
        entry
        for entry in await session.entries(listing, "ServerlessCaches", token)
        if entry["Engine"].lower() in _ENGINES and entry["Status"].lower() not in _UNAVAILABLE
    ]
    if not caches:
        return 0
    await session.entries("ec2:DescribeSubnets", "Subnets", token)
    for cache in caches:
        await session.call("elasticache:ListTagsForResource", ResourceName=cache["ARN"])
    return len(caches)


def _secret(reference: str) -> Secret:
    return resolve_external_id(reference, os.environ)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    print(asyncio.run(discovered(Path(sys.argv[1]))), "caches")  # noqa: T201 - its output
