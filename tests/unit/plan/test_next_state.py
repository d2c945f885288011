"""What a finished sweep leaves behind in state (R1, R2, R3, R10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from discovery.model.codes import Action, FindingCode, IamVerdict, Reason, ScopeReason
from discovery.model.values import UNKNOWN, Arn, Cache, Database, Scanned, Tags
from discovery.plan.item import Item
from discovery.plan.next_state import StateChanges, next_state
from discovery.plan.rules import Rules
from discovery.plan.scan_memory import seen_caches
from matchers.matcher import IamUsers
from state.records import LastVerdict, PendingRemoval, Registration, RememberedState
from tests.support.plan_inputs import (
    EAST,
    UNREADY,
    WEST,
    arn_of,
    backing_off,
    cache,
    complete,
    failed,
    foreign,
    matcher,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)
from tests.support.plan_state import (
    CREATED,
    MINUTE,
    NOW,
    journaled,
    make_state,
    miss,
    remembered,
    removed,
)
from tests.support.plan_state import inherited as another_made

R = Reason
LIVE = registered()
STARTED = NOW - MINUTE
Carry = Callable[[Item], Item]


def as_planned(item: Item) -> Item:
    """Carried out as far as it writes."""
    return replace(item, applied=True) if item.action.writes else item


def not_applied(item: Item) -> Item:
    return replace(item, applied=False) if item.action.writes else item


def after(
    *found: Cache,
    listed: list[Database] | None = None,
    known: RememberedState | None = None,
    under: Rules | None = None,
    carry: Carry = as_planned,
    **world: Any,
) -> StateChanges:
    at = plan_input(*found, listed=[LIVE] if listed is None else listed, known=known, **world)
    plan = plan_of(at, under)
    items = [carry(item) for item in plan.items]
    return next_state(plan.observed, items, started_at=STARTED)


# Caches.


def test_a_cache_seen_for_the_first_time() -> None:
    of = cache(tags=tagged(env="prod"))
    (found,) = after(of, listed=[]).caches_seen
    assert found == remembered(of, first_seen_at=STARTED, last_seen_at=STARTED)
    assert found.tags == Tags({"env": "prod"}, NOW, confirmed=False)


BEFORE = remembered(cache(tags=tagged(env="prod")))


def seen(of: Cache, **more: Any) -> Any:
    (found,) = after(of, known=make_state(caches=[BEFORE]), **more).caches_seen
    return found


def test_what_was_not_read_stays_as_it_was_read_last() -> None:
    found = seen(cache(tags=UNKNOWN, vpc_id=UNKNOWN, created_at=None), users=UNKNOWN)
    assert found == replace(BEFORE, last_seen_at=STARTED)


def test_what_was_read_replaces_it_even_by_nothing() -> None:
    found = seen(cache(tags=tagged(), vpc_id=None, status="modifying"), users=UNREADY)
    assert (found.tags.values, found.vpc_id, found.vpc_known) == ({}, None, True)
    assert found.status == "modifying"
    codes = (FindingCode.NO_IAM_USER, FindingCode.USER_NOT_IAM)
    assert found.iam == LastVerdict(IamVerdict.NOT_READY, (), codes)


def test_an_unjudged_cache_keeps_its_last_verdict() -> None:
    assert seen(cache(engine="memcached")).iam == BEFORE.iam


def test_nothing_of_an_earlier_cache_is_remembered_of_a_recreated_one() -> None:
    of = cache(created_at=NOW, tags=UNKNOWN, vpc_id=UNKNOWN)
    found = seen(of, users=UNKNOWN)
    assert (found.created_at, found.first_seen_at) == (NOW, STARTED)
    assert (found.tags, found.vpc_known, found.iam) == (None, False, None)


@pytest.mark.parametrize(
    ("listed", "instead", "gone"),
    [
        pytest.param([], [], (arn_of("orders"),), id="absent-and-nothing-registered"),
        pytest.param([LIVE], [], (), id="still-registered"),
        pytest.param([], [failed(WEST)], (), id="its-scope-was-not-read"),
    ],
)
def test_a_cache_is_forgotten_on_evidence_once_nothing_is_registered(
    listed: list[Database], instead: list[Scanned], gone: tuple[Arn, ...]
) -> None:
    assert (
        after(listed=listed, instead=instead, known=make_state(caches=[BEFORE])).caches_gone == gone
    )


def test_a_scan_without_a_plan_is_remembered_but_for_recreated_caches() -> None:
    again = cache("again", created_at=NOW)
    known = make_state(caches=[BEFORE, remembered(cache("again", created_at=CREATED))])
    results: list[Scanned] = [
        complete(WEST, cache(tags=UNKNOWN), again, cache("new")),
        failed(EAST),
    ]
    found = {each.name: each for each in seen_caches(results, known, STARTED)}
    assert set(found) == {"orders", "new"}
    assert found["orders"] == replace(BEFORE, last_seen_at=STARTED)


# Registrations.


@pytest.mark.parametrize(
    ("listed", "instead", "forgotten"),
    [
        pytest.param([], [], (LIVE.name,), id="not-listed"),
        pytest.param([LIVE], [], (), id="listed"),
        pytest.param([], [failed(WEST)], (), id="scope-not-read"),
        pytest.param([foreign(LIVE.name)], [], (LIVE.name,), id="no-longer-ours"),
        pytest.param([registered(name="another")], [], (LIVE.name,), id="another-name"),
    ],
)
def test_a_journaled_registration_is_forgotten_when_it_is_not_ours_in_a_complete_scope(
    listed: list[Database], instead: list[Scanned], forgotten: tuple[str, ...]
) -> None:
    known = make_state(registrations=[journaled(LIVE)])
    found = after(listed=listed, instead=instead, known=known)
    assert found.registrations_forgotten == forgotten


def test_one_that_was_just_created_again_is_not_forgotten() -> None:
    known = make_state(registrations=[journaled(LIVE)])
    assert after(cache(), listed=[], known=known).registrations_forgotten == ()
    failed_create = after(cache(), listed=[], known=known, carry=not_applied)
    assert failed_create.registrations_forgotten == (LIVE.name,)


def test_a_second_registration_of_a_cache_is_not_forgotten_while_it_is_listed() -> None:
    """It may come to count, and then it still is whose it was."""
    twin = registered(name="twin")
    known = make_state(registrations=[journaled(LIVE), journaled(twin)])
    assert after(cache(), listed=[LIVE, twin], known=known).registrations_forgotten == ()
    assert after(cache(), listed=[LIVE], known=known).registrations_forgotten == (twin.name,)


def test_one_whose_name_is_taken_unseen_is_not_forgotten() -> None:
    def unseen(item: Item) -> Item:
        return replace(item, action=Action.CONFLICT, reason=R.NAME_TAKEN_UNSEEN)

    known = make_state(registrations=[journaled(LIVE)])
    assert after(cache(), listed=[], known=known, carry=unseen).registrations_forgotten == ()


@pytest.mark.parametrize(
    ("of", "inherited"),
    [
        pytest.param(cache(), True, id="kept"),
        pytest.param(cache(tags=UNKNOWN), True, id="held"),
        pytest.param(cache(tags=tagged(env="prod")), False, id="written-so-the-journal-knows"),
    ],
)
def test_what_the_journal_did_not_know_is_inherited(of: Cache, inherited: bool) -> None:
    entry = Registration(
        name=LIVE.name,
        arn=cache().arn,
        database=LIVE,
        registered_at=STARTED,
        updated_at=STARTED,
        inherited=True,
    )
    assert after(of).registrations_inherited == ((entry,) if inherited else ())
    assert (
        after(of, known=make_state(registrations=[journaled(LIVE)])).registrations_inherited == ()
    )


THEIRS = {"registrations": [another_made(LIVE)]}
STANDS_AGAIN = {"registrations": [], "removed": [removed(LIVE)]}
OTHERS = rules(matcher(tags={"env": "prod"}))
STRICT = rules(matcher(iam_users=IamUsers.REQUIRE, deregister_unready=True))
STRANGERS = {"instead": [complete(WEST, cache(), users=UNREADY)]}


@pytest.mark.parametrize("known", [{"registrations": []}, THEIRS, STANDS_AGAIN])
@pytest.mark.parametrize(
    ("of", "under", "more", "matched"),
    [
        pytest.param(cache(), None, {}, True, id="kept"),
        pytest.param(cache(tags=tagged(env="prod")), None, {}, True, id="updated"),
        pytest.param(cache(), OTHERS, {}, False, id="no-matcher-takes-it"),
        pytest.param(cache(tags=UNKNOWN), None, {}, False, id="only-its-labels-are-known"),
        pytest.param(cache(), STRICT, {}, True, id="somebody-can-log-in"),
        pytest.param(cache(), STRICT, STRANGERS, False, id="it-would-go-at-once"),
        pytest.param(cache(status="creating"), None, {}, False, id="not-ready-yet"),
    ],
)
def test_a_registration_of_another_matches_once_a_matcher_takes_it(
    known: Any, of: Cache, under: Rules | None, more: Any, matched: bool
) -> None:
    found = after(of, under=under, known=make_state(**known), **more)
    assert found.registrations_matched == ((LIVE.name,) if matched else ())


def test_one_that_this_state_made_needs_no_match() -> None:
    known = make_state(registrations=[journaled(LIVE)])
    assert after(cache(), known=known).registrations_matched == ()


def test_what_a_list_that_lags_still_shows_is_not_inherited() -> None:
    shown = replace(LIVE, revision="r1")
    known = make_state(removed=[removed(shown, "r1")])
    found = after(cache(), under=OTHERS, listed=[shown], known=known)
    assert (found.registrations_inherited, found.registrations_matched) == ((), ())


# Misses.

GONE = miss(LIVE, R.ABSENT, scans=3)


def miss_after(
    *found: Cache, before: PendingRemoval | None = GONE, **more: Any
) -> PendingRemoval | None:
    known = make_state(
        registrations=[journaled(LIVE)],
        pending_removals=[before] if before else [],
        **more.pop("known", {}),
    )
    pending_removals = after(*found, cache("other", EAST), known=known, **more).pending_removals
    assert len(pending_removals) <= 1
    return pending_removals[0] if pending_removals else None


def test_a_first_miss_begins_now() -> None:
    assert miss_after(before=None) == miss(LIVE, R.ABSENT, scans=1, minutes=0, last=0)


NEVER = rules(missed_sweeps=99)


def test_a_further_miss_counts_on() -> None:
    assert miss_after(under=NEVER) == replace(GONE, scans=4, last_at=NOW)


@pytest.mark.parametrize(
    ("carry", "kept"), [(as_planned, False), (not_applied, True)], ids=["removed", "call-failed"]
)
def test_a_miss_ends_with_the_removal_it_asked_for(carry: Carry, kept: bool) -> None:
    assert (miss_after(carry=carry) is not None) is kept


@pytest.mark.parametrize(
    "instead",
    [failed(WEST), backing_off(WEST), failed(WEST, ScopeReason.TRUNCATED)],
    ids=["failed", "left-alone", "cut-short"],
)
def test_a_scan_that_says_nothing_leaves_the_miss_as_it_was(instead: Scanned) -> None:
    assert miss_after(instead=[instead]) == GONE


UNMATCHED, PROD = miss(LIVE, R.UNMATCHED, scans=3), rules(matcher(tags={"env": "prod"}))


@pytest.mark.parametrize(
    "of", [cache(), cache(endpoint=None)], ids=["registered-as-it-should-be", "not-ready-yet"]
)
def test_a_cache_that_came_back_ends_the_miss(of: Cache) -> None:
    assert miss_after(of) is None


def test_unread_tags_neither_confirm_nor_refute_a_miss() -> None:
    assert miss_after(cache(tags=UNKNOWN), before=UNMATCHED, under=PROD) == UNMATCHED


@pytest.mark.parametrize(
    ("before", "kept"), [(UNMATCHED, False), (GONE, True)], ids=["UNMATCHED", "ABSENT"]
)
def test_new_matchers_drop_what_the_old_ones_counted(before: PendingRemoval, kept: bool) -> None:
    found = miss_after(before=before, instead=[failed(WEST)], under=rules(matching_digest="new"))
    assert found == (before if kept else None)
