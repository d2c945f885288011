"""What a configuration uses of AWS: roles, regions and reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

from discovery.config.aws import Account, Organization, OrganizationAccounts, OwnAccount
from discovery.config.model import Config
from discovery.config.partitions import can_be_disabled
from discovery.config.regions import RegionChoice
from discovery.policies.document import Json, trust_document
from matchers.matcher import IamUsers

ANY_ACCOUNT: Final = "*"
"""Account in the ARNs of a document that fits every account.

It is attached within one account, and ElastiCache gives nothing to another one, so it allows no
more than the account's own id.
"""

_PRINCIPAL = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?:(?P<service>iam)|sts)::(?P<account>[0-9]{12}):"
    r"(?P<kind>user|role|assumed-role)/(?P<name>.+)"
)


class NotApplicable(Exception):
    """The configuration has no use for a document; the message says why."""


@dataclass(frozen=True, slots=True)
class Hub:
    """The identity that the agent runs as: an IAM user or role."""

    arn: str
    partition: str
    account_id: str
    is_path_known: bool = True
    """False for a role that is known by a session only.

    The session's ARN never holds the path of its role, so `arn` may name a role that does not
    exist.
    """

    @classmethod
    def of(cls, arn: str) -> Self:
        """Parse the ARN of a user, a role, or a role's session. Raises: ValueError."""
        match = _PRINCIPAL.fullmatch(arn)
        if match is None or (match["service"] is None) != (match["kind"] == "assumed-role"):
            raise ValueError(f"{arn!r} is not the ARN of an IAM user or role")
        name = match["name"]
        if match["kind"] == "assumed-role":
            role = name.partition("/")[0]
            arn = f"arn:{match['partition']}:iam::{match['account']}:role/{role}"
        known = match["kind"] != "assumed-role"
        return cls(arn, match["partition"], match["account"], is_path_known=known)

    @classmethod
    def unknown(cls) -> Self:
        """Placeholder for documents in which the agent's identity does not occur."""
        return cls("", "aws", "")

    def __str__(self) -> str:
        if self.is_path_known:
            return self.arn
        return f"the role {self.name} of account {self.account_id}, whatever its path"

    @property
    def principals(self) -> tuple[str, ...]:
        """Patterns of `aws:PrincipalArn`: one of them fits the role, and none another name."""
        prefix = f"arn:{self.partition}:iam::{self.account_id}:role"
        return (f"{prefix}/{self.name}", f"{prefix}/*/{self.name}")

    @property
    def account_root(self) -> str:
        """The principal that stands for the whole account."""
        return f"arn:{self.partition}:iam::{self.account_id}:root"

    @property
    def is_role(self) -> bool:
        """True for a role, False for a user."""
        return ":role/" in self.arn

    @property
    def name(self) -> str:
        """Name without its path."""
        return self.arn.rpartition("/")[2]


def trust_policy(hub: Hub, external_id: Any) -> Json:
    """Trust policy of a role that the agent assumes.

    A role must be named with its path. For one whose path is unknown, the account is admitted,
    limited to that role.
    """
    if hub.is_path_known:
        return trust_document(hub.arn, external_id)
    return trust_document(hub.account_root, external_id, only=hub.principals)


