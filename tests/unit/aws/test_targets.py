"""Where a scope stands in a run (R9)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Complete, Failed, Region, Scope, Skipped
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter, Targets, result_for
from matchers.regions import RegionList, ScopeMembership

READ, FAILED_LIST, NO_ROLE_LITERAL, NO_ROLE_GLOBS = (
    AccountId(f"{n}{n}{n}{n}" * 3) for n in range(1, 5)
)
STRANGER = AccountId("999999999999")
IRELAND, FRANKFURT, OHIO = Region("eu-west-1"), Region("eu-central-1"), Region("us-east-2")

ACCOUNTS = {
    READ: RegionList(frozenset({IRELAND, FRANKFURT}), complete=True),
    FAILED_LIST: RegionList(frozenset({IRELAND}), complete=False),
    NO_ROLE_LITERAL: RegionList(frozenset({IRELAND}), complete=True),
    NO_ROLE_GLOBS: RegionList(frozenset(), complete=False, globs=("eu-*",)),
}


def targets(*, complete: bool = True, scope_filter: ScopeFilter = ScopeFilter()) -> Targets:
    return Targets(accounts=ACCOUNTS, accounts_complete=complete, scope_filter=scope_filter)


@pytest.mark.parametrize(
    ("account_id", "region", "standing"),
    [
        pytest.param(READ, IRELAND, ScopeMembership.IN_RUN, id="listed"),
        pytest.param(READ, OHIO, ScopeMembership.OUT_OF_SCOPE, id="not-in-a-list-read-to-its-end"),
        pytest.param(
            FAILED_LIST, IRELAND, ScopeMembership.IN_RUN, id="literal-beside-a-failed-list"
        ),
        pytest.param(
            FAILED_LIST, OHIO, ScopeMembership.TARGETS_UNKNOWN, id="hangs-on-a-failed-list"
        ),
        pytest.param(
            NO_ROLE_LITERAL, IRELAND, ScopeMembership.IN_RUN, id="literal-behind-a-closed-door"
        ),
        pytest.param(
            NO_ROLE_LITERAL, OHIO, ScopeMembership.OUT_OF_SCOPE, id="literal-lists-need-no-door"
        ),
        pytest.param(NO_ROLE_GLOBS, FRANKFURT, ScopeMembership.IN_RUN, id="a-glob-could-take-it"),
        pytest.param(NO_ROLE_GLOBS, OHIO, ScopeMembership.TARGETS_UNKNOWN, id="no-glob-takes-it"),
        pytest.param(STRANGER, IRELAND, ScopeMembership.OUT_OF_SCOPE, id="account-not-configured"),
    ],
)
def test_standing(account_id: AccountId, region: Region, standing: ScopeMembership) -> None:
    assert targets().membership(Scope(account_id, region)) is standing


def test_an_account_missing_from_a_list_that_was_cut_short_is_unknown() -> None:
    standing = targets(complete=False).membership(Scope(STRANGER, IRELAND))
    assert standing is ScopeMembership.TARGETS_UNKNOWN


@pytest.mark.parametrize(
    ("only", "inside"),
    [
        pytest.param(Scope(READ, None), {(READ, IRELAND), (READ, FRANKFURT)}, id="account"),
        pytest.param(Scope(READ, IRELAND), {(READ, IRELAND)}, id="one-region"),
        pytest.param(Scope(STRANGER, None), set(), id="unknown-account"),
    ],
)
def test_a_part_leaves_everything_else_out_of_the_run(
    only: Scope, inside: set[tuple[AccountId, Region]]
) -> None:
    narrowed = targets(scope_filter=ScopeFilter((only,)))
    assert {(scope.account_id, scope.region) for scope in narrowed.scopes} == inside
    for scope in (Scope(READ, IRELAND), Scope(READ, OHIO), Scope(NO_ROLE_GLOBS, IRELAND)):
        if not ScopeFilter((only,)).covers(scope):
            assert narrowed.membership(scope) is ScopeMembership.NOT_IN_RUN


def test_another_shards_accounts_are_never_out_of_scope() -> None:
    shards = [Shard(index, 2) for index in range(2)]
    mine = next(shard for shard in shards if not shard.owns(STRANGER))
    narrowed = targets(scope_filter=ScopeFilter(shard=mine))
    assert narrowed.membership(Scope(STRANGER, IRELAND)) is ScopeMembership.NOT_IN_RUN


def test_a_scope_without_its_own_result_has_that_of_its_account() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    own = Complete(scope=Scope(READ, IRELAND), started_at=now, caches=())
    door = Failed(
        scope=Scope(NO_ROLE_GLOBS, None), started_at=now, reason=ScopeReason.ASSUME_ROLE_DENIED
    )
    results: dict[Scope, Complete | Failed | Skipped] = {own.scope: own, door.scope: door}
    assert result_for(Scope(READ, IRELAND), results) is own
    assert result_for(Scope(NO_ROLE_GLOBS, IRELAND), results) is door
    assert result_for(Scope(READ, OHIO), results) is None
