"""Check what AWS lets the agent do, by doing it: every call here only reads."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from discovery.aws.accounts import Account
from discovery.aws.answer_dates import date_of
from discovery.aws.cloud import Cloud
from discovery.aws.error_codes import UNKNOWN_KEY_CODES
from discovery.aws.errors import AwsError, version_1_token
from discovery.aws.organizations import list_members
from discovery.config.aws import Account as AccountEntry
from discovery.config.aws import Organization
from discovery.config.partitions import can_be_disabled
from discovery.config.rules import to_matchers
from discovery.doctor.permissions import (
    INCONCLUSIVE,
    PermissionResults,
    try_permissions,
    with_timeout,
)
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Region, Scope
from discovery.plan.targets import ScopeFilter, Targets, check_named_scopes
from discovery.policies.kinds import statement_allowing
from discovery.policies.usage import AwsUsage
from discovery.reports.checks import Area, Check, CheckStatus
from discovery.reports.listing import named
from discovery.reports.summary import counted
from discovery.sweep.scan import OnProgress
from matchers.regions import RegionList

CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""Clock drift that is reported; AWS refuses requests that are five minutes off."""

_ASSUME: Final = "sts:AssumeRole"
_IDENTITY: Final = "sts:GetCallerIdentity"
_REGIONS: Final = "ec2:DescribeRegions"
_MAX_NAMED: Final = 5


async def check_aws(
    cloud: Cloud,
    usage: AwsUsage,
    scope_filter: ScopeFilter,
    on_progress: OnProgress | None = None,
    registered: frozenset[Scope] = frozenset(),
) -> tuple[Check, ...]:
    """Check every role, region and permission that a filter covers.

    Args:
        cloud: Open, with the agent's own credentials.
        usage: What the configuration needs of AWS.
        scope_filter: Which accounts and regions to check.
        on_progress: Called after each scope.
        registered: Scopes that may be named although they are not configured.

    Raises: nothing that AWS can cause; NoSuchScope.
    """
    aws_checks = _AwsChecks(cloud, usage, scope_filter, on_progress)
    checks = [*_credentials(cloud), await aws_checks.clock()]
    accounts = list(cloud.accounts.entries)
    for organization in cloud.accounts.organizations:
        checks += [await aws_checks.organization(organization, accounts)]
    wanted = [each for each in dict.fromkeys(accounts) if scope_filter.covers(Scope(each, None))]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(aws_checks.account(each)) for each in sorted(wanted)]
    check_named_scopes(aws_checks.targets(accounts), scanned=(), registered=registered)
    return (*checks, *(check for task in tasks for check in task.result()))


def _credentials(cloud: Cloud) -> Iterator[Check]:
    identity = cloud.identity
    yield Check(
        area=Area.CREDENTIALS,
        subject=identity.arn,
        outcome=CheckStatus.OK,
        message=f"account {identity.account_id}, partition {identity.partition}; from "
        f"{cloud.credentials.origin}, {_expiry_text(cloud.credentials.expires_at)}",
    )
    if cloud.endpoints:
        places = ", ".join(sorted(set(cloud.endpoints.values())))
        yield Check(
            area=Area.CREDENTIALS,
            subject=places,
            outcome=CheckStatus.WARN,
            message="not the real AWS: an endpoint override is in force",
        )


def _expiry_text(expires_at: datetime | None) -> str:
    if expires_at is None:
        return "no end known"
    return f"good until {expires_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(slots=True)