@dataclass(frozen=True, slots=True)
class Member:
    """A role that the agent assumes, in one account or in every account of an organization."""

    account_id: str
    """`*` for an organization."""
    role: str
    """Path and name, as they end the ARN."""
    external_id: str | None
    """Reference to it, never its value."""

    def arn(self, partition: str) -> str:
        """ARN of the role in a partition."""
        return f"arn:{partition}:iam::{self.account_id}:role/{self.role}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsUsage:
    """A configuration, and the identity that runs it."""

    config: Config
    hub: Hub
    regions: tuple[str, ...]
    """Names and globs; a single `*` for every region."""
    probes: bool = False
    """True when logins to caches are to be tried."""

    @classmethod
    def of(cls, config: Config, hub: Hub, default_region: str | None) -> Self:
        """Work out the usage. `default_region`: of the SDK, if the configuration names none."""
        named = config.aws.regions or ((default_region,) if default_region else ("*",))
        choice = RegionChoice.of(named, config.aws.exclude_regions)
        return cls(
            config=config,
            hub=hub,
            regions=("*",) if "*" in named else choice.texts,
            probes=config.service.probe is not None,
        )

    @property
    def reads_tags(self) -> bool:
        """True when the tags of caches are read."""
        return self.config.aws.read_tags

    @property
    def reads_users(self) -> bool:
        """False when every matcher ignores users; without matchers there is one that warns."""
        matchers = self.config.matchers
        return not matchers or any(each.iam_users is not IamUsers.IGNORE for each in matchers)

    @property
    def connect_roles(self) -> tuple[str, ...]:
        """ARN patterns of the roles that matchers name to connect with: `*` for what varies."""
        connects = (each.connect for each in self.config.matchers if each.connect is not None)
        arns = {re.sub(r"\{(account_id|region)\}", "*", each.assume_role_arn) for each in connects}
        return tuple(sorted(each.replace("{partition}", self.hub.partition) for each in arns))

    @property
    def logs_in_itself(self) -> bool:
        """True when some caches have no connect role, so that the agent's own roles log in."""
        matchers = self.config.matchers
        return not matchers or any(each.connect is None for each in matchers)

    @property
    def lists_regions(self) -> bool:
        """True for globs, and for a region named in full that may be disabled.

        Only the list tells that a region is disabled from a refusal (`discovery.sweep.scan`).
        """
        return any("*" in region or can_be_disabled(region) for region in self.regions)

    @property
    def organizations(self) -> tuple[Organization, ...]:
        """Organizations whose accounts are scanned."""
        accounts = self.config.aws.accounts
        return tuple(
            each.organization for each in accounts if isinstance(each, OrganizationAccounts)
        )

    @property
    def scans_own_account(self) -> bool:
        """True when the agent's own account is read with the agent's own credentials."""
        aws, own = self.config.aws, self.hub.account_id
        if not aws.accounts:
            return True
        named = {each.id: each for each in aws.accounts if isinstance(each, Account)}
        if own in named:
            return aws.own_account is OwnAccount.AMBIENT or named[own].role_arn is None
        in_organization = any(own not in each.exclude_accounts for each in self.organizations)
        return in_organization and aws.own_account is OwnAccount.AMBIENT

    @property
    def members(self) -> tuple[Member, ...]:
        """Every role that the agent assumes, without repetition."""
        return tuple(dict.fromkeys(self._members()))

    def account(self, account_id: str | None) -> str:
        """Account for an ARN: the one that is named, the only one, or any.

        Raises: NotApplicable when no role is assumed there.
        """
        if account_id is not None:
            return self._member_of(account_id).account_id
        accounts = {each.account_id for each in self._required_members()}
        return accounts.pop() if len(accounts) == 1 else ANY_ACCOUNT

    def member(self, account_id: str | None) -> Member:
        """The role of one account; without one named, that of all accounts.

        Raises: NotApplicable when there is none, or they differ in more than their account.
        """
        if account_id is not None:
            return self._member_of(account_id)
        members = self._required_members()
        if len(members) == 1:
            return members[0]
        if len({(each.role, each.external_id) for each in members}) > 1:
            raise NotApplicable(
                "The configured roles differ in name or external id. Name one of their accounts "
                "with --account"
            )
        return Member(ANY_ACCOUNT, members[0].role, members[0].external_id)

    def _required_members(self) -> tuple[Member, ...]:
        """The roles, at least one. Raises: NotApplicable."""
        if members := self.members:
            return members
        raise NotApplicable(
            "No role is taken on: the only account is read with the agent's own credentials. "
            "`cachemuster policies hub` is all it needs"
        )

    def _member_of(self, account_id: str) -> Member:
        for each in self.members:
            if each.account_id == account_id:
                return each
        named = {each.id for each in self.config.aws.accounts if isinstance(each, Account)}
        for organization in self.organizations:
            if account_id not in named and account_id not in organization.exclude_accounts:
                return Member(account_id, organization.role_name, organization.external_id)
        raise NotApplicable(f"No role is taken on in account {account_id}: aws.accounts has none")

    def _members(self) -> Iterator[Member]:
        for entry in self.config.aws.accounts:
            if isinstance(entry, OrganizationAccounts):
                organization = entry.organization
                yield Member(ANY_ACCOUNT, organization.role_name, organization.external_id)
            elif entry.role_arn is not None and not self._uses_own_credentials(entry):
                role = entry.role_arn.partition(":role/")[2]
                yield Member(entry.id, role, entry.external_id)

    def _uses_own_credentials(self, entry: Account) -> bool:
        return entry.id == self.hub.account_id and self.scans_own_account
