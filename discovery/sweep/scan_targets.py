"""Enumerate the accounts of a run: configured ones, then members of organizations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from discovery.aws.cloud import Cloud
from discovery.aws.errors import AwsCallFailed, AwsError
from discovery.aws.organizations import list_members
from discovery.aws.sdk_session import Unsigned
from discovery.aws.session import Session
from discovery.config.aws import Organization
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Failed, Scope, UnknownType
from discovery.plan.defect import defect
from discovery.sweep.scan_results import ScanResultBuilder

Result = TypeVar("Result")


async def in_time_limit(cloud: Cloud, work: Awaitable[Result]) -> Result | AwsError:
    """Await work for as long as one scope may take, and turn its failure into a value."""
    limit = cloud.settings.scope_timeout
    try:
        async with asyncio.timeout(limit.total_seconds()) as deadline:
            return await work
    except AwsCallFailed as failed:
        return failed.error
    except Unsigned:
        raise
    except TimeoutError:
        if not deadline.expired():
            raise
        return AwsError(
            ScopeReason.TIMEOUT,
            f"not read within {limit.total_seconds():g} s; raise aws.scope_timeout if AWS is "
            "merely slow",
        )
    except Exception as error:
        return AwsError(ScopeReason.MALFORMED, defect("what AWS answered", "read", error))


class AccountEnumerator:
    """Enumerate the accounts to scan and start each exactly once, as soon as it is known."""

    def __init__(
        self,
        cloud: Cloud,
        only: frozenset[AccountId],
        *,
        start: Callable[[AccountId], None],
    ) -> None:
        self._accounts = cloud.accounts
        self._cloud = cloud
        self._only = only
        """The accounts that the run is about; empty for all of them."""
        self._start = start
        self._started: set[AccountId] = set()
        self.names: dict[AccountId, str | UnknownType] = {}
        """Names of all accounts that were listed; UNKNOWN where the list has none that is fit."""
        self.complete = True
        """False when an organization's list was not read to its end."""
        self.has_ended = False
        """True once every list was read as far as it goes."""

    def start_configured(self) -> None:
        """Start the configured accounts, and those of `--only` that an earlier list had."""
        for account_id in self._accounts.entries:
            self._start_once(account_id)
        for account_id in self._only & self._accounts.members:
            self._start_once(account_id)

    async def start_organization(self) -> list[Failed]:
        """Start the accounts of every organization; return which lists ended early, and why.

        One after another: of two that have an account in common, the first one's role is used.
        """
        unlisted = []
        for organization in self._accounts.organizations:
            builder = ScanResultBuilder(self._cloud.clock)
            session = self._accounts.organization_session(self._cloud.rate_limiter)
            before = len(self._started)
            error = await self._start_members(session, organization)
            if error is not None:
                account_scope = Scope(self._cloud.identity.account_id, None)
                read = len(self._started) - before
                unlisted.append(builder.unlisted(account_scope, error, read, session.requests))
        self.has_ended = True
        return unlisted

    async def _start_members(self, session: Session, organization: Organization) -> AwsError | None:
        """Start the members of one organization; return the error that ended its list early."""
        async with aclosing(list_members(session, organization)) as pages:
            while not self._has_all_of_only():
                page = await in_time_limit(self._cloud, anext(pages, None))
                if page is None:
                    return None
                if isinstance(page, AwsError):
                    self.complete = False
                    return page
                self.names.update(page.names)
                for account_id in page.accounts:
                    if account_id not in self._started:
                        self._accounts.add_member(account_id, organization)
                        self._start_once(account_id)
        self.complete = False  # the rest of the list concerns no account of this run
        return None

    def _has_all_of_only(self) -> bool:
        """True when every account that the run is about has been found."""
        return bool(self._only) and self._only <= self._started

    def _start_once(self, account_id: AccountId) -> None:
        if account_id not in self._started:
            self._started.add(account_id)
            self._start(account_id)
