"""AWS Account Management, as far as regions go (aws/README: Regions and subnets)."""

from collections.abc import Mapping
from typing import Any

from discovery.sandbox.aws.errors import AwsError, Modelled, Refusal, Refused, Spelling
from discovery.sandbox.aws.rates import Rate
from discovery.sandbox.aws.services.service import Ask, Given, Service
from discovery.sandbox.aws.world import Account

_PAGE = 50
_RATE = Rate(5, 5)
_NOT_OFFERED = ("aws-us-gov", "aws-eusc")
_DENIED = "You don't have permission to use this account."

service = Service(
    name="account",
    signing_name="account",
    spellings={
        Refusal.DENIED: Spelling("AccessDeniedException", 403, _DENIED),
        Refusal.THROTTLED: Spelling("TooManyRequestsException", 429, "Too many requests"),
        Refusal.INTERNAL: Spelling("InternalServerException", 500, "Internal server error"),
    },
)


def _account_of(given: Given) -> str | None:
    return given.maybe_text("AccountId")


@service.operation("ListRegions", subject=_account_of)
def list_regions(ask: Ask) -> Mapping[str, Any]:
    """Every region of the partition, with whether the account has it enabled."""
    if ask.account.partition.name in _NOT_OFFERED:
        raise Refused(Refusal.UNKNOWN_ACTION, "not offered in this partition")
    if not ask.world.rates.take({(service.name, ask.operation, ask.account.id): _RATE}, ask.now):
        raise Refused(Refusal.THROTTLED)
    account = _asked_about(ask)
    wanted = ask.given.texts("RegionOptStatusContains")
    rows = [
        {"RegionName": name, "RegionOptStatus": _status(account, name)}
        for name in account.partition.regions
    ]
    page = ask.page(
        [row for row in rows if not wanted or row["RegionOptStatus"] in wanted],
        key=lambda row: row["RegionName"],
        size=ask.given.number("MaxResults", _PAGE),
        token=ask.given.maybe_text("NextToken"),
        invalid=AwsError("ValidationException", "The next token is invalid"),
    )
    return {"Regions": list(page.items), "NextToken": page.token}


def _asked_about(ask: Ask) -> Account:
    """The caller's own account, or a member that the management account asks about."""
    named = ask.given.maybe_text("AccountId")
    if named is None:
        return ask.account
    organization = ask.world.organization
    if (
        organization is None
        or not organization.may_read(ask.account.id)
        or named == organization.management
        or named not in organization.members
    ):
        raise Modelled("AccessDeniedException", _DENIED)
    return ask.world.account(named)


def _status(account: Account, region: str) -> str:
    if region not in account.enabled:
        return "DISABLED"
    is_default = region in account.partition.default_regions
    return "ENABLED_BY_DEFAULT" if is_default else "ENABLED"
