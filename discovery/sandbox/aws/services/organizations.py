"""AWS Organizations, as far as it is read (aws/README: Organizations)."""

from collections.abc import Callable, Mapping
from typing import Any

from discovery.sandbox.aws.errors import (
    AwsError,
    CommonError,
    CommonErrorKind,
    ModeledError,
    WireError,
)
from discovery.sandbox.aws.organization import STATUSES, Member, Organization, Unit
from discovery.sandbox.aws.rates import Key, Rate
from discovery.sandbox.aws.services.service import ApiCall, Service

_PAGE = 20
_INVALID = WireError("InvalidInputException", 400, "You provided invalid values for the request.")

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
    wire_errors={
        CommonErrorKind.MISSING_MEMBER: _INVALID,
        CommonErrorKind.INVALID_MEMBER: _INVALID,
        CommonErrorKind.DENIED: WireError(
            "AccessDeniedException", 400, "You don't have permissions to access this resource."
        ),
        CommonErrorKind.THROTTLED: WireError(
            "TooManyRequestsException",
            400,
            "You have sent too many requests in too short a period of time.",
        ),
        CommonErrorKind.INTERNAL: WireError(
            "ServiceException", 500, "AWS Organizations can't complete your request."
        ),
    },
)


@service.operation("DescribeOrganization")
def describe_organization(call: ApiCall) -> Mapping[str, Any]:
    """Describe the organization that the caller is in; every member may call."""
    organization = _admitted(call)
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
def list_roots(call: ApiCall) -> Mapping[str, Any]:
    """List the one root."""
    organization = _readable(call)
    arn = organization.arn(f"root/{organization.id}/{organization.root}")
    root = {"Id": organization.root, "Arn": arn, "Name": "Root", "PolicyTypes": []}
    return _listing(call, "Roots", (root,), lambda each: str(each["Id"]))


@service.operation("ListOrganizationalUnitsForParent")
def list_organizational_units_for_parent(call: ApiCall) -> Mapping[str, Any]:
    """List the units directly in a unit or in the root."""
    organization = _readable(call)
    units = [_unit(organization, each) for each in organization.units_in(_parent(call))]
    return _listing(call, "OrganizationalUnits", units, lambda each: str(each["Id"]))


@service.operation("ListAccountsForParent")
def list_accounts_for_parent(call: ApiCall) -> Mapping[str, Any]:
    """List the accounts directly in a unit or in the root, whatever their state."""
    organization = _readable(call)
    return _accounts(call, organization, organization.members_in(_parent(call)))


@service.operation("ListAccounts")
def list_accounts(call: ApiCall) -> Mapping[str, Any]:
    """List every account of the organization, whatever its state."""
    organization = _readable(call)
    return _accounts(call, organization, tuple(organization.members.values()))


def _admitted(call: ApiCall) -> Organization:
    """Return the caller's organization. Raises what AWS answers to others, and throttling."""
    organization = call.world.organization
    if organization is None or call.account.id not in organization.members:
        raise ModeledError(
            "AWSOrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        )
    owners = (call.account.id, organization.id)
    buckets: dict[Key, Rate] = {
        (service.name, call.operation, owner): rate
        for owner, rate in zip(owners, RATES[call.operation], strict=False)
    }
    if not call.world.rates.take(buckets, call.now):
        raise CommonError(CommonErrorKind.THROTTLED)
    return organization


def _readable(call: ApiCall) -> Organization:
    organization = _admitted(call)
    if not organization.may_read(call.account.id):
        raise CommonError(CommonErrorKind.DENIED)
    return organization


def _parent(call: ApiCall) -> str:
    organization, parent = call.world.organization, call.params.text("ParentId")
    if organization is None or not organization.has_parent(parent):
        raise ModeledError(
            "ParentNotFoundException",
            "You specified parent that doesn't exist.",
        )
    return parent


def _unit(organization: Organization, unit: Unit) -> dict[str, Any]:
    arn = organization.arn(f"ou/{organization.id}/{unit.id}")
    return {"Id": unit.id, "Arn": arn, "Name": unit.name}


def _accounts(
    call: ApiCall, organization: Organization, members: tuple[Member, ...]
) -> Mapping[str, Any]:
    rows = [_account(organization, member) for member in members]
    return _listing(call, "Accounts", rows, lambda each: str(each["Arn"]))


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
    call: ApiCall,
    member: str,
    rows: list[dict[str, Any]] | tuple[dict[str, Any], ...],
    key: Callable[[dict[str, Any]], str],
) -> Mapping[str, Any]:
    page = call.page(
        rows,
        key=key,
        size=call.params.number("MaxResults", _PAGE),
        token=call.params.optional_text("NextToken"),
        invalid=AwsError("InvalidInputException", "You specified an invalid value for nextToken."),
    )
    return {member: list(page.items), "NextToken": page.token}
