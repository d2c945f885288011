"""Whose credentials sign the token: Teleport's where the agent can have them, else its own.

Teleport signs with the role that the matcher's `connect` names. Without one it signs with the
Database Service's own credentials, which the agent does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from discovery.aws.clients import CredentialSource
from discovery.aws.cloud import Cloud
from discovery.aws.errors import AwsCallFailed
from discovery.aws.iam_token import iam_token
from discovery.config.aws import Account as AccountEntry
from discovery.model.foreign_text import quoted
from discovery.probe.targets import Target

_MOST_SAID: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Credentials for one login, or why there are none."""

    who: str
    """For a person: a role's ARN, or whose they are."""
    as_teleport: bool
    sign: Callable[[str], str] | None = field(default=None, repr=False)
    """Makes the token of a user; None: there are no credentials."""
    problem: str = ""
    """Why there are none."""


async def credentials_for(target: Target, cloud: Cloud) -> Credentials:
    """Get the credentials to sign the tokens of one cache with."""
    if target.connect is None:
        return await _of_account(target, cloud)
    cache = target.cache
    role = target.connect.role_arn(
        partition=cache.partition, account_id=cache.account_id, region=cache.region
    )
    try:
        entry = AccountEntry(
            id=cache.account_id, role_arn=role, external_id=target.connect.external_id
        )
        sign = await _signing(target, await cloud.accounts.assume(entry))
    except AwsCallFailed as error:
        problem = f"the connect role could not be assumed from here: {error}"
        return Credentials(who=role, as_teleport=True, problem=_short(problem))
    except ValueError:  # of pydantic: filled in, it is no role's ARN
        problem = f"{role} is not the ARN of a role"
        return Credentials(who=role, as_teleport=True, problem=_short(problem))
    return Credentials(who=role, as_teleport=True, sign=sign)


async def _of_account(target: Target, cloud: Cloud) -> Credentials:
    who = f"the agent's own credentials for account {target.cache.account_id}"
    try:
        account = await cloud.accounts.authenticate(target.cache.account_id)
        sign = await _signing(target, account.credentials)
    except AwsCallFailed as error:
        return Credentials(who=who, as_teleport=False, problem=_short(str(error)))
    return Credentials(who=who, as_teleport=False, sign=sign)


async def _signing(target: Target, source: CredentialSource) -> Callable[[str], str]:
    """Raises: AwsCallFailed."""
    keys, cache = await source.get_frozen_credentials(), target.cache
    return lambda user: iam_token(cache.name, user, cache.region, keys)


def _short(text: str) -> str:
    return quoted(text, _MOST_SAID)
