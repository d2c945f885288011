"""Which conditions begin and end with a sweep, and what a sweep could not find out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.config.notify import NotifyKind
from discovery.model.codes import Action, GuardCode, IamVerdict, Reason, ScopeReason
from discovery.model.values import (
    AccountId,
    Complete,
    Failed,
    IamJudgement,
    Region,
    Scanned,
    Scope,
    Skipped,
)
from discovery.notify.conditions import Conditions, next_conditions
from discovery.plan.item import Item
from tests.support.report_samples import (
    EARLIER,
    OTHER,
    REFUSED,
    WEST,
    arn,
    finding,
    item,
    judged,
    report,
)

UNREADY = judged(finding())
READY = IamJudgement(IamVerdict.READY, EARLIER, ("alice",), ())
UNREAD = IamJudgement(IamVerdict.UNKNOWN, EARLIER, (), ())
ACCOUNT = Scope(AccountId("444455556666"), None)


def complete(scope: Scope = WEST) -> Complete:
    return Complete(scope=scope, started_at=EARLIER, caches=())


def failed(scope: Scope = WEST) -> Failed:
    return Failed(scope=scope, started_at=EARLIER, reason=ScopeReason.DENIED, message="no")


def skipped(scope: Scope, reason: ScopeReason) -> Skipped:
    return Skipped(scope=scope, started_at=EARLIER, reason=reason)


def after(
    before: Conditions, *items: Item, kind: NotifyKind, whole: bool = True, **more: Any
) -> set[str]:
    """What holds of one kind after a report with these items."""
    found = next_conditions(before, report(*items, **more), tuple(NotifyKind), whole=whole)
    return set(found[kind])


def unready(before: bool, *items: Item, **more: Any) -> bool:
    held = {NotifyKind.NOT_READY: frozenset({arn("orders")})} if before else {}
    return arn("orders") in after(held, *items, kind=NotifyKind.NOT_READY, **more)


def orders(iam: IamJudgement | None, action: Action = Action.KEEP, **more: Any) -> Item:
    reason = {Action.KEEP: Reason.UNCHANGED, Action.SKIPPED: Reason.NO_MATCHER}
    return item(action, reason.get(action, Reason.WAITING), iam=iam, **more)


class TestNotReady:
    @pytest.mark.parametrize("action", [Action.KEEP, Action.HELD])
    def test_it_begins_with_the_verdict(self, action: Action) -> None:
        assert unready(False, orders(UNREADY, action))

    def test_it_ends_with_the_verdict(self) -> None:
        assert not unready(True, orders(READY))

    def test_a_cache_that_nobody_wants_is_not_told_of(self) -> None:
        assert not unready(False, orders(UNREADY, Action.SKIPPED))

    @pytest.mark.parametrize(
        "found",
        [
            orders(UNREAD),
            item(Action.HELD, Reason.SCOPE_FAILED),
            item(Action.HELD, Reason.NOT_IN_RUN),
            item(Action.HELD, Reason.WAITING),
        ],
    )
    def test_what_was_not_read_changes_nothing(self, found: Item) -> None:
        assert unready(True, found)
        assert not unready(False, found)

    def test_a_cache_that_a_complete_scan_lacks_is_gone(self) -> None:
        assert not unready(True, scopes=(complete(),))

    @pytest.mark.parametrize("scan", [failed(), skipped(WEST, ScopeReason.NOT_IN_RUN)])
    def test_one_that_another_scan_lacks_is_not(self, scan: Scanned) -> None:
        assert unready(True, scopes=(scan,))

    def test_a_scope_that_was_taken_out_is_gone_after_a_whole_sweep_alone(self) -> None:
        elsewhere = (complete(OTHER),)
        assert not unready(True, scopes=elsewhere)
        assert unready(True, scopes=elsewhere, whole=False)

    @pytest.mark.parametrize("ended", [{"error": "unread"}, {"interrupted": True}])
    def test_a_sweep_without_a_plan_changes_nothing(self, ended: dict[str, Any]) -> None:
        assert unready(True, orders(READY), **ended)


class TestConflict:
    def test_it_begins_and_ends(self) -> None:
        foreign = item(Action.CONFLICT, Reason.FOREIGN)
        began = after({}, foreign, kind=NotifyKind.CONFLICT)
        assert began == {arn("orders")}
        held = {NotifyKind.CONFLICT: frozenset(began)}
        assert after(held, foreign, kind=NotifyKind.CONFLICT) == began
        assert not after(held, orders(None), kind=NotifyKind.CONFLICT)

    def test_a_surplus_registration_is_one_beside_the_item_that_counts(self) -> None:
        surplus = item(Action.CONFLICT, Reason.DUPLICATE_REGISTRATION)
        held: Conditions = {NotifyKind.CONFLICT: frozenset({arn("orders")})}
        assert after(held, surplus, orders(None), kind=NotifyKind.CONFLICT)

    def test_a_name_without_a_cache_needs_a_complete_sweep_to_be_gone(self) -> None:
        held: Conditions = {NotifyKind.CONFLICT: frozenset({"mine"})}
        assert after(held, kind=NotifyKind.CONFLICT, scopes=(complete(), failed(OTHER)))
        assert not after(held, kind=NotifyKind.CONFLICT, scopes=(complete(),))


def failing(before: frozenset[str], *scopes: Scanned, **more: Any) -> set[str]:
    held = {NotifyKind.SCOPE_FAILING: before}
    return after(held, kind=NotifyKind.SCOPE_FAILING, scopes=scopes, **more)


class TestScopes:
    WEST = frozenset({"111122223333/eu-west-1"})

    def test_it_begins_and_ends(self) -> None:
        assert failing(frozenset(), failed()) == self.WEST
        assert failing(self.WEST, failed()) == self.WEST
        assert not failing(self.WEST, complete())

    def test_an_expected_failure_is_none(self) -> None:
        expected = frozenset({Scope(AccountId("*"), Region("eu-west-1"))})
        assert not failing(frozenset(), failed(), expected_failures=expected)

    def test_it_needs_no_plan(self) -> None:
        assert failing(frozenset(), failed(), error="the control plane is away") == self.WEST

    def test_what_a_rescan_does_not_read_stays(self) -> None:
        assert failing(self.WEST, complete(OTHER), whole=False) == self.WEST
        assert failing(self.WEST, skipped(WEST, ScopeReason.NOT_IN_RUN)) == self.WEST

    def test_a_region_that_is_not_enabled_any_more_fails_no_more(self) -> None:
        assert not failing(self.WEST, skipped(WEST, ScopeReason.REGION_NOT_ENABLED))

    def test_an_account_that_cannot_be_entered_says_nothing_of_its_regions(self) -> None:
        region = frozenset({str(OTHER)})
        assert failing(region, failed(ACCOUNT)) == {str(OTHER), "444455556666"}

    def test_an_account_ends_when_one_of_its_regions_is_read(self) -> None:
        account = frozenset({"444455556666"})
        assert not failing(account, complete(OTHER), whole=False)
        assert failing(account, skipped(OTHER, ScopeReason.NOT_IN_RUN), whole=False) == account


class TestRefused:
    def test_it_begins_and_ends(self) -> None:
        began = after({}, kind=NotifyKind.REFUSED, guard=REFUSED)
        assert began == {"GUARD_PERCENT"}
        held = {NotifyKind.REFUSED: frozenset(began)}
        assert not after(held, kind=NotifyKind.REFUSED)

    def test_a_rescan_judges_a_part_and_ends_nothing(self) -> None:
        held: Conditions = {NotifyKind.REFUSED: frozenset({"GUARD_PERCENT"})}
        assert after(held, kind=NotifyKind.REFUSED, whole=False)

    def test_another_code_is_another_refusal(self) -> None:
        held: Conditions = {NotifyKind.REFUSED: frozenset({"GUARD_PERCENT"})}
        empty = replace(REFUSED, code=GuardCode.GUARD_EMPTY)
        assert after(held, kind=NotifyKind.REFUSED, guard=empty) == {"GUARD_EMPTY"}


def test_kinds_that_nobody_wants_are_forgotten_so_that_they_can_be_told_later() -> None:
    held: Conditions = {NotifyKind.CONFLICT: frozenset({"mine"})}
    found = next_conditions(held, report(), (NotifyKind.REGISTERED,), whole=True)
    assert not found
    back = next_conditions({}, report(scopes=(failed(),)), (NotifyKind.SCOPE_BACK,), whole=True)
    assert back[NotifyKind.SCOPE_FAILING] == {"111122223333/eu-west-1"}
