"""AWS Account Management, as far as regions go (aws/README: Regions and subnets)."""

from collections.abc import Mapping
from typing import Any

from discovery.sandbox.aws.errors import (
    AwsError,
    CommonError,
    CommonErrorKind,
    ModeledError,
    WireError,
)
from discovery.sandbox.aws.rates import Rate
from discovery.sandbox.aws.services.service import ApiCall, Parameters, Service
from discovery.sandbox.aws.world import Account

_PAGE = 50
_RATE = Rate(5, 5)
_NOT_OFFERED = ("aws-us-gov", "aws-eusc")
_DENIED = "You don't have permission to use this account."

service = Service(
    name="account",
    signing_name="account",
    wire_errors={
        CommonErrorKind.DENIED: WireError("AccessDeniedException", 403, _DENIED),
        CommonErrorKind.THROTTLED: WireError("TooManyRequestsException", 429, "Too many requests"),
        CommonErrorKind.INTERNAL: WireError(
            "InternalServerException", 500, "Internal server error"
        ),
    },
)


def _account_of(params: Parameters) -> str | None:
    return params.optional_text("AccountId")


@service.operation("ListRegions", subject=_account_of)
def list_regions(call: ApiCall) -> Mapping[str, Any]:
    """List every region of the partition, with whether the account has it enabled."""
    if call.account.partition.name in _NOT_OFFERED:
        raise CommonError(CommonErrorKind.UNKNOWN_ACTION, "not offered in this partition")
    if not call.world.rates.take(
        {(service.name, call.operation, call.account.id): _RATE}, call.now
    ):
        raise CommonError(CommonErrorKind.THROTTLED)
    account = _asked_about(call)
    wanted = call.params.texts("RegionOptStatusContains")
    rows = [
        {"RegionName": name, "RegionOptStatus": _status(account, name)}
        for name in account.partition.regions
    ]
    page = call.page(
        [row for row in rows if not wanted or row["RegionOptStatus"] in wanted],
        key=lambda row: row["RegionName"],
        size=call.params.number("MaxResults", _PAGE),
        token=call.params.optional_text("NextToken"),
        invalid=AwsError("ValidationException", "The next token is invalid"),
    )
    return {"Regions": list(page.items), "NextToken": page.token}


def _asked_about(call: ApiCall) -> Account:
    """Return the caller's own account, or a member that the management account asks about."""
    named = call.params.optional_text("AccountId")
    if named is None:
        return call.account
    organization = call.world.organization
    if (
        organization is None
        or not organization.may_read(call.account.id)
        or named == organization.management
        or named not in organization.members
    ):
        raise ModeledError("AccessDeniedException", _DENIED)
    return call.world.account(named)


def _status(account: Account, region: str) -> str:
    if region not in account.enabled:
        return "DISABLED"
    is_default = region in account.partition.default_regions
    return "ENABLED_BY_DEFAULT" if is_default else "ENABLED"
