"""Open AWS for a sweep: the agent's identity, accounts, regions and where to ask first."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from aiobotocore.credentials import AioCredentials
from botocore.credentials import ReadOnlyCredentials

from discovery.aws.accounts import (
    OWN_ACCOUNT,
    Account,
    Accounts,
    Identity,
    ResolveSecret,
    read_identity,
)
from discovery.aws.clients import Clients, Signer, open_clients
from discovery.aws.credential_errors import unreadable_setup
from discovery.aws.credentials import AmbientCredentials
from discovery.aws.errors import AwsCallFailed, AwsError
from discovery.aws.rate_limiter import RateLimiter
from discovery.aws.regions import EnabledRegions
from discovery.aws.scan_cache import ScanCache, UsersAndGroupsCache
from discovery.aws.sdk_session import endpoint_overrides, sdk_session
from discovery.aws.session import Session
from discovery.aws.tls import CaBundleError, check_ca_bundle
from discovery.config.aws import Account as AccountEntry
from discovery.config.aws import Aws
from discovery.config.partitions import FIRST_REGION, partition_of_region
from discovery.config.proxies import proxy_problem
from discovery.config.regions import RegionChoice, where_to_list
from discovery.model.codes import ScopeReason
from discovery.model.values import Clock, Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """AWS, opened with the configured accounts and the agent's own credentials."""

    settings: Aws
    clock: Clock
    identity: Identity
    credentials: AmbientCredentials
    """The agent's own."""
    endpoints: Mapping[str, str]
    """Endpoint overrides in force, by service; empty against the real AWS."""
    home_region: Region
    """Where roles are assumed and lists of regions are asked for first."""
    regions: RegionChoice
    accounts: Accounts
    scan_cache: ScanCache
    rate_limiter: RateLimiter

    def enabled_regions(self, account: Account) -> EnabledRegions:
        """The enabled regions of an account, to be asked for when somebody needs them."""
        return EnabledRegions(account, where_to_list(self.home_region, self.regions))


@asynccontextmanager
async def open_cloud(
    settings: Aws, *, resolve: ResolveSecret, clock: Clock, rate_limiter: RateLimiter | None = None
) -> AsyncIterator[Cloud]:
    """Open AWS, and close every connection at the end.

    Raises: AwsCallFailed when the agent's own credentials cannot be used, or no region is
    configured.
    """
    overrides, default = _sdk_settings(settings.profile)
    regions = _region_choice(settings, default)
    home = _home_region(settings, default, regions)
    credentials = await AmbientCredentials.open(settings.profile, home, clock)
    async with open_clients(settings.profile, pool=settings.concurrency) as clients:
        ambient = _ambient_session(home, clients, credentials)
        identity = await read_identity(ambient)
        ambient.account_id, ambient.partition = identity.account_id, identity.partition
        credentials.set_proof(partial(_check_same_account, ambient, identity))
        yield Cloud(
            settings=settings,
            clock=clock,
            identity=identity,
            credentials=credentials,
            endpoints=overrides,
            home_region=home,
            regions=regions,
            accounts=Accounts(settings, ambient, identity, resolve, clock),
            scan_cache=ScanCache(UsersAndGroupsCache(settings.iam_refresh)),
            rate_limiter=rate_limiter or RateLimiter(),
        )


@asynccontextmanager
async def open_own_session(settings: Aws, *, clock: Clock) -> AsyncIterator[Session]:
    """Open the agent's own credentials where it asks first, for what no account has to prove.

    Raises: AwsCallFailed when they cannot be used, or no region is configured.
    """
    _, default = _sdk_settings(settings.profile)
    home = _home_region(settings, default, _region_choice(settings, default))
    credentials = await AmbientCredentials.open(settings.profile, home, clock)
    async with open_clients(settings.profile, pool=settings.concurrency) as clients:
        yield _ambient_session(home, clients, credentials)


def _ambient_session(home: Region, clients: Clients, credentials: AmbientCredentials) -> Session:
    return Session(
        account_id=OWN_ACCOUNT,
        partition="",
        region=home,
        clients=clients,
        signer=Signer(credentials),
    )


def default_region(profile: str | None) -> Region | None:
    """The region that the SDK's own configuration names. Raises: AwsCallFailed."""
    return _sdk_settings(profile)[1]


def _sdk_settings(profile: str | None) -> tuple[Mapping[str, str], Region | None]:
    problem = proxy_problem(os.environ)
    if problem is not None:
        raise AwsCallFailed(AwsError(ScopeReason.UNREACHABLE, f"{problem}. Nothing was asked"))
    try:
        session = sdk_session(profile)
        check_ca_bundle(session.get_config_variable("ca_bundle"))
        named = session.get_config_variable("region")
        return endpoint_overrides(profile), Region(named) if named else None
    except CaBundleError as error:
        raise AwsCallFailed(AwsError(ScopeReason.UNREACHABLE, str(error))) from error
    except Exception as error:
        raise unreadable_setup(error) from error


async def _check_same_account(
    ambient: Session, identity: Identity, fresh: ReadOnlyCredentials
) -> None:
    """Check that new credentials are of the account that the agent began with (R11).

    Raises: AwsCallFailed.
    """
    held = AioCredentials(fresh.access_key, fresh.secret_key, fresh.token)
    found = await read_identity(replace(ambient, signer=Signer(held)))
    if (found.account_id, found.partition) != (identity.account_id, identity.partition):
        raise AwsCallFailed(
            AwsError(
                ScopeReason.WRONG_ACCOUNT,
                f"the agent's credentials are now of account {found.account_id}, and it began "
                f"with those of {identity.account_id}; restart it, or reload its configuration, "
                "if that is meant",
            )
        )


def _configured_regions(settings: Aws, default: Region | None) -> tuple[str, ...]:
    if settings.regions is not None:
        return settings.regions
    if default is None:
        message = (
            "no region is configured, so nothing was asked; set aws.regions, AWS_REGION, or the "
            "region of the profile"
        )
        raise AwsCallFailed(AwsError(ScopeReason.REGIONS_UNREADABLE, message))
    return (default,)


def _region_choice(settings: Aws, default: Region | None) -> RegionChoice:
    """Select the configured regions. Raises: AwsCallFailed when nothing is left to scan."""
    named = _configured_regions(settings, default)
    choice = RegionChoice.of(named, settings.exclude_regions)
    if not choice.texts:
        message = (
            f"aws.exclude_regions leaves out every region that is configured ({', '.join(named)}), "
            "so nothing was asked; set aws.regions, or leave out less"
        )
        raise AwsCallFailed(AwsError(ScopeReason.REGIONS_UNREADABLE, message))
    return choice


def _home_region(settings: Aws, default: Region | None, regions: RegionChoice) -> Region:
    """Choose where roles are assumed.

    The SDK's default region; without one, a region named in the configuration, or the first of
    the partition that the roles are in.
    """
    if default is not None:
        return default
    if regions.literals:
        return min(regions.literals)
    return Region(FIRST_REGION.get(_partition(settings, regions), "us-east-1"))


def _partition(settings: Aws, regions: RegionChoice) -> str:
    entries = (entry for entry in settings.accounts if isinstance(entry, AccountEntry))
    roles = [entry.role_arn for entry in entries if entry.role_arn]
    if roles:
        return roles[0].split(":")[1]
    return next((partition_of_region(glob.text) for glob in regions.globs), "aws")
