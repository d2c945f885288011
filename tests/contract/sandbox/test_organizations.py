"""AWS Organizations and Account Management, asked as boto3 asks them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from botocore.exceptions import ClientError

from discovery.sandbox.aws.faults import Effect, Fault
from discovery.sandbox.aws.organization import ROOT, Organization
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import World
from tests.support.simulated_aws import HUB, MEMBER, Cloud, message, refusal

STRANGER = "999988887777"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def organization(cloud: Cloud) -> Organization:
    """The hub is the management account."""
    return cloud.world.organize(HUB)


@pytest.fixture
def organizations(cloud: Cloud, organization: Organization) -> Any:
    del organization  # it only has to be there
    return cloud.client("organizations")


def ids(answer: dict[str, Any], member: str = "Accounts") -> list[str]:
    return [entry["Id"] for entry in answer[member]]


def fails(call: Any, **members: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as raised:
        call(**members)
    return refusal(raised.value)


def test_the_tree_is_walked_from_its_root(organization: Organization, organizations: Any) -> None:
    prod = organization.add_unit("prod")
    deep = organization.add_unit("deep", parent=prod)
    organization.join(MEMBER, parent=deep)
    assert ids(organizations.list_roots(), "Roots") == [ROOT]
    units = organizations.list_organizational_units_for_parent(ParentId=ROOT)
    assert ids(units, "OrganizationalUnits") == [prod]
    assert ids(organizations.list_accounts_for_parent(ParentId=ROOT)) == [HUB]
    assert ids(organizations.list_accounts_for_parent(ParentId=prod)) == [], "direct children only"
    assert ids(organizations.list_accounts_for_parent(ParentId=deep)) == [MEMBER]
    assert ids(organizations.list_accounts()) == [HUB, MEMBER]


def test_accounts_join_move_are_suspended_and_leave(
    organization: Organization, organizations: Any
) -> None:
    prod = organization.add_unit("prod")
    organization.join(MEMBER)
    organization.move(MEMBER, prod)
    organization.set_state(MEMBER, "PENDING_CLOSURE")
    [member] = organizations.list_accounts_for_parent(ParentId=prod)["Accounts"]
    assert (member["State"], member["Status"]) == ("PENDING_CLOSURE", "PENDING_CLOSURE")
    organization.set_state(MEMBER, "CLOSED")
    [member] = organizations.list_accounts_for_parent(ParentId=prod)["Accounts"]
    assert (member["State"], member["Status"]) == ("CLOSED", "SUSPENDED")
    organization.leave(MEMBER)
    assert ids(organizations.list_accounts()) == [HUB]
    organization.remove_unit(prod)
    assert fails(organizations.list_accounts_for_parent, ParentId=prod) == (
        "ParentNotFoundException",
        400,
    )


def test_twenty_a_page_and_no_more(organization: Organization, organizations: Any) -> None:
    numbers = [f"{number:012d}" for number in range(1, 45)]
    for number in numbers:
        organization.join(number)
    pages = [ids(page) for page in organizations.get_paginator("list_accounts").paginate()]
    assert [len(page) for page in pages] == [20, 20, 5]
    assert sorted(chain.from_iterable(pages)) == sorted([*numbers, HUB])
    assert fails(organizations.list_accounts, MaxResults=21) == ("InvalidInputException", 400)
    assert fails(organizations.list_accounts, NextToken="x") == ("InvalidInputException", 400)


def test_an_empty_page_with_a_token_on_demand(
    cloud: Cloud, organization: Organization, organizations: Any
) -> None:
    organization.join(MEMBER)
    cloud.aws.faults.add(Fault(effect=Effect.EMPTY_FIRST_PAGE, service="organizations"))
    first = organizations.list_accounts()
    assert (ids(first), bool(first["NextToken"])) == ([], True)
    second = organizations.list_accounts(NextToken=first["NextToken"])
    assert (ids(second), "NextToken" in second) == ([HUB, MEMBER], False)


def test_only_management_and_delegates_may_read(cloud: Cloud, organization: Organization) -> None:
    organization.join(MEMBER)
    member = cloud.client("organizations", cloud.assume())
    assert fails(member.list_accounts) == ("AccessDeniedException", 400)
    assert fails(member.list_roots) == ("AccessDeniedException", 400)
    described = member.describe_organization()["Organization"]
    assert described["MasterAccountId"] == HUB
    organization.delegate(MEMBER)
    assert ids(member.list_accounts()) == [HUB, MEMBER]


def test_an_account_outside_the_organization_gets_its_own_error(cloud: Cloud) -> None:
    client = cloud.client("organizations")
    assert fails(client.list_accounts) == ("AWSOrganizationsNotInUseException", 400)
    cloud.world.organize(MEMBER)
    assert fails(client.describe_organization) == ("AWSOrganizationsNotInUseException", 400)


def test_a_throttle_fault_is_spelled_as_this_service_does(cloud: Cloud, organizations: Any) -> None:
    cloud.aws.faults.add(Fault(effect=Effect.THROTTLED, service="organizations"))
    assert fails(organizations.list_accounts) == ("TooManyRequestsException", 400)


@pytest.fixture
def still() -> Iterator[Cloud]:
    """A cloud whose time stands still until it is moved."""
    with ExitStack() as clients:
        aws = SimulatedAws(World(lambda: NOW))
        with aws.serve_in_thread() as url, clients:
            yield Cloud(aws, url, clients)


RATES = [
    pytest.param("list_accounts", {}, 8, 12, id="ListAccounts"),
    pytest.param("list_accounts_for_parent", {"ParentId": ROOT}, 5, 8, id="ListAccountsForParent"),
    pytest.param(
        "list_organizational_units_for_parent", {"ParentId": ROOT}, 5, 8, id="ListUnitsForParent"
    ),
    pytest.param("list_roots", {}, 1, 2, id="ListRoots"),
    pytest.param("describe_organization", {}, 1, 2, id="DescribeOrganization"),
]


@pytest.mark.parametrize(("method", "members", "per_s", "burst"), RATES)
def test_each_operation_has_its_bucket(
    still: Cloud, method: str, members: dict[str, str], per_s: int, burst: int
) -> None:
    still.world.organize(HUB)
    call = getattr(still.client("organizations"), method)
    for allowed in (burst, per_s):
        for _ in range(allowed):
            call(**members)
        assert fails(call, **members) == ("TooManyRequestsException", 400)
        still.world.clock.advance(timedelta(seconds=1))
    still.world.clock.advance(timedelta(hours=1))
    for _ in range(burst):
        call(**members)
    assert fails(call, **members) == ("TooManyRequestsException", 400), "no more than a burst"


def test_the_organization_as_a_whole_has_a_bucket_too(still: Cloud) -> None:
    organization = still.world.organize(HUB)
    organization.join(MEMBER)
    organization.delegate(MEMBER)
    own = still.client("organizations").list_accounts
    others = still.client("organizations", still.assume()).list_accounts
    for _ in range(12):
        own()
    for _ in range(3):
        others()
    assert fails(others) == ("TooManyRequestsException", 400)


# -- Account Management ---------------------------------------------------------------------------


def test_regions_with_their_status(cloud: Cloud) -> None:
    cloud.hub.enable("me-south-1")
    cloud.hub.disable("eu-west-3")
    account = cloud.client("account")
    listed = account.list_regions()["Regions"]
    status = {region["RegionName"]: region["RegionOptStatus"] for region in listed}
    assert len(status) == 34
    assert (status["eu-central-1"], status["me-south-1"]) == ("ENABLED_BY_DEFAULT", "ENABLED")
    assert (status["af-south-1"], status["eu-west-3"]) == ("DISABLED", "DISABLED")
    pages = account.get_paginator("list_regions").paginate(
        RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"], PaginationConfig={"PageSize": 5}
    )
    enabled = [region["RegionName"] for page in pages for region in page["Regions"]]
    assert set(enabled) == cloud.hub.enabled
    assert len(enabled) == 17


def test_the_management_account_may_ask_about_members(cloud: Cloud) -> None:
    account = cloud.client("account")
    assert fails(account.list_regions, AccountId=MEMBER) == ("AccessDeniedException", 403)
    cloud.world.organize(HUB).join(MEMBER)
    cloud.member.enable("me-south-1")
    listed = account.list_regions(AccountId=MEMBER, RegionOptStatusContains=["ENABLED"])
    assert [region["RegionName"] for region in listed["Regions"]] == ["me-south-1"]
    for denied in (HUB, STRANGER):
        assert fails(account.list_regions, AccountId=denied) == ("AccessDeniedException", 403)
    member = cloud.client("account", cloud.assume())
    assert fails(member.list_regions, AccountId=MEMBER) == ("AccessDeniedException", 403)


def test_list_regions_has_a_rate_too(still: Cloud) -> None:
    account = still.client("account")
    for _ in range(5):
        account.list_regions()
    assert fails(account.list_regions) == ("TooManyRequestsException", 429)
    still.world.clock.advance(timedelta(seconds=1))
    account.list_regions()


def test_what_the_protocol_cannot_read_is_refused_in_its_spelling(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as raised:
        cloud.client("account").get_contact_information()
    assert refusal(raised.value)[0] == "UnknownOperationException"
    assert "GetContactInformation" in message(raised.value)
    assert fails(cloud.client("account").list_regions, NextToken="x") == (
        "ValidationException",
        400,
    )


def test_a_partition_without_the_service(cloud: Cloud) -> None:
    key = cloud.world.account("000000000001", partition="aws-us-gov").add_key()
    account = cloud.client("account", key, "us-gov-west-1")
    assert fails(account.list_regions)[0] == "UnknownOperationException"