class _AwsChecks:
    """State of the AWS checks of one run."""

    cloud: Cloud
    usage: AwsUsage
    scope_filter: ScopeFilter
    on_progress: OnProgress | None
    slots: asyncio.Semaphore = field(init=False)
    done: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    known: int = field(default=0, init=False)
    """Scopes that were tried, that lacked something, and that are known of."""
    regions: dict[AccountId, RegionList] = field(default_factory=dict, init=False)
    """Regions of each account whose role could be assumed."""
    accounts_complete: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.cloud.settings.concurrency)

    @property
    def limit(self) -> timedelta:
        """Time limit of one call or list."""
        return self.cloud.settings.scope_timeout

    def targets(self, accounts: Iterable[AccountId]) -> Targets:
        """The scopes of these accounts that a sweep would scan."""
        unread = RegionList(frozenset(), complete=False)
        return Targets(
            accounts={each: self.regions.get(each, unread) for each in accounts},
            accounts_complete=self.accounts_complete,
            scope_filter=self.scope_filter,
        )

    async def clock(self) -> Check:
        """Check this machine's clock against the date of an AWS answer."""
        session = self.cloud.accounts.organization_session(self.cloud.rate_limiter)
        answer = await with_timeout(session.call(_IDENTITY), self.limit)
        now = self.cloud.clock()
        if isinstance(answer, AwsError):
            return self._failed(Area.CLOCK, "this machine", answer)
        there = date_of(answer)
        if there is None:
            text = "AWS's answer has no date to compare with"
            return _check(Area.CLOCK, "this machine", CheckStatus.WARN, text)
        off = abs(now - there)
        if off <= CLOCK_TOLERANCE:
            text = f"within {CLOCK_TOLERANCE.total_seconds():g} s of AWS's clock"
            return _check(Area.CLOCK, "this machine", CheckStatus.OK, text)
        text = (
            f"{off.total_seconds():.0f} s off AWS's clock, which refuses requests from 300 s on: "
            "set it, best by NTP"
        )
        return _check(Area.CLOCK, "this machine", CheckStatus.WARN, text)

    async def organization(self, organization: Organization, accounts: list[AccountId]) -> Check:
        """List the members of an organization and add them to `accounts`."""
        session = self.cloud.accounts.organization_session(self.cloud.rate_limiter)
        subject = f"organization, role {organization.role_name}"
        members = list_members(session, organization)
        read = 0
        while (page := await with_timeout(anext(members, None), self.limit)) is not None:
            if isinstance(page, AwsError):
                self.accounts_complete = False
                return self._failed(Area.ORGANIZATION, subject, page, _action_of(page))
            read += len(page.accounts)
            for account_id in page.accounts:
                self.cloud.accounts.add_member(account_id, organization)
                accounts.append(account_id)
        return _check(
            Area.ORGANIZATION, subject, CheckStatus.OK, f"{counted(read, 'active account')}"
        )

    async def account(self, account_id: AccountId) -> tuple[Check, ...]:
        """Check the role, the regions and the permissions of one account."""
        async with self.slots:
            account = await with_timeout(self.cloud.accounts.authenticate(account_id), self.limit)
        if isinstance(account, AwsError):
            error = account
            return (self._failed(Area.ROLE, account_id, error, _ASSUME, scope=account_id),)
        role = _check(Area.ROLE, account_id, CheckStatus.OK, self._access_note(account_id))
        connect = [await self._connect_role(each) for each in self._connect_roles(account)]
        listing, regions, enabled = await self._regions(account)
        is_read = bool(enabled) or not self.usage.lists_regions
        excluded = tuple(each.text for each in self.cloud.regions.excluded)
        named = self.cloud.regions.literals
        self.regions[account_id] = RegionList(named.union(regions), is_read, excluded=excluded)
        wanted = [each for each in regions if self.scope_filter.covers(Scope(account_id, each))]
        self.known += len(wanted)
        async with asyncio.TaskGroup() as group:
            tasks = {each: group.create_task(self._scope(account, each)) for each in wanted}
        found = {
            region: (
                _explain_old_token(task.result())
                if region in enabled and can_be_disabled(region)
                else task.result()
            )
            for region, task in tasks.items()
        }
        return (role, *connect, *listing, *self._permissions(account_id, found))

    def _connect_roles(self, account: Account) -> tuple[AccountEntry, ...]:
        """Roles of Teleport's in an account that the agent assumes to log in; none if it does not.

        A region in their names is the agent's own.
        """
        if not self.usage.probes:
            return ()
        place = {
            "partition": account.partition,
            "account_id": account.account_id,
            "region": self.cloud.home_region,
        }
        connects = [
            (each.connect.role_arn(**place), each.connect.external_id)
            for each in to_matchers(self.usage.config)
            if each.connect is not None and each.accounts.matches(account.account_id)
        ]
        return tuple(
            AccountEntry(id=account.account_id, role_arn=role, external_id=external_id)
            for role, external_id in dict.fromkeys(connects)
            if role.split(":")[4] == account.account_id
        )

    async def _connect_role(self, entry: AccountEntry) -> Check:
        """Check that a role of Teleport's lets the agent in too."""
        subject = str(entry.role_arn)
        async with self.slots:
            found = await with_timeout(self.cloud.accounts.assume(entry), self.limit)
        if isinstance(found, AwsError):
            why = f"{found.message}. Without it logins prove nothing (service.probe)"
            outcome = CheckStatus.WARN
        else:
            why, outcome = "lets the agent in, to log in as Teleport does", CheckStatus.OK
        return _check(Area.ROLE, subject, outcome, why, _ASSUME)

    def _access_note(self, account_id: AccountId) -> str:
        own = account_id == self.usage.hub.account_id and self.usage.scans_own_account
        return "the agent's own credentials" if own else "its role lets the agent in"

    async def _scope(self, account: Account, region: Region) -> PermissionResults:
        async with self.slots:
            found = await try_permissions(account.session(region), self.usage, self.limit)
        self.done += 1
        self.failed += any(error is not None for error in found.values())
        if self.on_progress is not None:
            self.on_progress(self.done, self.failed, self.known)
        return found

    async def _regions(
        self, account: Account
    ) -> tuple[list[Check], list[Region], frozenset[Region]]:
        """Checks of the region list, regions to try, and regions that are enabled."""
        choice, subject = self.cloud.regions, account.account_id
        unlisted: frozenset[Region] = frozenset()
        if not self.usage.lists_regions:
            return [], sorted(choice.literals), unlisted
        async with self.slots:
            enabled = await with_timeout(self.cloud.enabled_regions(account).read(), self.limit)
        if isinstance(enabled, AwsError):
            failed = self._failed(Area.REGIONS, subject, enabled, _REGIONS, scope=subject)
            return [failed], sorted(choice.literals), unlisted
        chosen = choice.among(enabled)
        text = f"{len(chosen)} to scan, of {counted(len(enabled), 'enabled region')}"
        outcome = CheckStatus.OK if chosen else CheckStatus.WARN
        checks = [_check(Area.REGIONS, subject, outcome, text, _REGIONS)]
        if off := sorted(choice.literals - enabled):
            text = f"not enabled in the account, so skipped: {', '.join(off)}"
            checks.append(_check(Area.REGIONS, subject, CheckStatus.WARN, text))
        return checks, sorted(chosen), enabled

    def _permissions(
        self, account_id: AccountId, found: Mapping[Region, PermissionResults]
    ) -> Iterator[Check]:
        """Yield a check for each permission, and one for each further way in which it fails."""
        places: dict[str, dict[AwsError | None, list[Region]]] = defaultdict(dict)
        for region, tried in found.items():
            for action, error in tried.items():
                same = next((each for each in places[action] if _have_same_fix(each, error)), error)
                places[action].setdefault(same, []).append(region)
        for action, outcomes in sorted(places.items()):
            for error, regions in outcomes.items():
                if error is None:
                    text = f"allowed in {named(regions, _MAX_NAMED)}"
                    yield _check(Area.PERMISSION, account_id, CheckStatus.OK, text, action)
                    continue
                subject = str(Scope(account_id, regions[0] if len(regions) == 1 else None))
                where = f"; in {named(regions, _MAX_NAMED)}" if len(regions) > 1 else ""
                yield self._failed(
                    Area.PERMISSION,
                    subject,
                    AwsError(error.reason, error.message + where, error.code),
                    action,
                    scope=account_id,
                    regions=regions,
                )

    def _failed(
        self,
        area: Area,
        subject: str,
        error: AwsError,
        action: str | None = None,
        *,
        scope: str | None = None,
        regions: list[Region] | None = None,
    ) -> Check:
        """Make the check of a failure, with the statement that would allow the action.

        `scope`: account whose policies lack the action; None: the agent's own.
        """
        is_denial = (
            error.reason in (ScopeReason.DENIED, ScopeReason.ASSUME_ROLE_DENIED)
            and error.code not in UNKNOWN_KEY_CODES
        )
        statement = None
        message = error.message
        if action is not None and is_denial:
            lacking = statement_allowing(action, self.usage, None if action == _ASSUME else scope)
            if lacking is not None:
                statement = lacking.document()
                message = f"{message}. Without it: {lacking.without}"
        return Check(
            area=area,
            subject=subject,
            outcome=self._outcome(error, scope, regions),
            message=message,
            action=action,
            statement=statement,
        )

    def _outcome(
        self, error: AwsError, account_id: str | None, regions: list[Region] | None
    ) -> CheckStatus:
        """Status of a failure: a warning where the configuration expects it."""
        if error.reason in INCONCLUSIVE:
            return CheckStatus.WARN
        expects = self.cloud.settings.expects_failure
        places: list[Region | None] = [*regions] if regions else [None]
        if account_id is not None and all(expects(account_id, each) for each in places):
            return CheckStatus.WARN
        return CheckStatus.FAIL


def _check(
    area: Area, subject: str, outcome: CheckStatus, message: str, action: str | None = None
) -> Check:
    return Check(area=area, subject=subject, outcome=outcome, message=message, action=action)


def _explain_old_token(found: PermissionResults) -> PermissionResults:
    """Explain a refused session token in a region that the account has enabled."""
    return {
        action: version_1_token(error)
        if error is not None and error.code in UNKNOWN_KEY_CODES
        else error
        for action, error in found.items()
    }


def _have_same_fix(one: AwsError | None, other: AwsError | None) -> bool:
    """True for errors that a person repairs in the same way."""
    if one is None or other is None:
        return one is other
    return (one.reason, one.code) == (other.reason, other.code)


def _action_of(error: AwsError) -> str:
    """The action that an SDK error is about: it begins the message."""
    return error.message.partition(" ")[0]
