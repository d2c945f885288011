"""Scopes that keep failing are left alone for a while, when the run is told to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.values import AccountId, Complete, Failed, Region, Scope
from discovery.plan.targets import ScopeFilter
from discovery.sandbox.aws.faults import Effect
from matchers.regions import ScopeMembership
from state.records import RememberedScope, RememberedState
from tests.contract.aws.conftest import HOME, HUB, MEMBER, Site, now, result_of
from tests.support.organization import Fleet, standing

ELSEWHERE = "eu-west-2"
SINCE = timedelta(hours=1)


def failing(
    *scopes: tuple[str, str | None],
    reason: ScopeReason = ScopeReason.DENIED,
    last: timedelta = timedelta(minutes=1),
) -> RememberedState:
    """The memory of a state in which these scopes have failed five times in a row."""
    return RememberedState(scopes={each.scope: each for each in _memories(scopes, reason, last)})


def _memories(
    scopes: Iterable[tuple[str, str | None]], reason: ScopeReason, last: timedelta
) -> Iterable[RememberedScope]:
    for account_id, region in scopes:
        yield RememberedScope(
            scope=Scope(AccountId(account_id), Region(region) if region else None),
            last_attempt_at=now() - last,
            last_complete_at=None,
            failing_since=now() - SINCE,
            status=ScopeStatus.FAILED,
            reason=reason,
            message="denied",
            caches=None,
            failures=5,
        )


async def test_a_scope_that_backs_off_is_not_asked(site: Site) -> None:
    state = failing((HUB, HOME))
    found = await site.scan(regions=[HOME, ELSEWHERE], state=state, use_backoff=True)
    result = result_of(found)
    assert isinstance(result, Failed)
    assert (result.reason, result.calls) == (ScopeReason.DENIED, 0)
    assert result.is_backing_off
    assert "5 times in a row since" in result.message
    assert "DENIED" in result.message
    assert isinstance(result_of(found, HUB, ELSEWHERE), Complete)
    assert site.asked("DescribeServerlessCaches", region=HOME) == 0
    assert standing(found, HUB) is ScopeMembership.IN_RUN


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="by-hand"),
        pytest.param(
            {"use_backoff": True, "scope_filter": ScopeFilter((Scope(AccountId(HUB), None),))},
            id="named",
        ),
    ],
)
async def test_who_names_it_or_asks_by_hand_sees_it(site: Site, how: dict[str, object]) -> None:
    found = await site.scan(state=failing((HUB, HOME)), **how)  # type: ignore[arg-type]
    assert isinstance(result_of(found), Complete)


async def test_when_the_time_is_over_it_is_asked(site: Site) -> None:
    state = failing((HUB, HOME), last=timedelta(minutes=31))
    assert isinstance(result_of(await site.scan(state=state, use_backoff=True)), Complete)


async def test_an_account_that_stays_shut_is_not_tried(site: Site) -> None:
    site.member()
    state = failing((MEMBER, None), reason=ScopeReason.ASSUME_ROLE_DENIED)
    found = await site.scan(state=state, use_backoff=True)
    result = result_of(found, MEMBER, None)
    assert isinstance(result, Failed)
    assert result.reason is ScopeReason.ASSUME_ROLE_DENIED
    assert result.is_backing_off
    assert site.asked("AssumeRole") == 0
    assert isinstance(result_of(found), Complete)


async def test_an_unreadable_list_is_not_read_but_what_is_known_is_scanned(site: Site) -> None:
    site.member()
    state = failing((MEMBER, None), reason=ScopeReason.REGIONS_UNREADABLE)
    found = await site.scan(regions=["us-*", HOME], state=state, use_backoff=True)
    assert result_of(found, MEMBER, None).is_backing_off
    assert isinstance(result_of(found, MEMBER), Complete)
    assert site.asked("DescribeRegions", account=MEMBER) == 0
    assert standing(found, MEMBER, "us-east-1") is ScopeMembership.TARGETS_UNKNOWN


async def test_the_list_of_an_organization_never_backs_off(site: Site) -> None:
    fleet = Fleet(site)
    fleet.join(MEMBER)
    state = failing((HUB, None))
    found = await fleet.scan(more={"state": state, "use_backoff": True})
    assert isinstance(result_of(found), Complete)
    assert isinstance(result_of(found, MEMBER), Complete)
    site.fault(Effect.DENIED, service="organizations")
    found = await fleet.scan(more={"state": state, "use_backoff": True})
    assert isinstance(result_of(found, HUB, None), Failed)
