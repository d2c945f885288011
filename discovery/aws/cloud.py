"""AWS as a sweep sees it: who the agent is, which accounts it may enter, where it asks first."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from discovery.aws.accounts import (
    NOBODY,
    Accounts,
    Identity,
    Resolve,
    ambient_credentials,
    read_identity,
)
from discovery.aws.clients import Signer, endpoint_overrides, open_clients, session_of
from discovery.aws.faults import AwsFault, Fault, fault_of
from discovery.aws.knowledge import Directories, Knowledge
from discovery.aws.pacing import Pacing
from discovery.aws.regions import RegionChoice
from discovery.aws.session import Session
from discovery.codes import ScopeReason
from discovery.config.aws import Account, Aws
from discovery.config.partitions import partition_of_region
from discovery.config.proxies import proxy_problem
from discovery.model import Clock, Region

_FIRST_REGION = {
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-eusc": "eusc-de-east-1",
}
"""A region of each other partition that cannot be disabled; of `aws` it is us-east-1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """AWS, opened with the configured accounts and the agent's own credentials."""

    settings: Aws
    clock: Clock
    identity: Identity
    endpoints: Mapping[str, str]
    """Endpoint overrides in force, by service; empty against the real AWS."""
    home_region: Region
    """Where roles are assumed and lists of regions are asked for."""
    regions: RegionChoice
    accounts: Accounts
    knowledge: Knowledge
    pacing: Pacing


@asynccontextmanager
async def open_cloud(
    settings: Aws, *, resolve: Resolve, clock: Clock, pacing: Pacing | None = None
) -> AsyncIterator[Cloud]:
    """AWS with every connection closed at the end.

    Raises: AwsFault when the agent's own credentials cannot be used, or no region is configured.
    """
    overrides, default = _from_the_sdk(settings.profile)
    regions = RegionChoice.of(_configured_regions(settings, default))
    home = _home_region(settings, default, regions)
    credentials = await ambient_credentials(settings.profile)
    async with open_clients(settings.profile, pool=settings.concurrency) as clients:
        ambient = Session(
            account_id=NOBODY,
            partition="",
            region=home,
            clients=clients,
            signer=Signer(credentials),
        )
        identity = await read_identity(ambient)
        ambient.account_id, ambient.partition = identity.account_id, identity.partition
        yield Cloud(
            settings=settings,
            clock=clock,
            identity=identity,
            endpoints=overrides,
            home_region=home,
            regions=regions,
            accounts=Accounts(settings, ambient, identity, resolve, clock),
            knowledge=Knowledge(Directories(settings.iam_refresh)),
            pacing=pacing or Pacing(),
        )


def default_region(profile: str | None) -> Region | None:
    """The region that the SDK's own configuration names. Raises: AwsFault."""
    return _from_the_sdk(profile)[1]


def _from_the_sdk(profile: str | None) -> tuple[Mapping[str, str], Region | None]:
    problem = proxy_problem(os.environ)
    if problem is not None:
        raise AwsFault(Fault(ScopeReason.UNREACHABLE, f"{problem}. Nothing was asked"))
    try:
        # The AWS CLI reads AWS_REGION first; the SDK for Python does not read it at all.
        named = os.environ.get("AWS_REGION") or session_of(profile).get_config_variable("region")
        return endpoint_overrides(profile), Region(named) if named else None
    except Exception as error:
        raise AwsFault(fault_of(error, "the AWS SDK's own configuration", NOBODY)) from error


def _configured_regions(settings: Aws, default: Region | None) -> tuple[str, ...]:
    if settings.regions is not None:
        return settings.regions
    if default is None:
        message = (
            "no region is configured, so nothing was asked; set aws.regions, AWS_REGION, or the "
            "region of the profile"
        )
        raise AwsFault(Fault(ScopeReason.REGIONS_UNREADABLE, message))
    return (default,)


def _home_region(settings: Aws, default: Region | None, regions: RegionChoice) -> Region:
    """The SDK's default region; without one, a region named in the configuration, or the first of
    the partition that the roles are in."""
    if default is not None:
        return default
    if regions.literals:
        return min(regions.literals)
    return Region(_FIRST_REGION.get(_partition(settings, regions), "us-east-1"))


def _partition(settings: Aws, regions: RegionChoice) -> str:
    entries = (entry for entry in settings.accounts if isinstance(entry, Account))
    roles = [entry.role_arn for entry in entries if entry.role_arn]
    if roles:
        return roles[0].split(":")[1]
    return next((partition_of_region(glob.text) for glob in regions.globs), "aws")
