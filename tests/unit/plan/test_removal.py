"""When a registration whose reason to stand is gone may be removed (R3, Time)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from discovery.model.codes import Action, Reason
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Arn
from discovery.plan.item import Item, MissCount
from discovery.plan.plan import apply_write_policy
from discovery.plan.registration_index import Owned, provenance_of
from discovery.plan.removal import RemovalReason, plan_removal
from discovery.plan.rules import WritePolicy
from state.records import PendingRemoval
from tests.support.plan_inputs import arn_of, cache, registered, rules
from tests.support.plan_state import MINUTE, NOW, inherited, journaled, make_state, miss, removed

R = Reason
LIVE, ORDERS = registered(revision="r1"), arn_of("orders")
ALL = [R.ABSENT, R.DELETING, R.UNMATCHED, R.EXCLUDED, R.INELIGIBLE, R.UNREADY, R.OUT_OF_SCOPE]
AT_ONCE = [R.DELETING, R.EXCLUDED]
IN_TIME = [reason for reason in ALL if reason not in AT_ONCE]


def ruled(
    reason: Reason = R.ABSENT,
    *pending_removals: PendingRemoval,
    arn: Arn = ORDERS,
    forgets: bool = False,
    known: dict[str, Any] | None = None,
    **under: Any,
) -> Item:
    """Of a registration that this state made, unless `known` says otherwise."""
    fields = {"registrations": [journaled(LIVE, arn)], **(known or {})}
    before = make_state(pending_removals=pending_removals, **fields)
    of = parse_cache_arn(arn)
    assert of is not None
    owned = Owned(LIVE, of, provenance_of(LIVE, arn, before))
    base = Item(
        scope=of.scope,
        arn=arn,
        cache=of.name,
        name=LIVE.name,
        action=Action.KEEP,
        reason=Reason.UNCHANGED,
        message="",
        database=LIVE,
        live=LIVE,
    )
    removal = RemovalReason(owned=owned, reason=reason, message="why", forgets=forgets)
    by = rules(**under)
    return apply_write_policy(plan_removal(base, removal, before, by, NOW), by.policy).item


def outcome(ruling: Item) -> tuple[Action, Reason]:
    return ruling.action, ruling.reason


WAITING = (Action.HELD, R.WAITING)


@pytest.mark.parametrize("reason", IN_TIME)
def test_most_reasons_wait_on_first_sight(reason: Reason) -> None:
    ruling = ruled(reason)
    assert outcome(ruling) == WAITING
    assert ruling.missed == MissCount(scans=1, since=NOW)
    assert "seen so in 1 of 2 complete scans; removed not before 2026-11-23 09:10:00 UTC" in (
        ruling.message
    )


@pytest.mark.parametrize("reason", AT_ONCE)
def test_what_aws_or_a_tag_on_the_cache_says_needs_no_time(reason: Reason) -> None:
    assert outcome(ruled(reason)) == (Action.DELETE, reason)


@pytest.mark.parametrize("reason", ALL)
def test_every_reason_removes_once_scans_and_grace_have_gone_by(reason: Reason) -> None:
    ruling = ruled(reason, miss(LIVE, reason, scans=1, minutes=60))
    assert outcome(ruling) == (Action.DELETE, reason)
    assert ruling.missed == MissCount(scans=2, since=NOW - 60 * MINUTE)
    assert ruling.message == "why"


@pytest.mark.parametrize(
    ("scans", "minutes", "limits", "expected"),
    [
        pytest.param(1, 10, {}, R.ABSENT, id="both-just-reached"),
        pytest.param(1, 9, {}, R.WAITING, id="grace-not-yet"),
        pytest.param(50, 9, {}, R.WAITING, id="many-scans-do-not-shorten-the-grace"),
        pytest.param(1, 999, {"missed_sweeps": 3}, R.WAITING, id="scans-not-yet"),
        pytest.param(2, 999, {"missed_sweeps": 3}, R.ABSENT, id="third-scan"),
        pytest.param(1, 0, {"grace": timedelta(0)}, R.ABSENT, id="no-grace"),
        pytest.param(1, 30, {"grace": timedelta(hours=1)}, R.WAITING, id="longer-grace"),
    ],
)
def test_scans_and_grace_have_both_to_be_reached(
    scans: int, minutes: int, limits: dict[str, Any], expected: Reason
) -> None:
    before = miss(LIVE, R.ABSENT, scans=scans, minutes=minutes, last=0)
    assert ruled(R.ABSENT, before, **limits).reason is expected


def test_one_missed_sweep_and_no_grace_removes_on_first_sight() -> None:
    assert outcome(ruled(missed_sweeps=1, grace=timedelta(0))) == (Action.DELETE, R.ABSENT)


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        pytest.param(miss(LIVE, R.UNMATCHED, scans=9), {}, id="another-reason"),
        pytest.param(miss(LIVE, R.ABSENT, scans=9), {"arn": arn_of("another")}, id="another-cache"),
        pytest.param(miss(LIVE, R.ABSENT, scans=9), {"forgets": True}, id="recreated"),
        pytest.param(
            miss(registered(name="other"), R.ABSENT, scans=9), {}, id="another-registration"
        ),
    ],
)
def test_a_miss_of_something_else_does_not_count(
    before: PendingRemoval, asked: dict[str, Any]
) -> None:
    ruling = ruled(R.ABSENT, before, **asked)
    assert outcome(ruling) == WAITING
    assert ruling.missed == MissCount(scans=1, since=NOW)


@pytest.mark.parametrize(
    ("last", "since"),
    [
        pytest.param(-1, NOW, id="a-clock-that-stepped-back-starts-the-grace-again"),
        pytest.param(0, NOW - 60 * MINUTE, id="the-same-instant-does-not"),
    ],
)
def test_a_miss_dated_before_the_last_one(last: int, since: Any) -> None:
    ruling = ruled(R.ABSENT, miss(LIVE, R.ABSENT, minutes=60, last=last))
    assert ruling.missed == MissCount(scans=2, since=since)


CHANGED = {"matching_digest": "of-other-matchers"}


@pytest.mark.parametrize("reason", [R.UNMATCHED, R.EXCLUDED])
def test_new_matchers_start_the_count_again(reason: Reason) -> None:
    """R3 says so of UNMATCHED alone; for EXCLUDED this is one sweep more careful."""
    ruling = ruled(reason, miss(LIVE, reason, scans=9), known=CHANGED)
    assert outcome(ruling) == WAITING
    assert ruling.missed == MissCount(scans=1, since=NOW)
    assert "matchers or name rules have changed since the last sweep" in ruling.message


def test_new_matchers_hold_even_when_one_scan_is_enough() -> None:
    ruling = ruled(R.UNMATCHED, known=CHANGED, missed_sweeps=1, grace=timedelta(0))
    assert outcome(ruling) == WAITING


@pytest.mark.parametrize("reason", [r for r in ALL if r not in (R.UNMATCHED, R.EXCLUDED)])
def test_new_matchers_have_no_say_in_other_reasons(reason: Reason) -> None:
    ruling = ruled(reason, miss(LIVE, reason), known=CHANGED)
    assert outcome(ruling) == (Action.DELETE, reason)


@pytest.mark.parametrize("reason", ALL)
def test_the_first_sweep_of_a_new_state_file_never_removes(reason: Reason) -> None:
    """Not even with limits that need neither scans nor grace."""
    ruling = ruled(
        reason,
        miss(LIVE, reason, scans=9),
        known={"finished_sweeps": 0, "matching_digest": None},
        missed_sweeps=1,
        grace=timedelta(0),
    )
    assert outcome(ruling) == WAITING
    assert "the first sweep of a new state file never removes" in ruling.message


@pytest.mark.parametrize("policy", [WritePolicy.UPSERT_ONLY, WritePolicy.CREATE_ONLY])
@pytest.mark.parametrize("reason", ALL)
def test_no_policy_but_sync_removes_and_misses_are_counted_all_the_same(
    reason: Reason, policy: WritePolicy
) -> None:
    ruling = ruled(reason, miss(LIVE, reason), policy=policy)
    assert outcome(ruling) == (Action.HELD, R.POLICY)
    assert ruling.missed is not None
    assert ruling.missed.scans == 2
    assert f"policy {policy.value} never removes" in ruling.message


@pytest.mark.parametrize(
    ("finished", "digest", "changed"),
    [
        pytest.param(0, None, False, id="a-new-file-has-no-rules-to-differ-from"),
        pytest.param(3, "digest-of-the-matchers", False, id="the-same"),
        pytest.param(3, "of-other-matchers", True, id="others"),
        pytest.param(1, "of-other-matchers", True, id="others-in-the-second-sweep"),
        pytest.param(3, None, True, id="not-remembered"),
    ],
)
def test_when_rules_have_changed(finished: int, digest: str | None, changed: bool) -> None:
    known = make_state(finished_sweeps=finished, matching_digest=digest)
    assert rules().changed_since(known) is changed


ANOTHERS = [
    pytest.param({"registrations": []}, id="unknown-to-state"),
    pytest.param({"registrations": [inherited(LIVE)]}, id="seen-and-never-matched"),
    pytest.param({"registrations": [journaled(LIVE, arn_of("carts"))]}, id="of-another-cache"),
]
OF_AWS = (R.ABSENT, R.DELETING)
BY_CHOICE = [reason for reason in ALL if reason not in OF_AWS]


@pytest.mark.parametrize("known", ANOTHERS)
@pytest.mark.parametrize("reason", BY_CHOICE)
def test_what_another_made_and_never_matched_here_is_not_removed(
    reason: Reason, known: dict[str, Any]
) -> None:
    ruling = ruled(reason, miss(LIVE, reason), known=known)
    assert outcome(ruling) == (Action.HELD, R.INHERITED)
    assert ruling.missed is not None
    assert ruling.missed.scans == 2
    assert "another agent may be at work in group prod" in ruling.message
    assert f"`cachemuster adopt {LIVE.name}`" in ruling.message


@pytest.mark.parametrize("known", ANOTHERS)
@pytest.mark.parametrize("reason", OF_AWS)
def test_what_another_made_goes_with_its_cache(reason: Reason, known: dict[str, Any]) -> None:
    assert outcome(ruled(reason, miss(LIVE, reason), known=known)) == (Action.DELETE, reason)


def test_a_policy_that_never_removes_does_not_hide_another_agent() -> None:
    ruling = ruled(R.UNMATCHED, known={"registrations": []}, policy=WritePolicy.UPSERT_ONLY)
    assert outcome(ruling) == (Action.HELD, R.INHERITED)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({"removes_out_of_scope": True}, (Action.HELD, R.INHERITED), id="configured"),
        pytest.param(
            {"removes_out_of_scope": True, "prunes": True},
            (Action.DELETE, R.OUT_OF_SCOPE),
            id="asked-for-in-this-sweep",
        ),
    ],
)
def test_prune_ends_it_for_what_is_out_of_scope(asked: dict[str, Any], expected: Any) -> None:
    known = {"registrations": [inherited(LIVE)]}
    before = miss(LIVE, R.OUT_OF_SCOPE)
    assert outcome(ruled(R.OUT_OF_SCOPE, before, known=known, **asked)) == expected


@pytest.mark.parametrize("reason", [r for r in BY_CHOICE if r is not R.OUT_OF_SCOPE])
def test_prune_ends_it_for_nothing_else(reason: Reason) -> None:
    ruling = ruled(reason, miss(LIVE, reason), known={"registrations": []}, prunes=True)
    assert outcome(ruling) == (Action.HELD, R.INHERITED)


REMOVED = [
    pytest.param({"registrations": []}, id="first-sight"),
    pytest.param({"registrations": [inherited(LIVE)]}, id="seen-before"),
]


@pytest.mark.parametrize("known", REMOVED)
@pytest.mark.parametrize("revision", ["r0", ""])
@pytest.mark.parametrize("reason", BY_CHOICE)
def test_what_was_removed_and_stands_again_is_a_conflict(
    reason: Reason, revision: str, known: dict[str, Any]
) -> None:
    ruling = ruled(
        reason,
        miss(LIVE, reason),
        known={**known, "removed": [removed(LIVE, revision)]},
        prunes=True,
    )
    assert outcome(ruling) == (Action.CONFLICT, R.RESTORED)
    assert "removed here at 2026-11-23 08:00:00 UTC, and it exists again" in ruling.message


@pytest.mark.parametrize("reason", OF_AWS)
def test_what_stands_again_goes_with_its_cache(reason: Reason) -> None:
    known = {"registrations": [], "removed": [removed(LIVE, "r0")]}
    assert outcome(ruled(reason, miss(LIVE, reason), known=known)) == (Action.DELETE, reason)


@pytest.mark.parametrize("reason", ALL)
def test_a_list_that_still_shows_the_removed_revision_is_lag(reason: Reason) -> None:
    known = {"registrations": [], "removed": [removed(LIVE, "r1")]}
    assert outcome(ruled(reason, miss(LIVE, reason), known=known)) == (Action.DELETE, reason)
    assert outcome(ruled(reason, known=known)) == outcome(ruled(reason))


def test_a_removal_of_another_cache_under_the_name_says_nothing() -> None:
    other = removed(registered(cache("carts"), name=LIVE.name), "r0")
    known = {"removed": [other]}
    ruling = ruled(R.UNMATCHED, miss(LIVE, R.UNMATCHED), known=known)
    assert outcome(ruling) == (Action.DELETE, R.UNMATCHED)
