"""Accounts of an AWS Organization as targets: which of them, by which role, in which part."""

from __future__ import annotations

from itertools import chain

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Failed, Region, Scope
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter
from discovery.sweep.scan import scan
from matchers.regions import ScopeMembership
from state.records import RememberedState
from tests.contract.aws.conftest import HOME, HUB, Site, result_of
from tests.support.organization import ROLE, Fleet, number, read, standing

A, B, C = (number(n) for n in range(1, 4))
STRANGER = "888888888888"


@pytest.fixture
def fleet(site: Site) -> Fleet:
    return Fleet(site)


async def test_every_active_account_is_a_target(fleet: Fleet) -> None:
    fleet.join(A, B)
    found = await fleet.scan()
    assert read(found) == {HUB, A, B}
    assert standing(found, STRANGER) is ScopeMembership.OUT_OF_SCOPE
    assert fleet.site.asked("ListAccounts") == 1
    assert fleet.site.asked("ListRoots") == 0, "nothing asks for the tree"


async def test_units_are_walked_to_the_bottom(fleet: Fleet) -> None:
    prod = fleet.organization.add_unit("prod")
    deep = fleet.organization.add_unit("deep", parent=fleet.organization.add_unit("b", parent=prod))
    fleet.join(A, parent=prod)
    fleet.join(B, parent=deep)
    fleet.join(C)
    found = await fleet.scan(include_ous=[prod])
    assert read(found) == {A, B}
    assert standing(found, C) is ScopeMembership.OUT_OF_SCOPE
    assert standing(found, HUB) is ScopeMembership.OUT_OF_SCOPE
    assert fleet.site.asked("ListAccounts") == 0


async def test_an_excluded_unit_takes_everything_below_along(fleet: Fleet) -> None:
    sandbox = fleet.organization.add_unit("sandbox")
    below = fleet.organization.add_unit("below", parent=sandbox)
    fleet.join(A)
    fleet.join(B, parent=sandbox)
    fleet.join(C, parent=below)
    found = await fleet.scan(exclude_ous=[sandbox], exclude_accounts=[HUB])
    assert read(found) == {A}
    assert standing(found, C) is ScopeMembership.OUT_OF_SCOPE


async def test_exclusion_wins_whichever_lies_below_the_other(fleet: Fleet) -> None:
    prod = fleet.organization.add_unit("prod")
    shut = fleet.organization.add_unit("shut", parent=prod)
    inner = fleet.organization.add_unit("inner", parent=shut)
    for account_id, parent in ((A, prod), (B, shut), (C, inner)):
        fleet.join(account_id, parent=parent)
    assert read(await fleet.scan(include_ous=[prod, inner], exclude_ous=[shut])) == {A}
    assert read(await fleet.scan(include_ous=[prod], exclude_ous=[prod])) == set()
    assert read(await fleet.scan(include_ous=[shut, prod], exclude_accounts=[C])) == {A, B}


async def test_an_excluded_unit_that_is_gone_excludes_nothing(fleet: Fleet) -> None:
    prod = fleet.organization.add_unit("prod")
    fleet.join(A, parent=prod)
    found = await fleet.scan(include_ous=[prod], exclude_ous=["ou-ab12-deadbeef"])
    assert read(found) == {A}
    assert standing(found, STRANGER) is ScopeMembership.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("state", "wire", "is_target"),
    [
        pytest.param("ACTIVE", {}, True, id="active"),
        pytest.param("SUSPENDED", {}, False, id="suspended"),
        pytest.param("PENDING_CLOSURE", {}, False, id="pending-closure"),
        pytest.param("PENDING_ACTIVATION", {}, False, id="pending-activation"),
        pytest.param("CLOSED", {}, False, id="closed"),
        pytest.param("ACTIVE", {"State": None}, True, id="only-the-older-status"),
        pytest.param("SUSPENDED", {"State": None}, False, id="suspended-by-the-older-status"),
        pytest.param("ACTIVE", {"Status": None}, True, id="without-the-older-status"),
        pytest.param("SUSPENDED", {"Status": "ACTIVE"}, False, id="state-before-status"),
    ],
)
async def test_only_active_accounts(
    fleet: Fleet, state: str, wire: dict[str, object], *, is_target: bool
) -> None:
    fleet.join(A)
    fleet.organization.join(A, state=state, wire=wire)
    found = await fleet.scan(exclude_accounts=[HUB])
    assert read(found) == ({A} if is_target else set())
    expected = ScopeMembership.IN_RUN if is_target else ScopeMembership.OUT_OF_SCOPE
    assert standing(found, A) is expected


