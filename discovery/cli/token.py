"""`cachemuster token`: sign an IAM auth token on this machine."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from discovery.cli.options import common, with_common
from discovery.cli.streams import stderr_line
from discovery.model.clock import utc_now
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Region

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

    from state.records import RememberedState

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
_USER = re.compile(r"[a-zA-Z][a-zA-Z0-9.-]*")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


@click.command(name="token")
@click.argument("cache")
@click.argument("user")
@click.option(
    "--region",
    metavar="REGION",
    help="The cache's region; else the ARN's, AWS_REGION, the profile's, or the one that the "
    "state file knows.",
)
@click.option("--profile", metavar="NAME", help="A profile of the AWS CLI's configuration.")
@with_common
def command(cache: str, user: str, region: str | None, profile: str | None) -> None:
    """Print the password with which USER, a user id, logs in to CACHE, a name or an ARN.

    It is signed with the credentials that the AWS CLI uses, on this machine: nothing is asked
    of AWS, and no state or configuration is needed. It is valid for 15 minutes, or until the
    credentials end. Who signs needs elasticache:Connect on the cache and on the user. Where there
    is a state file, a cache or user that it does not know is remarked on stderr; at a terminal the
    lines to connect with stand there too.

    \b
    Examples:
      cachemuster token orders teleport-app --region eu-central-1
      cachemuster token "$CACHE_ARN" app
      REDISCLI_AUTH="$(cachemuster token orders app --region eu-west-1)"
    """
    from discovery.cli.token_hints import Login, print_hints, remembered

    state = remembered(common())
    name, place = _named(cache, region, profile, state)
    if _USER.fullmatch(user) is None:
        raise click.BadParameter(f"{user!r} is no user id", param_hint="USER")
    # The SDK is loaded only by whoever needs it.
    import asyncio

    from discovery.aws.iam_token import LIFETIME_S, iam_token

    credentials = asyncio.run(_credentials(profile, Region(place)))
    token = iam_token(name, user.lower(), place, credentials)
    login = Login(cache, name, place, user.lower(), profile)
    stderr_line(f"Valid for {LIFETIME_S // 60} minutes as the password of user {login.user}.")
    print_hints(login, state, to_terminal=sys.stderr.isatty())
    click.echo(token)


async def _credentials(profile: str | None, region: Region) -> ReadOnlyCredentials:
    """Credentials that the AWS CLI would use now. Raises: AwsCallFailed."""
    from discovery.aws.credentials import AmbientCredentials

    held = await AmbientCredentials.open(profile, region, utc_now)
    return await held.get_frozen_credentials()


def _named(
    cache: str, region: str | None, profile: str | None, state: RememberedState | None
) -> tuple[str, str]:
    """Name and region of the cache. Raises: click.UsageError."""
    if region is not None and _REGION.fullmatch(region) is None:
        raise click.BadParameter(f"{region!r} is no region", param_hint="--region")
    arn = parse_cache_arn(cache)
    if arn is not None:
        if region not in (None, arn.region):
            raise click.UsageError(f"the ARN is of {arn.region}, not of {region}")
        return arn.name, arn.region
    if _NAME.fullmatch(cache) is None:
        raise click.BadParameter(
            f"{cache!r} is neither a cache name nor a serverless cache's ARN", param_hint="CACHE"
        )
    return cache, region or _usual_region(cache, profile, state)


def _usual_region(cache: str, profile: str | None, state: RememberedState | None) -> str:
    """Region that the AWS CLI uses here, else that of the only cache of this name.

    Raises: click.UsageError, AwsCallFailed.
    """
    from discovery.aws.cloud import default_region
    from discovery.cli.token_hints import only_region

    found = default_region(profile) or only_region(cache, state)
    if found is None:
        raise click.UsageError(
            "a cache by name needs --region, such as --region eu-central-1, or AWS_REGION"
        )
    if _REGION.fullmatch(found) is None:
        raise click.UsageError(f"{found!r}, of AWS_REGION or the profile, is no region")
    return found
