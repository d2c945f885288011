"""The accounts of one run: those configured one by one, and those that organizations list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Protocol, TypeVar

from discovery.aws.cloud import Cloud
from discovery.aws.errors import AwsError
from discovery.aws.organizations import list_members
from discovery.aws.session import Session
from discovery.config.aws import Organization
from discovery.model.values import AccountId, Failed, Scope
from discovery.sweep.scan_results import ScanResultBuilder

Result = TypeVar("Result")


class Within(Protocol):
    """Work done within the time of one scope, or the fault with which it was not."""

    def __call__(self, work: Awaitable[Result]) -> Awaitable[Result | AwsError]: ...


class AccountEnumerator:
    """Calls out each account once, as soon as it is known."""

    def __init__(
        self,
        cloud: Cloud,
        named: frozenset[AccountId],
        *,
        within: Within,
        begin: Callable[[AccountId], None],
    ) -> None:
        self._accounts = cloud.accounts
        self._cloud = cloud
        self._named = named
        """The accounts that the run is about; none: all of them."""
        self._within = within
        self._begin = begin
        self._begun: set[AccountId] = set()
        self.complete = True
        """False when an organization's list was not read to its end."""
        self.has_ended = False
        """True once every list was read as far as it goes."""

    def start_configured(self) -> None:
        """The configured accounts are begun, and named ones that an earlier list had."""
        for account_id in self._accounts.entries:
            self._call(account_id)
        for account_id in self._named & self._accounts.members:
            self._call(account_id)

    async def start_organization(self) -> list[Failed]:
        """The accounts of every organization are begun; answers which lists ended early, and how.

        One after another: of two that have an account in common, the first one's role is used.
        """
        unlisted = []
        for organization in self._accounts.organizations:
            watch = ScanResultBuilder(self._cloud.clock)
            session = self._accounts.organization_session(self._cloud.rate_limiter)
            before = len(self._begun)
            fault = await self._call_members(session, organization)
            if fault is not None:
                entrance = Scope(self._cloud.identity.account_id, None)
                read = len(self._begun) - before
                unlisted.append(watch.unlisted(entrance, fault, read, session.requests))
        self.has_ended = True
        return unlisted

    async def _call_members(self, session: Session, organization: Organization) -> AwsError | None:
        """Begins the accounts of one organization; the fault with which its list ended early."""
        async with aclosing(list_members(session, organization)) as pages:
            while not self._has_all_named():
                page = await self._within(anext(pages, None))
                if page is None:
                    return None
                if isinstance(page, AwsError):
                    self.complete = False
                    return page
                for account_id in page:
                    if account_id not in self._begun:
                        self._accounts.add_member(account_id, organization)
                        self._call(account_id)
        self.complete = False  # and nothing in this run hangs on the rest of it
        return None

    def _has_all_named(self) -> bool:
        """True when every account that the run is about has been found."""
        return bool(self._named) and self._named <= self._begun

    def _call(self, account_id: AccountId) -> None:
        if account_id not in self._begun:
            self._begun.add(account_id)
            self._begin(account_id)
