"""Get credentials for each account, and verify which account they belong to (R11).

`AssumeRole` answers with the ARN of the new session, `GetCallerIdentity` with that of the caller.
These ARNs are believed, not the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from botocore.credentials import ReadOnlyCredentials

from discovery.aws.clients import Clients, CredentialSource, Signer
from discovery.aws.error_codes import STALE_CODES
from discovery.aws.errors import AwsCallFailed, AwsError, malformed_response
from discovery.aws.rate_limiter import RateLimiter
from discovery.aws.role_credentials import ExpiringCredentials, RoleCredentials
from discovery.aws.session import Session
from discovery.config.aws import Account as AccountEntry
from discovery.config.aws import Aws, Organization, OrganizationAccounts, OwnAccount
from discovery.config.secrets import Secret, SecretError
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Clock, Region

ResolveSecret = Callable[[str], Secret]
"""Find the secret behind a reference such as `env:EXTERNAL_ID`."""

OWN_ACCOUNT = AccountId("the agent's own account")
"""Placeholder for the account of the ambient credentials, until they were asked whose they are."""

_SESSION_S = 3600
"""Longest session of a role that was assumed from a role, in seconds (aws/README: STS)."""

_STS_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):(?:sts|iam)::(?P<account>[0-9]{12}):.+")

_SESSION_ARN = re.compile(r"arn:[^:]+:sts::[0-9]{12}:assumed-role/(?P<role>[^/]+)/.+")


@dataclass(frozen=True, slots=True)
class Identity:
    """Account and principal of the agent's own credentials."""

    account_id: AccountId
    partition: str
    arn: str

    @property
    def principal(self) -> str:
        """Principal to name in a trust policy; for a session, the role that was assumed.

        The role is named in words, because the session's ARN lacks the role's path.
        """
        session = _SESSION_ARN.fullmatch(self.arn)
        if session is None:
            return self.arn
        return f"the role {session['role']} of account {self.account_id}"


@dataclass(frozen=True, slots=True)
class Account:
    """An account with credentials that were verified to be its own."""

    account_id: AccountId
    partition: str
    clients: Clients
    credentials: CredentialSource

    def session(self, region: Region) -> Session:
        """Open a session in one region, counting requests from nothing."""
        return Session(
            account_id=self.account_id,
            partition=self.partition,
            region=region,
            clients=self.clients,
            signer=Signer(self.credentials),
        )


async def read_identity(session: Session) -> Identity:
    """Ask AWS which account and principal a session has. Raises: AwsCallFailed."""
    answer = await session.call("sts:GetCallerIdentity")
    match = _STS_ARN.fullmatch(_text(answer, "Arn"))
    if match is None or match["account"] != answer.get("Account"):
        raise malformed_response("no identity", "sts:GetCallerIdentity", str(session.scope))
    return Identity(AccountId(match["account"]), match["partition"], match.string)


