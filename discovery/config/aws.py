"""The `aws` section: which accounts and regions are scanned, and how."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Discriminator, Field, StrictBool, StrictInt, Tag

from discovery.config.fields import (
    REGION,
    AccountIdText,
    DurationRange,
    Matching,
    OneOrMany,
    RegionPattern,
    RoleArn,
    SecretReference,
    Section,
)
from discovery.config.problems import quoted
from discovery.model.account_name import LONGEST, usable_name


class OwnAccount(StrEnum):
    """How the account of the agent's own credentials is scanned."""

    AMBIENT = "ambient"
    ASSUME = "assume"


class AccountNames(StrEnum):
    """Where names of accounts come from."""

    AUTO = "auto"
    NONE = "none"


class PublicCaches(StrEnum):
    """What happens to caches that are reachable from the internet."""

    SKIP = "skip"
    ENROLL = "enroll"


SESSION_NAME: Final = "cachemuster"

SessionName = Annotated[
    str,
    Matching(
        r"[\w+=,.@-]{2,64}", "the name of a session: 2 to 64 letters, digits or any of _+=,.@-"
    ),
]


def _account_name(text: str) -> str:
    if usable_name(text) != text:
        expected = "the name of an account: printable characters, no blanks before or after them"
        raise ValueError(f"{quoted(text)} is not {expected}")
    return text


AccountName = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(_account_name)]


class Account(Section):
    """One account."""

    id: AccountIdText
    """Twelve digits, in quotes: YAML reads 012345670123 as another number."""
    name: AccountName | None = None
    """How the account is called in reports and by `{account_name}` in labels where no organization
    in `accounts` says it. Default: it has no name."""
    role_arn: RoleArn | None = None
    """The role to take on in that account; it has to be a role of that account. None: the
    account is the one of the agent's own credentials."""
    role_session_name: SessionName = SESSION_NAME
    """How the session of the role is called; a trust policy may demand a name."""
    external_id: SecretReference | None = None
    """The external id that the role's trust policy asks for. Default: none is sent."""


OuId = Annotated[
    str,
    Matching(
        r"ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}|r-[0-9a-z]{4,32}",
        "the id of an organizational unit such as ou-ab12-cdef3456, or of a root such as r-ab12",
    ),
]


class Organization(Section):
    """All active accounts of an AWS Organization, or of some of its units."""

    role_name: Annotated[
        str,
        Matching(
            r"([\w+=,.@-]+/)*[\w+=,.@-]{1,64}",
            "the name of a role, which is the last part of its ARN, with its path if it has one, "
            "such as security/cachemuster",
        ),
    ]
    """The role to take on in each account, with its path if it has one, such as
    `security/cachemuster`; it has to be the same in all of them."""
    role_session_name: SessionName = SESSION_NAME
    """How the sessions of the roles are called; a trust policy may demand a name."""
    external_id: SecretReference | None = None
    """The external id that the roles' trust policies ask for. Default: none is sent."""
    include_ous: Annotated[tuple[OuId, ...], OneOrMany()] | None = None
    """Units whose accounts are taken, those of units below them included. Default: the whole
    organization."""
    exclude_ous: Annotated[tuple[OuId, ...], OneOrMany(may_be_empty=True)] = ()
    """Units whose accounts are left out, those of units below them included. It wins over
    `include_ous`. Default: none."""
    exclude_accounts: Annotated[tuple[AccountIdText, ...], OneOrMany(may_be_empty=True)] = ()
    """Accounts that are left out, such as the management account. Default: none."""


class OrganizationAccounts(Section):
    """An entry of `accounts` that stands for many."""

    organization: Organization
    """Whose accounts, and the role to take on in each."""


def _entry_kind(entry: Any) -> str:
    is_organization = isinstance(entry, dict) and "organization" in entry
    if is_organization or isinstance(entry, OrganizationAccounts):
        return "(OrganizationAccounts)"
    return "(Account)"


AccountEntry = Annotated[
    Annotated[Account, Tag("(Account)")]
    | Annotated[OrganizationAccounts, Tag("(OrganizationAccounts)")],
    Discriminator(_entry_kind),
]


def _overrides_kind(value: Any) -> str:
    return "(accounts)" if isinstance(value, (str, list, tuple)) else "(switch)"


NameOverrides = Annotated[
    Annotated[StrictBool, Tag("(switch)")]
    | Annotated[tuple[AccountIdText, ...], OneOrMany(), Tag("(accounts)")],
    Discriminator(_overrides_kind),
]


