"""Registrations whose cache this sweep did not find: what is evidence, and what is not (R1, R9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from discovery.model.codes import Action, NoteCode, Reason, ScopeReason
from discovery.model.values import Database, Region, Scanned, Scope
from discovery.plan.item import Item
from discovery.plan.rules import Rules, WritePolicy
from discovery.plan.targets import ScopeFilter, Targets
from matchers.regions import RegionList
from state.records import PendingRemoval, RememberedState
from tests.support.plan_inputs import (
    ABROAD,
    ACCOUNT,
    EAST,
    TARGETS,
    WEST,
    backing_off,
    cache,
    failed,
    only,
    plan_input,
    plan_of,
    registered,
    rules,
    skipped,
)
from tests.support.plan_state import NOW, journaled, make_state, miss

A, R, S = Action, Reason, ScopeReason
LIVE, LIVE_ABROAD = registered(), registered(cache(scope=ABROAD))
ENTRANCE = Scope(ACCOUNT, None)

REMOVING = rules(removes_out_of_scope=True)
PRUNING = rules(removes_out_of_scope=True, prunes=True)


def targets(
    *,
    west: bool = True,
    complete: bool = True,
    accounts: bool = True,
    scope_filter: ScopeFilter = ScopeFilter(),
) -> Targets:
    """Targets with EAST, and WEST if so; `complete` the region list, `accounts` the others'."""
    regions = frozenset({Region("us-east-1")} | ({Region("eu-west-1")} if west else set()))
    return Targets(
        accounts={ACCOUNT: RegionList(regions, complete=complete)},
        accounts_complete=accounts,
        scope_filter=scope_filter,
    )


def missing(
    live: Database = LIVE,
    *instead: Scanned,
    at: Targets = TARGETS,
    known: RememberedState | None = None,
    under: Rules | None = None,
) -> Item:
    known = known or make_state(registrations=[journaled(live)])
    found = plan_input(listed=[live], known=known, targets=at, instead=instead)
    return only(plan_of(found, under))


OUT = targets(west=False)


@pytest.mark.parametrize(
    ("live", "at", "reason"),
    [
        pytest.param(LIVE, TARGETS, R.WAITING, id="in-this-run-and-read"),
        pytest.param(
            LIVE,
            targets(scope_filter=ScopeFilter(only=(EAST,))),
            R.NOT_IN_RUN,
            id="left-out-by-only",
        ),
        pytest.param(
            LIVE_ABROAD,
            targets(scope_filter=ScopeFilter(only=(WEST,))),
            R.NOT_IN_RUN,
            id="only-before-all-else",
        ),
        pytest.param(LIVE, OUT, R.OUT_OF_SCOPE, id="region-not-configured"),
        pytest.param(LIVE_ABROAD, TARGETS, R.OUT_OF_SCOPE, id="account-not-configured"),
        pytest.param(
            LIVE, targets(west=False, complete=False), R.TARGETS_UNKNOWN, id="region-list-unread"
        ),
        pytest.param(
            LIVE_ABROAD, targets(accounts=False), R.TARGETS_UNKNOWN, id="account-list-unread"
        ),
        pytest.param(
            LIVE, targets(west=False, accounts=False), R.OUT_OF_SCOPE, id="other-list-unread"
        ),
    ],
)
def test_where_the_scope_stands(live: Database, at: Targets, reason: Reason) -> None:
    item = missing(live, at=at)
    assert (item.action, item.reason) == (A.HELD, reason)
    assert (item.name, item.live, item.database) == (live.name, live, live)
    counted = reason in (R.WAITING, R.OUT_OF_SCOPE)
    assert (item.missed is not None, item.removal_reason is not None) == (counted, counted)


@pytest.mark.parametrize(
    ("instead", "reason"),
    [
        pytest.param(failed(WEST), R.SCOPE_FAILED, id="denied"),
        pytest.param(failed(WEST, S.TRUNCATED), R.SCOPE_FAILED, id="cut-short"),
        pytest.param(failed(WEST, S.REGIONS_UNREADABLE), R.TARGETS_UNKNOWN, id="regions-unread"),
        pytest.param(backing_off(WEST), R.SCOPE_FAILED, id="backing-off"),
        pytest.param(skipped(WEST, S.NOT_IN_RUN), R.NOT_IN_RUN, id="past-the-deadline"),
        pytest.param(skipped(WEST, S.REGION_NOT_ENABLED), R.SCOPE_FAILED, id="region-off"),
    ],
)
def test_nothing_but_a_complete_scan_is_evidence(instead: Scanned, reason: Reason) -> None:
    known = make_state(
        registrations=[journaled(LIVE)], pending_removals=[miss(LIVE, R.ABSENT, scans=99)]
    )
    item = missing(LIVE, instead, known=known, under=PRUNING)
    assert (item.action, item.reason, item.missed) == (A.HELD, reason, None)


@pytest.mark.parametrize(
    ("entrance", "reason"),
    [
        pytest.param(failed(ENTRANCE, S.ASSUME_ROLE_DENIED), R.SCOPE_FAILED, id="role-denied"),
        pytest.param(failed(ENTRANCE, S.REGIONS_UNREADABLE), R.TARGETS_UNKNOWN, id="no-regions"),
        pytest.param(backing_off(ENTRANCE), R.SCOPE_FAILED, id="backing-off"),
    ],
)
def test_an_account_that_was_not_entered_stands_for_its_regions(
    entrance: Scanned, reason: Reason
) -> None:
    moment = plan_input(listed=[LIVE], known=make_state(registrations=[journaled(LIVE)]))
    item = only(plan_of(replace(moment, results=(entrance,))))
    assert (item.action, item.reason) == (A.HELD, reason)