async def test_an_entry_of_its_own_wins(fleet: Fleet) -> None:
    fleet.join(A, role="other")
    role = fleet.site.aws.world.account(A).roles["other"].arn
    found = await fleet.scan(beside=[{"id": A, "role_arn": role}])
    assert read(found) == {HUB, A}
    assert fleet.site.asked("AssumeRole") == 1


async def test_of_two_organization_entries_the_first_has_an_account(fleet: Fleet) -> None:
    fleet.join(A, role="first")
    first = {"organization": {"role_name": "first", "exclude_accounts": [HUB]}}
    assert read(await fleet.scan(beside=[first])) == {HUB, A}


async def test_own_account_by_role_when_told_so(fleet: Fleet) -> None:
    fleet.site.hub.add_role(ROLE, trusted=[HUB])
    found = await fleet.scan(more={"own_account": "assume"})
    assert read(found) == {HUB}
    assert [call.account_id for call in fleet.site.aws.calls.of("AssumeRole")] == [HUB]
    [listing] = fleet.site.aws.calls.of("DescribeServerlessCaches")
    assert listing.access_key_id.startswith("ASIA")


async def test_the_external_id_goes_to_every_member(fleet: Fleet) -> None:
    fleet.site.environ["EID"] = "open-sesame"
    fleet.organization.join(A)
    fleet.site.aws.world.account(A).add_role(ROLE, trusted=[HUB], external_id="open-sesame")
    assert read(await fleet.scan(external_id="env:EID", exclude_accounts=[HUB])) == {A}


async def test_a_member_that_shuts_its_door_fails_alone(fleet: Fleet) -> None:
    fleet.join(A)
    fleet.organization.join(B)
    found = await fleet.scan()
    assert read(found) == {HUB, A}
    result = result_of(found, B, None)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.ASSUME_ROLE_DENIED


# -- parts ----------------------------------------------------------------------------------------


async def test_only_named_accounts_need_no_more_of_the_list(fleet: Fleet) -> None:
    fleet.join(*(number(n) for n in range(1, 60)))
    only = ScopeFilter((Scope(AccountId(number(5)), Region(HOME)),))
    found = await fleet.scan(more={"scope_filter": only})
    assert read(found) == {number(5)}
    assert fleet.site.asked("ListAccounts") == 1, "of three pages"
    assert standing(found, number(50)) is ScopeMembership.NOT_IN_RUN
    listed = ScopeFilter((Scope(AccountId(HUB), None),))
    found = await fleet.scan(beside=[{"id": HUB}], more={"scope_filter": listed})
    assert read(found) == {HUB}
    assert fleet.site.asked("ListAccounts") == 1, "it has an entry of its own"


async def test_a_named_account_that_has_left(fleet: Fleet) -> None:
    fleet.join(A)
    found = await fleet.scan(
        more={"scope_filter": ScopeFilter((Scope(AccountId(STRANGER), None),))}
    )
    assert found.results == ()
    assert standing(found, STRANGER) is ScopeMembership.OUT_OF_SCOPE
    assert standing(found, A) is ScopeMembership.NOT_IN_RUN


@pytest.mark.slow
async def test_shards_share_the_accounts_out(fleet: Fleet) -> None:
    fleet.join(*(number(n) for n in range(1, 12)))
    parts = [
        read(await fleet.scan(more={"scope_filter": ScopeFilter(shard=Shard(n, 3))}))
        for n in range(3)
    ]
    assert sorted(chain.from_iterable(parts)) == sorted(fleet.organization.members)


@pytest.mark.slow
async def test_an_account_that_was_listed_before_is_gone_to_straight(fleet: Fleet) -> None:
    """After an event, the members of a large organization are not listed for one of them."""
    fleet.join(*(number(n) for n in range(1, 60)))
    organization = {"organization": {"role_name": ROLE}}
    async with fleet.site.cloud(accounts=[organization]) as cloud:
        await scan(cloud, scope_filter=ScopeFilter(), state=RememberedState())
        pages = fleet.site.asked("ListAccounts")
        only = ScopeFilter((Scope(AccountId(number(55)), Region(HOME)),), from_event=True)
        found = await scan(cloud, scope_filter=only, state=RememberedState())
    assert read(found) == {number(55)}
    assert fleet.site.asked("ListAccounts") == pages
    assert standing(found, number(50)) is ScopeMembership.NOT_IN_RUN