class Accounts:
    """Credentials of the configured accounts; assumed roles are kept and renewed."""

    def __init__(
        self,
        settings: Aws,
        ambient: Session,
        identity: Identity,
        resolve: ResolveSecret,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._ambient = ambient
        self._identity = identity
        self._resolve = resolve
        self._clock = clock
        self._entries = _entries(settings, identity)
        self._members: dict[AccountId, AccountEntry] = {}
        self._roles: dict[AccountEntry, RoleCredentials] = {}

    @property
    def entries(self) -> Mapping[AccountId, AccountEntry]:
        """The accounts configured one by one; where none is, that of the ambient credentials."""
        return MappingProxyType(self._entries)

    @property
    def members(self) -> frozenset[AccountId]:
        """The accounts that lists of organizations have named so far."""
        return frozenset(self._members)

    @property
    def organizations(self) -> tuple[Organization, ...]:
        """The configured organizations, whose members are listed."""
        return tuple(
            entry.organization
            for entry in self._settings.accounts
            if isinstance(entry, OrganizationAccounts)
        )

    def own_session(self, region: Region) -> Session:
        """Open a session of the agent's own credentials in a region, counting from nothing."""
        credentials = self._ambient.signer.credentials
        return replace(self._ambient, region=region, signer=Signer(credentials))

    def organization_session(self, rate_limiter: RateLimiter) -> Session:
        """Open a session of the agent's own credentials for its organization."""
        return replace(
            self._ambient,
            signer=Signer(self._ambient.signer.credentials),
            rate_limiter=rate_limiter,
        )

    def add_member(self, account_id: AccountId, organization: Organization) -> None:
        """Add an account to reach by the organization's role; its own entry takes precedence."""
        partition = self._identity.partition
        self._members[account_id] = AccountEntry(
            id=account_id,
            role_arn=f"arn:{partition}:iam::{account_id}:role/{organization.role_name}",
            role_session_name=organization.role_session_name,
            external_id=organization.external_id,
        )

    def member_entry(self, account_id: AccountId) -> AccountEntry | None:
        """Find how to enter an account that a list of an organization has named."""
        return self._members.get(account_id)

    def add_entry(self, entry: AccountEntry) -> None:
        """Add an account that a list of an organization named elsewhere."""
        self._members[AccountId(entry.id)] = entry

    async def authenticate(self, account_id: AccountId) -> Account:
        """Get valid credentials for an account: those of its role, or the agent's own.

        Raises: AwsCallFailed.
        """
        entry = self._entry(account_id)
        if entry is None:
            raise AwsCallFailed(
                AwsError(ScopeReason.WRONG_ACCOUNT, f"account {account_id} is not configured")
            )
        if self._uses_own_credentials(entry):
            return self._account(account_id, self._ambient.signer.credentials)
        return self._account(account_id, await self.assume(entry))

    async def assume(self, entry: AccountEntry) -> CredentialSource:
        """Assume the role of an entry, whether the account is scanned by it or not.

        It is kept, and renewed before it expires. Raises: AwsCallFailed.
        """
        if entry not in self._roles:
            self._roles[entry] = RoleCredentials(self._assume_for(entry), self._clock)
        credentials = self._roles[entry]
        await credentials.get_frozen_credentials()
        return credentials

    def role_entry(self, account_id: AccountId) -> AccountEntry | None:
        """Find the entry whose role is assumed in an account; None where none is."""
        entry = self._entry(account_id)
        return None if entry is None or self._uses_own_credentials(entry) else entry

    def _entry(self, account_id: AccountId) -> AccountEntry | None:
        return self._entries.get(account_id) or self._members.get(account_id)

    def _uses_own_credentials(self, entry: AccountEntry) -> bool:
        if entry.id != self._identity.account_id:
            return False
        return self._settings.own_account is OwnAccount.AMBIENT or entry.role_arn is None

    def _account(self, account_id: AccountId, credentials: CredentialSource) -> Account:
        return Account(account_id, self._identity.partition, self._ambient.clients, credentials)

    def _assume_for(self, entry: AccountEntry) -> Callable[[], Awaitable[ExpiringCredentials]]:
        async def assume() -> ExpiringCredentials:
            return await _assume(self._ambient, self._identity, entry, self._resolve)

        return assume


def _entries(settings: Aws, identity: Identity) -> dict[AccountId, AccountEntry]:
    if not settings.accounts:
        return {identity.account_id: AccountEntry(id=identity.account_id)}
    return {
        AccountId(entry.id): entry for entry in settings.accounts if isinstance(entry, AccountEntry)
    }


async def _assume(
    ambient: Session, identity: Identity, entry: AccountEntry, resolve: ResolveSecret
) -> ExpiringCredentials:
    """Assume the role of an account, and check whose session it is. Raises: AwsCallFailed."""
    if entry.role_arn is None:
        raise AwsCallFailed(
            AwsError(
                ScopeReason.ASSUME_ROLE_DENIED,
                f"account {entry.id} is not the agent's own ({identity.account_id}) and has no "
                "role_arn; set one",
            )
        )
    parameters = {
        "RoleArn": entry.role_arn,
        "RoleSessionName": entry.role_session_name,
        "DurationSeconds": _SESSION_S,
        **_external_id(entry, resolve),
    }
    try:
        answer = await ambient.call("sts:AssumeRole", **parameters)
    except AwsCallFailed as failed:
        raise AwsCallFailed(_explain_refusal(failed.error, entry, identity)) from failed
    _verify_account(answer, entry, identity)
    return _credentials_in(answer, str(ambient.scope))


def _external_id(entry: AccountEntry, resolve: ResolveSecret) -> dict[str, str]:
    """Reveal the external id at the last moment; it goes into the request and nowhere else."""
    if entry.external_id is None:
        return {}
    try:
        return {"ExternalId": resolve(entry.external_id).reveal()}
    except SecretError as error:
        raise AwsCallFailed(
            AwsError(
                ScopeReason.ASSUME_ROLE_DENIED,
                f"the external id of account {entry.id} cannot be read: {error}",
            )
        ) from error


def _explain_refusal(error: AwsError, entry: AccountEntry, identity: Identity) -> AwsError:
    if error.reason is ScopeReason.CREDENTIALS:
        return error
    if error.code in STALE_CODES and error.reason is ScopeReason.DENIED:
        # AWS does not know the caller's credentials, so it has not checked the role.
        message = f"the agent's own credentials are not known to AWS: {error.message}"
        return AwsError(ScopeReason.CREDENTIALS, message, error.code)
    if error.reason is not ScopeReason.DENIED:
        return AwsError(error.reason, f"role {entry.role_arn}: {error.message}", error.code)
    return AwsError(
        ScopeReason.ASSUME_ROLE_DENIED,
        f"role {entry.role_arn}: {error.message}. Its trust policy has to let in "
        f"{identity.principal}, or its account, with the external id that is configured and, if "
        "it demands one, the role_session_name",
        error.code,
    )


def _verify_account(answer: Mapping[str, Any], entry: AccountEntry, identity: Identity) -> None:
    user = answer.get("AssumedRoleUser")
    arn = _text(user, "Arn") if isinstance(user, Mapping) else ""
    match = _STS_ARN.fullmatch(arn)
    if match is None or (match["account"], match["partition"]) != (entry.id, identity.partition):
        raise AwsCallFailed(
            AwsError(
                ScopeReason.WRONG_ACCOUNT,
                f"role {entry.role_arn} answers as {arn or 'nobody'}, which is not account "
                f"{entry.id}; correct the role, or look at endpoint overrides",
            )
        )


def _credentials_in(answer: Mapping[str, Any], where: str) -> ExpiringCredentials:
    made = answer.get("Credentials")
    given = made if isinstance(made, Mapping) else {}
    key, secret, token = (
        _text(given, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
    )
    expires_at = given.get("Expiration")
    if not (key and secret and token) or not isinstance(expires_at, datetime):
        raise malformed_response("no credentials", "sts:AssumeRole", where)
    return ExpiringCredentials(ReadOnlyCredentials(key, secret, token), expires_at)


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    return value if isinstance(value, str) else ""
