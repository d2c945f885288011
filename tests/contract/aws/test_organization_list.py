"""Accounts of an AWS Organization as targets: what a list that ends early means."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import UNKNOWN, AccountId, Complete, Failed
from discovery.plan.account_names import ListedNames
from discovery.sandbox.aws.faults import Effect
from matchers.regions import ScopeMembership
from tests.contract.aws.conftest import HUB, Site, result_of
from tests.support.organization import ROLE, Fleet, number, read, standing

A, B = number(1), number(2)
STRANGER = "888888888888"


@pytest.fixture
def fleet(site: Site) -> Fleet:
    return Fleet(site)


async def test_an_empty_page_with_a_token_is_not_the_end(fleet: Fleet) -> None:
    fleet.join(A)
    fleet.site.fault(Effect.EMPTY_FIRST_PAGE, service="organizations")
    found = await fleet.scan()
    assert read(found) == {HUB, A}
    assert standing(found, STRANGER) is ScopeMembership.OUT_OF_SCOPE


BROKEN = [
    pytest.param(Effect.DENIED, {}, ScopeReason.DENIED, id="denied"),
    pytest.param(Effect.THROTTLED, {}, ScopeReason.THROTTLED, id="throttled"),
    pytest.param(Effect.INTERNAL, {}, ScopeReason.SERVER_ERROR, id="trouble-at-aws"),
    pytest.param(Effect.HTML, {"status": 200}, ScopeReason.MALFORMED, id="a-page-of-a-proxy"),
    pytest.param(Effect.TRUNCATED, {}, ScopeReason.MALFORMED, id="half-an-answer"),
    pytest.param(Effect.LATENCY, {"delay_s": 300}, ScopeReason.TIMEOUT, id="hangs"),
]


@pytest.mark.parametrize(("effect", "how", "reason"), BROKEN)
async def test_a_list_that_cannot_be_read_leaves_the_accounts_unknown(
    fleet: Fleet, effect: Effect, how: dict[str, object], reason: ScopeReason
) -> None:
    fleet.join(A, B)
    fleet.site.fault(effect, service="organizations", **how)
    listed = {"id": B, "role_arn": fleet.site.aws.world.account(B).roles[ROLE].arn}
    found = await fleet.scan(beside=[listed], more={"scope_timeout": "2s"})
    assert read(found) == {B}, "what does not hang on the list is scanned"
    said = result_of(found, HUB, None)
    assert isinstance(said, Failed)
    assert said.reason is reason
    assert "organizations:ListAccounts" in said.message or effect is Effect.LATENCY
    assert "the organization's accounts are not all known" in said.message
    for account_id in (A, HUB, STRANGER):
        assert standing(found, account_id) is ScopeMembership.TARGETS_UNKNOWN
    assert standing(found, B) is ScopeMembership.IN_RUN
    assert standing(found, B, "us-east-1") is ScopeMembership.OUT_OF_SCOPE


async def test_what_was_read_before_the_second_page_failed_is_scanned(fleet: Fleet) -> None:
    fleet.join(A, B)
    fleet.site.fault(Effect.SHORT_PAGES, service="organizations", page_size=2)
    fleet.site.fault(Effect.LATER_PAGE_FAILS, service="organizations", code="TooManyRequests")
    found = await fleet.scan()
    assert len(read(found)) == 1
    [listed] = read(found)
    assert standing(found, listed) is ScopeMembership.IN_RUN
    for account_id in {HUB, A, B} - {listed}:
        assert standing(found, account_id) is ScopeMembership.TARGETS_UNKNOWN
    said = result_of(found, HUB, None)
    assert isinstance(said, Failed)
    assert "the 1 that were listed are scanned" in said.message


async def test_a_token_that_comes_again(fleet: Fleet) -> None:
    fleet.join(A)
    fleet.site.fault(Effect.REPEATED_TOKEN, service="organizations")
    found = await fleet.scan()
    assert read(found) == {HUB, A}
    said = result_of(found, HUB, None)
    assert isinstance(said, Failed)
    assert said.reason is ScopeReason.REPEATED_TOKEN
    assert standing(found, STRANGER) is ScopeMembership.TARGETS_UNKNOWN


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param({"State": None, "Status": None}, id="no-state"),
        pytest.param({"Id": None}, id="no-id"),
        pytest.param({"Id": "root"}, id="an-id-that-is-none"),
    ],
)
async def test_an_entry_that_is_no_account_ends_the_list(
    fleet: Fleet, wire: dict[str, object]
) -> None:
    fleet.organization.join(A, wire=wire)
    found = await fleet.scan()
    said = result_of(found, HUB, None)
    assert isinstance(said, Failed)
    assert said.reason is ScopeReason.MALFORMED
    assert standing(found, STRANGER) is ScopeMembership.TARGETS_UNKNOWN


async def test_the_agents_own_failure_and_its_organizations_are_said_together(fleet: Fleet) -> None:
    fleet.site.fault(Effect.DENIED, service="organizations")
    own = {"id": HUB, "role_arn": f"arn:aws:iam::{HUB}:role/none"}
    found = await fleet.scan(beside=[own], more={"own_account": "assume"})
    said = result_of(found, HUB, None)
    assert isinstance(said, Failed)
    assert "ListAccounts" in said.message
    assert "role/none" in said.message


@pytest.mark.parametrize(
    ("entry", "reason", "words"),
    [
        pytest.param(
            {"include_ous": ["ou-ab12-deadbeef"]},
            ScopeReason.DENIED,
            "correct include_ous",
            id="a-unit-that-is-not-there",
        ),
    ],
)
async def test_what_a_person_has_to_do(
    fleet: Fleet, entry: dict[str, Any], reason: ScopeReason, words: str
) -> None:
    said = result_of(await fleet.scan(**entry), HUB, None)
    assert isinstance(said, Failed)
    assert said.reason is reason
    assert words in said.message


async def test_a_member_may_not_list(site: Site) -> None:
    site.aws.world.organize(A).join(HUB)
    entry = {"organization": {"role_name": ROLE}}
    said = result_of(await site.scan(accounts=[entry]), HUB, None)
    assert isinstance(said, Failed)
    assert said.reason is ScopeReason.DENIED
    assert "delegated" in said.message
    assert site.aws.world.organization is not None
    site.aws.world.organization.delegate(HUB)
    assert isinstance(result_of(await site.scan(accounts=[entry])), Complete)


async def test_no_organization_at_all(site: Site) -> None:
    entry = {"organization": {"role_name": ROLE}}
    said = result_of(await site.scan(accounts=[entry]), HUB, None)
    assert isinstance(said, Failed)
    assert said.reason is ScopeReason.DENIED
    assert "in no organization" in said.message


async def test_a_list_gives_the_names_of_its_accounts(fleet: Fleet) -> None:
    fleet.join(A)
    fleet.organization.rename(A, " payments ")
    fleet.organization.join(B, state="SUSPENDED", name="old")
    fleet.organization.rename(HUB, "hub")
    found = await fleet.scan(exclude_accounts=[HUB])
    assert read(found) == {A}
    names = {AccountId(HUB): "hub", AccountId(A): "payments", AccountId(B): "old"}
    assert found.listed_names == ListedNames(names, complete=True), "left out or not"


@pytest.mark.parametrize("name", [None, "", "\x1b[2J", "x\u202ey", "x" * 65, 7, ["x"]], ids=repr)
async def test_what_is_fit_for_no_name_is_not_read(fleet: Fleet, name: object) -> None:
    fleet.join(A)
    fleet.organization.join(A, wire={"Name": name})
    found = await fleet.scan()
    assert A in read(found), "and the account is scanned all the same"
    assert found.listed_names.names[AccountId(A)] is UNKNOWN


async def test_a_list_that_ends_early_gives_the_names_that_it_had(fleet: Fleet) -> None:
    fleet.join(A, B)
    fleet.site.fault(Effect.SHORT_PAGES, service="organizations", page_size=2)
    fleet.site.fault(Effect.LATER_PAGE_FAILS, service="organizations", code="TooManyRequests")
    found = await fleet.scan()
    assert len(found.listed_names.names) == len(read(found)) == 1
    assert not found.listed_names.complete