def test_a_scope_with_a_result_of_its_own_is_not_spoken_for_by_the_account() -> None:
    assert missing(LIVE, failed(ENTRANCE)).reason is R.WAITING


def test_a_scope_in_this_run_without_any_result_is_not_evidence() -> None:
    moment = plan_input(listed=[LIVE], known=make_state(registrations=[journaled(LIVE)]))
    assert only(plan_of(replace(moment, results=()))).reason is R.NOT_IN_RUN


@pytest.mark.parametrize(
    ("pending_removals", "under", "expected"),
    [
        pytest.param([], rules(), (A.HELD, R.OUT_OF_SCOPE), id="held-by-default"),
        pytest.param(
            [miss(LIVE, R.OUT_OF_SCOPE, scans=9)], rules(), (A.HELD, R.OUT_OF_SCOPE), id="for-ever"
        ),
        pytest.param([], PRUNING, (A.HELD, R.WAITING), id="prune-waits-too"),
        pytest.param(
            [miss(LIVE, R.OUT_OF_SCOPE)], PRUNING, (A.DELETE, R.OUT_OF_SCOPE), id="time-was-counted"
        ),
        pytest.param(
            [miss(LIVE, R.ABSENT, scans=9)], PRUNING, (A.HELD, R.WAITING), id="absence-is-another"
        ),
        pytest.param(
            [miss(LIVE, R.OUT_OF_SCOPE)],
            rules(removes_out_of_scope=True, policy=WritePolicy.UPSERT_ONLY),
            (A.HELD, R.POLICY),
            id="policy",
        ),
    ],
)
def test_out_of_scope_is_removed_only_on_demand_and_in_time(
    pending_removals: list[PendingRemoval], under: Rules, expected: tuple[Action, Reason]
) -> None:
    known = make_state(registrations=[journaled(LIVE)], pending_removals=pending_removals)
    moment = plan_input(
        cache("other", EAST), listed=[LIVE, registered(cache("other", EAST))], known=known,
        targets=OUT,
    )  # fmt: skip
    item = next(each for each in plan_of(moment, under).items if each.name == LIVE.name)
    assert (item.action, item.reason) == expected


@pytest.mark.parametrize(
    ("under", "expected"),
    [
        pytest.param(rules(), A.HELD, id="held-by-default"),
        pytest.param(REMOVING, A.HELD, id="out-of-scope-remove-is-not-meant"),
        pytest.param(PRUNING, A.DELETE, id="prune-is"),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_what_an_exclusion_takes_out_waits_for_prune(
    under: Rules, expected: Action, complete: bool
) -> None:
    east = frozenset({Region("us-east-1")})
    at = replace(OUT, accounts={ACCOUNT: RegionList(east, complete, excluded=("eu-*",))})
    known = make_state(
        registrations=[journaled(LIVE)], pending_removals=[miss(LIVE, R.OUT_OF_SCOPE, scans=9)]
    )
    moment = plan_input(
        cache("other", EAST), listed=[LIVE, registered(cache("other", EAST))], known=known,
        targets=at,
    )  # fmt: skip
    item = next(each for each in plan_of(moment, under).items if each.name == LIVE.name)
    assert (item.action, item.reason) == (expected, R.OUT_OF_SCOPE)
    assert "aws.exclude_regions" in item.message


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(targets(scope_filter=ScopeFilter(only=(EAST,))), id="not-in-this-run"),
        pytest.param(targets(west=False, complete=False), id="targets-unknown"),
        pytest.param(
            targets(west=False, scope_filter=ScopeFilter(only=(EAST,))),
            id="pruning-sees-the-part-only",
        ),
    ],
)
def test_no_setting_removes_what_is_not_looked_at(at: Targets) -> None:
    known = make_state(
        registrations=[journaled(LIVE)], pending_removals=[miss(LIVE, R.OUT_OF_SCOPE, scans=99)]
    )
    assert missing(LIVE, at=at, known=known, under=PRUNING).action is A.HELD


def test_misses_of_an_inherited_registration_count_from_now() -> None:
    item = missing(known=make_state())
    assert [note.code for note in item.notes] == [NoteCode.INHERITED]
    assert item.missed is not None
    assert (item.missed.scans, item.missed.since) == (1, NOW)


def test_a_journal_entry_of_another_cache_makes_it_inherited_too() -> None:
    known = make_state(registrations=[journaled(LIVE, arn=cache("another").arn)])
    assert [note.code for note in missing(known=known).notes] == [NoteCode.INHERITED]


def test_a_cache_of_the_same_name_elsewhere_is_another_cache() -> None:
    known = make_state(registrations=[journaled(LIVE)])
    plan = plan_of(plan_input(cache(scope=EAST), listed=[LIVE], known=known))
    assert [(item.scope, item.action, item.reason) for item in plan.items] == [
        (WEST, A.HELD, R.WAITING),
        (EAST, A.CREATE, R.NEW),
    ]


def test_the_message_names_scope_and_reason() -> None:
    assert missing(LIVE, failed(WEST)).message == (
        "scope 111122223333/eu-west-1 could not be read: DENIED; see what the scope says"
    )
