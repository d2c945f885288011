"""AWS Organizations, as far as it is read (aws/README: Organizations)."""

from collections.abc import Callable, Mapping
from typing import Any

from discovery.sandbox.aws.errors import AwsError, Modelled, Refusal, Refused, Spelling
from discovery.sandbox.aws.organization import STATUSES, Member, Organization, Unit
from discovery.sandbox.aws.rates import Key, Rate
from discovery.sandbox.aws.services.service import Ask, Service

_PAGE = 20
_INVALID = Spelling("InvalidInputException", 400, "You provided invalid values for the request.")

RATES: Mapping[str, tuple[Rate, ...]] = {
    "ListAccounts": (Rate(8, 12), Rate(9, 15)),
    "ListAccountsForParent": (Rate(5, 8), Rate(6, 10)),
    "ListOrganizationalUnitsForParent": (Rate(5, 8), Rate(6, 10)),
    "ListRoots": (Rate(1, 2), Rate(1, 3)),
    "DescribeOrganization": (Rate(1, 2),),
}
"""By operation: the rate of one calling account, and that of all of the organization."""

service = Service(
    name="organizations",
    signing_name="organizations",
    spellings={
        Refusal.MISSING_MEMBER: _INVALID,
        Refusal.INVALID_MEMBER: _INVALID,
        Refusal.DENIED: Spelling(
            "AccessDeniedException", 400, "You don't have permissions to access this resource."
        ),
        Refusal.THROTTLED: Spelling(
            "TooManyRequestsException",
            400,
            "You have sent too many requests in too short a period of time.",
        ),
        Refusal.INTERNAL: Spelling(
            "ServiceException", 500, "AWS Organizations can't complete your request."
        ),
    },
)


@service.operation("DescribeOrganization")
def describe_organization(ask: Ask) -> Mapping[str, Any]:
    """The organization that the caller is in; every member may ask."""
    organization = _admitted(ask)
    management = organization.management
    return {
        "Organization": {
            "Id": organization.id,
            "Arn": organization.arn(f"organization/{organization.id}"),
            "FeatureSet": "ALL",
            "MasterAccountId": management,
            "MasterAccountArn": _account_arn(organization, management),
            "MasterAccountEmail": f"{management}@example.com",
        }
    }


@service.operation("ListRoots")
def list_roots(ask: Ask) -> Mapping[str, Any]:
    """The one root."""
    organization = _readable(ask)
    arn = organization.arn(f"root/{organization.id}/{organization.root}")
    root = {"Id": organization.root, "Arn": arn, "Name": "Root", "PolicyTypes": []}
    return _listing(ask, "Roots", (root,), lambda each: str(each["Id"]))


@service.operation("ListOrganizationalUnitsForParent")
def list_organizational_units_for_parent(ask: Ask) -> Mapping[str, Any]:
    """The units directly in a unit or in the root."""
    organization = _readable(ask)
    units = [_unit(organization, each) for each in organization.units_in(_parent(ask))]
    return _listing(ask, "OrganizationalUnits", units, lambda each: str(each["Id"]))


@service.operation("ListAccountsForParent")
def list_accounts_for_parent(ask: Ask) -> Mapping[str, Any]:
    """The accounts directly in a unit or in the root, whatever their state."""
    organization = _readable(ask)
    return _accounts(ask, organization, organization.members_in(_parent(ask)))


@service.operation("ListAccounts")
def list_accounts(ask: Ask) -> Mapping[str, Any]:
    """Every account of the organization, whatever its state."""
    organization = _readable(ask)
    return _accounts(ask, organization, tuple(organization.members.values()))


def _admitted(ask: Ask) -> Organization:
    """The caller's organization. Raises what AWS answers to strangers and to the hasty."""
    organization = ask.world.organization
    if organization is None or ask.account.id not in organization.members:
        raise Modelled(
            "AWSOrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        )
    owners = (ask.account.id, organization.id)
    buckets: dict[Key, Rate] = {
        (service.name, ask.operation, owner): rate
        for owner, rate in zip(owners, RATES[ask.operation], strict=False)
    }
    if not ask.world.rates.take(buckets, ask.now):
        raise Refused(Refusal.THROTTLED)
    return organization


def _readable(ask: Ask) -> Organization:
    organization = _admitted(ask)
    if not organization.may_read(ask.account.id):
        raise Refused(Refusal.DENIED)
    return organization


def _parent(ask: Ask) -> str:
    organization, parent = ask.world.organization, ask.given.text("ParentId")
    if organization is None or not organization.has_parent(parent):
        raise Modelled(
            "ParentNotFoundException",
            "You specified parent that doesn't exist.",
        )
    return parent


def _unit(organization: Organization, unit: Unit) -> dict[str, Any]:
    arn = organization.arn(f"ou/{organization.id}/{unit.id}")
    return {"Id": unit.id, "Arn": arn, "Name": unit.name}


def _accounts(
    ask: Ask, organization: Organization, members: tuple[Member, ...]
) -> Mapping[str, Any]:
    rows = [_account(organization, member) for member in members]
    return _listing(ask, "Accounts", rows, lambda each: str(each["Arn"]))


def _account(organization: Organization, member: Member) -> dict[str, Any]:
    return {
        "Id": member.account_id,
        "Arn": _account_arn(organization, member.account_id),
        "Email": f"{member.account_id}@example.com",
        "Name": member.name,
        "Status": STATUSES[member.state],
        "State": member.state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": member.joined_at,
        **member.wire,
    }


def _account_arn(organization: Organization, account_id: str) -> str:
    return organization.arn(f"account/{organization.id}/{account_id}")


def _listing(
    ask: Ask,
    member: str,
    rows: list[dict[str, Any]] | tuple[dict[str, Any], ...],
    key: Callable[[dict[str, Any]], str],
) -> Mapping[str, Any]:
    page = ask.page(
        rows,
        key=key,
        size=ask.given.number("MaxResults", _PAGE),
        token=ask.given.maybe_text("NextToken"),
        invalid=AwsError("InvalidInputException", "You specified an invalid value for nextToken."),
    )
    return {member: list(page.items), "NextToken": page.token}
