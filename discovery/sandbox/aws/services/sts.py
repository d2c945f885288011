"""AWS Security Token Service: identity of the caller, and sessions of roles.

Source: aws/README: STS.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from discovery.sandbox.aws.errors import AwsError, CommonErrorKind, WireError
from discovery.sandbox.aws.keys import Key, new_id, new_secret, new_token
from discovery.sandbox.aws.services.service import ApiCall, Parameters, Service, denied
from discovery.sandbox.aws.values import Role
from discovery.sandbox.aws.web_identity import AUDIENCE, ISSUER
from discovery.sandbox.aws.world import Account

CHAINED_LIMIT = timedelta(hours=1)
"""The longest session that a role's own session may ask for."""

NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"

_VALIDATION = WireError("ValidationError", 400, "1 validation error detected")

service = Service(
    name="sts",
    signing_name="sts",
    wire_errors={
        CommonErrorKind.MISSING_MEMBER: _VALIDATION,
        CommonErrorKind.INVALID_MEMBER: _VALIDATION,
        CommonErrorKind.REGION_OFF: WireError(
            "RegionDisabledException",
            403,
            "STS is not activated in this region for the account. Your account administrator can "
            "activate STS in this region using the IAM Console.",
        ),
    },
)


def _account_of_role(params: Parameters) -> str | None:
    parts = params.text("RoleArn").split(":")
    return parts[4] if len(parts) > 5 else None


@service.operation("GetCallerIdentity")
def get_caller_identity(call: ApiCall) -> Mapping[str, Any]:
    """Answer account, ARN and id of the key's owner."""
    account_id = call.acts_as or call.account.id
    arn = call.key.principal_arn.replace(f":{call.account.id}:", f":{account_id}:")
    return {"Account": account_id, "Arn": arn, "UserId": call.key.user_id}


@service.operation("AssumeRole", subject=_account_of_role)
def assume_role(call: ApiCall) -> Mapping[str, Any]:
    """Answer keys of a session of the role, if it trusts the caller."""
    return _session_of(call, _trusting_role(call))


@service.operation("AssumeRoleWithWebIdentity", subject=_account_of_role)
def assume_role_with_web_identity(call: ApiCall) -> Mapping[str, Any]:
    """Answer keys of a session, if the role trusts the token's subject. No key signs it."""
    identity = call.world.web_identities.find(call.params.text("WebIdentityToken"))
    if identity is None:
        raise AwsError("InvalidIdentityToken", "No OpenIDConnect provider found in your account")
    if identity.expires_at <= call.world.auth_clock():
        raise AwsError("ExpiredTokenException", "Token expired: current date/time is after its end")
    role = _role(call, call.params.text("RoleArn"))
    if role is None or identity.subject not in role.trusted or not _is_named_right(call, role):
        raise AwsError("AccessDenied", NOT_AUTHORIZED, 403)
    return {
        **_session_of(call, role),
        "SubjectFromWebIdentityToken": identity.subject,
        "Provider": f"{call.account.iam_arn('oidc-provider')}/{ISSUER}",
        "Audience": AUDIENCE,
    }


def _session_of(call: ApiCall, role: Role) -> Mapping[str, Any]:
    duration = timedelta(seconds=call.params.number("DurationSeconds", 3600))
    _check_duration(call.key, role, duration)
    session = _new_session(call, role, duration)
    call.world.keys.add(session)
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


def _trusting_role(call: ApiCall) -> Role:
    arn = call.params.text("RoleArn")
    role = _role(call, arn)
    if role is None or not _is_trusted(call, role):
        # AWS does not say whether the role exists.
        raise denied(call, "sts:AssumeRole", arn)
    return role


def _role(call: ApiCall, arn: str) -> Role | None:
    account = call.world.accounts.get(_account_of_role(call.params) or "")
    if account is None or account.partition is not call.account.partition:
        return None
    return next((role for role in account.roles.values() if role.arn == arn), None)


def _is_trusted(call: ApiCall, role: Role) -> bool:
    caller = {call.account.id, call.key.principal_arn, call.key.role_arn, _root(call.account)}
    external_id = call.params.optional_text("ExternalId")
    is_named = bool(caller.intersection(role.trusted)) and role.external_id in (None, external_id)
    return is_named and _is_named_right(call, role)


def _is_named_right(call: ApiCall, role: Role) -> bool:
    """Return whether the session has the name that the trust demands (`sts:RoleSessionName`)."""
    return role.session_name in (None, call.params.text("RoleSessionName"))


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


def _new_session(call: ApiCall, role: Role, duration: timedelta) -> Key:
    name = call.params.text("RoleSessionName")
    account = call.world.account(call.acts_as or role.arn.split(":")[4])
    session = Key(
        access_key_id=new_id("ASIA"),
        secret=new_secret(),
        account_id=account.id,
        principal_arn="",
        user_id=f"{new_id('AROA')}:{name}",
        token=new_token(),
        expires_at=call.world.auth_clock().replace(microsecond=0) + duration,
        role_arn=account.iam_arn(f"role/{role.name}"),
        token_version=call.world.session_token_version,
    )
    last = role.name.rpartition("/")[2]  # a session's ARN never holds the path of its role
    arn = f"arn:{account.partition.name}:sts::{account.id}:assumed-role/{last}/{name}"
    return replace(session, principal_arn=arn)