class Aws(Section):
    """Which accounts and regions are scanned, and how. Everything has a default: the account and
    the default region of the agent's own credentials."""

    accounts: Annotated[tuple[AccountEntry, ...], OneOrMany()] = ()
    """Accounts, one by one or a whole organization at once. Left out: the account of the agent's
    own credentials. An empty list is refused, because a template that came out empty looks the
    same and takes every other account out of the configuration."""
    own_account: OwnAccount = OwnAccount.AMBIENT
    """How the agent's own account is scanned when it is among the accounts: `ambient` with the
    credentials it has, `assume` by taking on the configured role as everywhere else."""
    profile: Annotated[str, Field(min_length=1)] | None = None
    """A profile of the AWS configuration files to start from. Default: what the AWS SDK finds by
    itself."""
    regions: Annotated[tuple[RegionPattern, ...], OneOrMany()] | None = None
    """Regions by name or glob; `"*"` is every region that is enabled in the account. A region
    named in full that is not enabled is reported as skipped. Default: the AWS SDK's default
    region."""
    exclude_regions: Annotated[tuple[RegionPattern, ...], OneOrMany(may_be_empty=True)] = ()
    """Regions by name or glob that are left out wherever `regions` takes them, such as those that a
    service control policy denies. What is registered there is held until `sweep --prune`, whatever
    `out_of_scope` says. Default: none."""
    account_names: AccountNames = AccountNames.AUTO
    """Names of accounts in reports and labels: `auto` takes `name` of the account's own entry, else
    the name that its organization has for it; `none` uses no names."""
    concurrency: Annotated[StrictInt, Field(ge=1, le=1024)] = 128
    """How many scopes (an account in a region) are scanned at once. More of them use more memory
    and reach the limits of AWS's API sooner; 1 scans one after another."""
    workers: Annotated[StrictInt, Field(ge=1, le=64)] | Literal["auto"] = 1
    """How many processes scan, beside the one that plans and writes: `auto` is one for each core
    once there are scopes enough, 1 none beside it. Each takes memory of its own, and a part of
    `concurrency`."""
    scope_timeout: Annotated[timedelta, DurationRange("1s", "1h")] = timedelta(seconds=60)
    """How long one scope may take before it counts as failed. A failed scope removes nothing.
    Too short: large accounts fail every time. Too long: one slow region delays the report."""
    iam_refresh: Annotated[timedelta, DurationRange("0s", "30d")] = timedelta(minutes=15)
    """How old the users and user groups of a scope may be before they are read again. 0s reads
    them in every sweep."""
    read_tags: StrictBool = True
    """False: tags are never read, nor asked for in policies. Matchers can then use discovery
    labels only, and no cache has a name of its own choice."""
    name_overrides: NameOverrides = True
    """Whose caches may choose their registered name by the tag `TeleportDatabaseName` or
    `teleport.dev/database_name`: all (true), none (false), or a list of account ids. Whoever may
    tag a cache in such an account may choose any free name."""
    public_caches: PublicCaches = PublicCaches.SKIP
    """Caches that are reachable from the internet: `skip` leaves them out, `enroll` treats them
    as any other."""
    expected_failures: Annotated[
        tuple[
            Annotated[
                str,
                Matching(
                    rf"[0-9]{{12}}(/{REGION})?|\*/{REGION}",
                    "ACCOUNT, ACCOUNT/REGION or */REGION, such as 111122223333/eu-west-1",
                ),
            ],
            ...,
        ],
        OneOrMany(may_be_empty=True),
    ] = ()
    """Scopes known to fail, as ACCOUNT, ACCOUNT/REGION or */REGION. They are scanned and reported
    like all others, but do not make the exit code 3. Default: none."""

    @property
    def configured_names(self) -> dict[str, str]:
        """Names of accounts that have one in their own entry, by id."""
        entries = (entry for entry in self.accounts if isinstance(entry, Account))
        return {entry.id: entry.name for entry in entries if entry.name is not None}

    def honours_name_tag(self, account_id: str) -> bool:
        """Return whether a cache of this account may choose its registered name by a tag."""
        if isinstance(self.name_overrides, bool):
            return self.name_overrides
        return account_id in self.name_overrides

    def expects_failure(self, account_id: str, region: str | None) -> bool:
        """Return whether this scope is expected to fail; an account covers all its regions."""
        names = {account_id, f"{account_id}/{region}", f"*/{region}"}
        return not names.isdisjoint(self.expected_failures)
