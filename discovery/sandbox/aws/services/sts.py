"""AWS Security Token Service: who am I, and may I be somebody else.

Source: aws/README: STS.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from discovery.sandbox.aws.errors import AwsError, Refusal, Spelling
from discovery.sandbox.aws.keys import Key, new_id, new_secret, new_token
from discovery.sandbox.aws.services.service import Ask, Given, Service, denied
from discovery.sandbox.aws.values import Role
from discovery.sandbox.aws.web_identity import AUDIENCE, ISSUER
from discovery.sandbox.aws.world import Account

CHAINED_LIMIT = timedelta(hours=1)
"""The longest session that a role's own session may ask for."""

NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"

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
    return _session_of(ask, _trusting_role(ask))


@service.operation("AssumeRoleWithWebIdentity", subject=_account_of_role)
def assume_role_with_web_identity(ask: Ask) -> Mapping[str, Any]:
    """Keys of a session of the role, if its trust lets the token's subject in. No key signs it."""
    identity = ask.world.web_identities.find(ask.given.text("WebIdentityToken"))
    if identity is None:
        raise AwsError("InvalidIdentityToken", "No OpenIDConnect provider found in your account")
    if identity.expires_at <= ask.world.front_door():
        raise AwsError("ExpiredTokenException", "Token expired: current date/time is after its end")
    role = _role(ask, ask.given.text("RoleArn"))
    if role is None or identity.subject not in role.trusted or not _is_named_right(ask, role):
        raise AwsError("AccessDenied", NOT_AUTHORIZED, 403)
    return {
        **_session_of(ask, role),
        "SubjectFromWebIdentityToken": identity.subject,
        "Provider": f"{ask.account.iam_arn('oidc-provider')}/{ISSUER}",
        "Audience": AUDIENCE,
    }


def _session_of(ask: Ask, role: Role) -> Mapping[str, Any]:
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
    is_named = bool(caller.intersection(role.trusted)) and role.external_id in (None, external_id)
    return is_named and _is_named_right(ask, role)


def _is_named_right(ask: Ask, role: Role) -> bool:
    """The trust policy may demand a session name (`sts:RoleSessionName`)."""
    return role.session_name in (None, ask.given.text("RoleSessionName"))


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
        token_version=ask.world.session_token_version,
    )
    last = role.name.rpartition("/")[2]  # a session's ARN never holds the path of its role
    arn = f"arn:{account.partition.name}:sts::{account.id}:assumed-role/{last}/{name}"
    return replace(session, principal_arn=arn)
