"""List the accounts of an AWS Organization, page by page.

An account is given only on positive evidence: it was listed, active, in a unit that is taken, and
nothing that is left out lies on its path. So what was read before a failure can be scanned.
Source: aws/README: Organizations.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from discovery.aws.errors import AwsCallFailed, AwsError, malformed_response
from discovery.aws.session import Answer, Session, deduplicate
from discovery.config.aws import Organization
from discovery.model.account_name import usable_name
from discovery.model.codes import ScopeReason
from discovery.model.values import UNKNOWN, AccountId, UnknownType

ACCOUNTS = "organizations:ListAccounts"
ACCOUNTS_IN = "organizations:ListAccountsForParent"
UNITS_IN = "organizations:ListOrganizationalUnitsForParent"
ROOTS = "organizations:ListRoots"

_TOKEN = ("NextToken", "NextToken")
_ACTIVE = "ACTIVE"
_NO_SUCH_PARENT = "ParentNotFoundException"

_Page = Sequence[Answer]

_ADVICE = {
    "AccessDeniedException": "only the management account of an organization and its delegated "
    "administrators may list it: run the agent with credentials of one of them",
    "AWSOrganizationsNotInUseException": "the agent's account is in no organization: run it with "
    "credentials of the management account, or list the accounts one by one",
    _NO_SUCH_PARENT: "correct include_ous: the organization has no such unit",
}


@dataclass(frozen=True, slots=True)
class MembersPage:
    """What one page of an organization's list says."""

    accounts: tuple[AccountId, ...]
    """The active accounts that the entry stands for; some pages have none."""
    names: Mapping[AccountId, str | UnknownType]
    """The names of all accounts on the page, of those that are left out too."""


async def list_members(
    session: Session, organization: Organization
) -> AsyncGenerator[MembersPage, None]:
    """List the active accounts that the entry stands for, with their names, page by page.

    Raises: AwsCallFailed when the list ends early; the accounts given until then belong to it.
    """
    left_out = frozenset(organization.exclude_accounts)
    seen: dict[AccountId, bool] = {}
    try:
        async for page in _pages(session, organization):
            # Every entry is read, so that one account with two states ends the list.
            read = [(_account_id(entry, session), _is_active(entry, session)) for entry in page]
            deduplicate(read, ACCOUNTS, session, seen)
            accounts = (account for account, active in read if active and account not in left_out)
            names = (usable_name(entry.get("Name")) or UNKNOWN for entry in page)
            ids = (account for account, _ in read)
            yield MembersPage(tuple(accounts), dict(zip(ids, names, strict=True)))
    except AwsCallFailed as failed:
        raise AwsCallFailed(_explain(failed.error)) from failed


def _pages(session: Session, organization: Organization) -> AsyncIterator[_Page]:
    if organization.include_ous is None and not organization.exclude_ous:
        return session.pages(ACCOUNTS, "Accounts", _TOKEN)
    return _walk(session, organization)


async def _walk(session: Session, organization: Organization) -> AsyncIterator[_Page]:
    """List the accounts of the included units and of all below them, unit by unit."""
    excluded = set(organization.exclude_ous)
    below: list[str] = []
    if organization.include_ous is None:
        async for page in session.pages(ROOTS, "Roots", _TOKEN):
            below.extend(_ids(page, ROOTS, session))
            yield ()
    else:
        # A taken unit may lie below one that is left out; from itself that cannot be seen.
        async for unit in _units_below(session, organization.exclude_ous):
            excluded.update(unit)
            yield ()
        below.extend(reversed(organization.include_ous))
    seen: set[str] = set()
    while below:
        unit_id = below.pop()
        if unit_id in excluded or unit_id in seen:
            continue
        seen.add(unit_id)
        async for page in session.pages(ACCOUNTS_IN, "Accounts", _TOKEN, ParentId=unit_id):
            yield page
        async for page in session.pages(UNITS_IN, "OrganizationalUnits", _TOKEN, ParentId=unit_id):
            below.extend(_ids(page, UNITS_IN, session))
            yield ()


async def _units_below(session: Session, units: Iterable[str]) -> AsyncIterator[tuple[str, ...]]:
    """List the units below these, all the way down. One that is not there has none."""
    todo, seen = list(units), set[str]()
    while todo:
        unit_id = todo.pop()
        if unit_id in seen:
            continue
        seen.add(unit_id)
        try:
            pages = session.pages(UNITS_IN, "OrganizationalUnits", _TOKEN, ParentId=unit_id)
            async for page in pages:
                found = _ids(page, UNITS_IN, session)
                todo.extend(found)
                yield found
        except AwsCallFailed as failed:
            if failed.error.code != _NO_SUCH_PARENT:
                raise


def _ids(page: _Page, action: str, session: Session) -> tuple[str, ...]:
    ids = tuple(entry.get("Id") for entry in page)
    if not all(isinstance(each, str) and each for each in ids):
        raise malformed_response("an entry without an id", action, str(session.scope))
    return tuple(str(each) for each in ids)


def _account_id(entry: Answer, session: Session) -> AccountId:
    account_id = entry.get("Id")
    if not (isinstance(account_id, str) and len(account_id) == 12 and account_id.isdecimal()):
        raise malformed_response("an account without an id", ACCOUNTS, str(session.scope))
    return AccountId(account_id)


def _is_active(entry: Answer, session: Session) -> bool:
    """Read the account's state.

    `State` says it; AWS was to drop the older `Status` in September 2026.
    """
    state = entry.get("State") or entry.get("Status")
    if not isinstance(state, str):
        raise malformed_response("an account without a state", ACCOUNTS, str(session.scope))
    return state == _ACTIVE


def _explain(error: AwsError) -> AwsError:
    advice = _ADVICE.get(error.code)
    if advice is None:
        return error
    said = error.message.rpartition("; ")[0]
    return replace(error, reason=ScopeReason.DENIED, message=f"{said}; {advice}")
