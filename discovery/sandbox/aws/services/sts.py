"""AWS Security Token Service: who am I, and may I be somebody else.

Source: reference aws-elasticache.md §1.3.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from discovery.sandbox.aws.errors import AwsError, Refusal, Spelling
from discovery.sandbox.aws.keys import Key, new_id, new_secret, new_token
from discovery.sandbox.aws.services.service import Ask, Given, Service, denied
from discovery.sandbox.aws.values import Role
from discovery.sandbox.aws.world import Account

CHAINED_LIMIT = timedelta(hours=1)
"""The longest session that a role's own session may ask for."""

_VALIDATION = Spelling("ValidationError", 400, "1 validation error detected")

service = Service(
    name="sts",
    signing_name="sts",
    spellings={
        Refusal.MISSING_MEMBER: _VALIDATION,
        Refusal.INVALID_MEMBER: _VALIDATION,
        Refusal.REGION_OFF: Spelling(
            "RegionDisabledException",
            403,
            "STS is not activated in this region for the account. Your account administrator can "
            "activate STS in this region using the IAM Console.",
        ),
    },
)


def _account_of_role(given: Given) -> str | None:
    parts = given.text("RoleArn").split(":")
    return parts[4] if len(parts) > 5 else None


@service.operation("GetCallerIdentity")
def get_caller_identity(ask: Ask) -> Mapping[str, Any]:
    """Account, ARN and id of the key's owner."""
    account_id = ask.acts_as or ask.account.id
    arn = ask.key.principal_arn.replace(f":{ask.account.id}:", f":{account_id}:")
    return {"Account": account_id, "Arn": arn, "UserId": ask.key.user_id}


@service.operation("AssumeRole", subject=_account_of_role)
def assume_role(ask: Ask) -> Mapping[str, Any]:
    """Keys of a session of the role, if its trust lets the caller in."""
    role = _trusting_role(ask)
    duration = timedelta(seconds=ask.given.number("DurationSeconds", 3600))
    _check_duration(ask.key, role, duration)
    session = _new_session(ask, role, duration)
    ask.world.keys.add(session)
    return {
        "Credentials": {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret,
            "SessionToken": session.token,
            "Expiration": session.expires_at,
        },
        "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.principal_arn},
        "PackedPolicySize": 0,
    }


def _trusting_role(ask: Ask) -> Role:
    arn = ask.given.text("RoleArn")
    role = _role(ask, arn)
    if role is None or not _is_trusted(ask, role):
        # AWS does not say whether the role exists.
        raise denied(ask, "sts:AssumeRole", arn)
    return role


def _role(ask: Ask, arn: str) -> Role | None:
    account = ask.world.accounts.get(_account_of_role(ask.given) or "")
    if account is None or account.partition is not ask.account.partition:
        return None
    return next((role for role in account.roles.values() if role.arn == arn), None)


def _is_trusted(ask: Ask, role: Role) -> bool:
    caller = {ask.account.id, ask.key.principal_arn, ask.key.role_arn, _root(ask.account)}
    external_id = ask.given.maybe_text("ExternalId")
    return bool(caller.intersection(role.trusted)) and role.external_id in (None, external_id)


def _root(account: Account) -> str:
    return account.iam_arn("root")


def _check_duration(key: Key, role: Role, duration: timedelta) -> None:
    if key.is_session and duration > CHAINED_LIMIT:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining.",
        )
    if duration > role.max_session:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )


def _new_session(ask: Ask, role: Role, duration: timedelta) -> Key:
    name = ask.given.text("RoleSessionName")
    account = ask.world.account(ask.acts_as or role.arn.split(":")[4])
    session = Key(
        access_key_id=new_id("ASIA"),
        secret=new_secret(),
        account_id=account.id,
        principal_arn="",
        user_id=f"{new_id('AROA')}:{name}",
        token=new_token(),
        expires_at=ask.world.front_door().replace(microsecond=0) + duration,
        role_arn=account.iam_arn(f"role/{role.name}"),
    )
    arn = f"arn:{account.partition.name}:sts::{account.id}:assumed-role/{role.name}/{name}"
    return replace(session, principal_arn=arn)
