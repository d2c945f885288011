"""What stands in for a fact that was not read, and what is never used of an earlier cache (R1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from discovery.model.codes import Action, IamVerdict, NoteCode, Reason
from discovery.model.values import UNKNOWN, Cache, Database, Tags
from discovery.plan.facts import CacheFacts, facts_of, is_recreated
from discovery.plan.next_state import next_state
from discovery.plan.plan import Plan
from state.records import LastVerdict, Registration, RememberedCache, RememberedState
from tests.support.plan_inputs import (
    arn_of,
    cache,
    matcher,
    only,
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
)

LATER = CREATED + MINUTE
UNREAD = cache(tags=UNKNOWN, vpc_id=UNKNOWN)
LIVE = registered(cache(tags=tagged(env="live"), vpc_id="vpc-live"))
UNLABELLED = registered(without=("vpc-id",))
BEFORE = remembered(cache(tags=tagged(env="remembered"), vpc_id="vpc-remembered"))


@pytest.mark.parametrize(
    ("then", "now", "recreated"),
    [
        (CREATED, CREATED, False),
        (CREATED, LATER, True),
        (LATER, CREATED, True),
        (None, LATER, False),
        (CREATED, None, False),
    ],
)
def test_another_create_time_is_another_cache_if_both_are_known(
    then: datetime | None, now: datetime | None, recreated: bool
) -> None:
    assert is_recreated(cache(created_at=now), replace(BEFORE, created_at=then)) is recreated
    assert is_recreated(cache(created_at=now), None) is False


@pytest.mark.parametrize(
    ("of", "before", "live", "env"),
    [
        pytest.param(cache(tags=tagged(env="now")), BEFORE, LIVE, "now", id="read-now"),
        pytest.param(cache(tags=tagged()), BEFORE, LIVE, None, id="read-and-empty-is-empty"),
        pytest.param(UNREAD, BEFORE, LIVE, "remembered", id="memory-stands-in"),
        pytest.param(UNREAD, None, LIVE, "live", id="the-registration-stands-in"),
        pytest.param(UNREAD, replace(BEFORE, tags=None), LIVE, "live", id="never-read-before"),
    ],
)
def test_the_last_tags_that_were_read_stand_in(
    of: Cache, before: RememberedCache | None, live: Database, env: str | None
) -> None:
    facts = facts_of(of, before, live)
    assert facts.tags is not UNKNOWN
    assert facts.tags.get("env") == env
    assert facts.tags_read_now is (of.tags is not UNKNOWN)
    shown = NoteCode.TAGS_UNKNOWN in [note.code for note in facts.notes]
    assert shown is not facts.tags_read_now


@pytest.mark.parametrize(
    ("before", "live"),
    [
        pytest.param(None, None, id="nothing-known"),
        pytest.param(BEFORE, None, id="remembered-but-never-registered"),
        pytest.param(replace(BEFORE, created_at=LATER), LIVE, id="those-of-an-earlier-cache"),
    ],
)
def test_nothing_stands_in_for_the_tags_of_a_cache_not_registered(
    before: RememberedCache | None, live: Database | None
) -> None:
    assert facts_of(UNREAD, before, live).tags is UNKNOWN


@pytest.mark.parametrize(
    ("written", "stands_in"),
    [
        pytest.param(None, True, id="the-journal-does-not-know-it"),
        pytest.param(journaled(LIVE), True, id="written-when-the-cache-was-made"),
        pytest.param(
            replace(journaled(LIVE), updated_at=CREATED - MINUTE), False, id="written-before-that"
        ),
        pytest.param(
            replace(journaled(LIVE, arn_of("another")), updated_at=CREATED - MINUTE),
            True,
            id="the-journal-means-another-cache",
        ),
    ],
)
def test_labels_written_before_the_cache_was_made_are_of_an_earlier_one(
    written: Registration | None, stands_in: bool
) -> None:
    facts = facts_of(UNREAD, None, LIVE, written)
    assert (facts.tags == {"env": "live"}) is stands_in
    assert (facts.tags is UNKNOWN) is not stands_in
    assert (facts.cache.vpc_id is UNKNOWN) is not stands_in
    assert (facts.last_verdict is None) is not stands_in


def test_labels_written_before_the_cache_was_first_seen_never_become_its_own() -> None:
    """The sweep that saw the new cache held it; the next one took the labels for its own."""
    written = replace(journaled(LIVE), updated_at=CREATED + MINUTE)
    seen = replace(BEFORE, tags=None, vpc_known=False, iam=None, first_seen_at=CREATED + 2 * MINUTE)
    facts = facts_of(UNREAD, seen, LIVE, written)
    assert facts.tags is UNKNOWN
    assert facts.cache.vpc_id is UNKNOWN
    assert facts.last_verdict is None


def test_labels_that_only_we_write_do_not_stand_in_as_tags() -> None:
    facts = facts_of(UNREAD, None, LIVE)
    assert facts.tags == {"env": "live"}


@pytest.mark.parametrize(
    ("of", "before", "live", "vpc"),
    [
        pytest.param(cache(vpc_id="vpc-now"), BEFORE, LIVE, "vpc-now", id="read-now"),
        pytest.param(cache(vpc_id=None), BEFORE, LIVE, None, id="known-to-have-none"),
        pytest.param(UNREAD, BEFORE, LIVE, "vpc-remembered", id="memory"),
        pytest.param(UNREAD, replace(BEFORE, vpc_id=None), LIVE, None, id="remembered-as-none"),
        pytest.param(UNREAD, replace(BEFORE, vpc_known=False), LIVE, "vpc-live", id="the-label"),
        pytest.param(UNREAD, None, None, UNKNOWN, id="nothing-known"),
        pytest.param(UNREAD, None, UNLABELLED, UNKNOWN, id="no-label-either"),
        pytest.param(
            UNREAD, replace(BEFORE, created_at=LATER), LIVE, UNKNOWN, id="of-an-earlier-cache"
        ),
    ],
)
def test_the_last_vpc_that_was_read_stands_in(
    of: Cache, before: RememberedCache | None, live: Database | None, vpc: object
) -> None:
    facts = facts_of(of, before, live)
    assert facts.cache.vpc_id == vpc
    shown = NoteCode.SUBNETS_UNKNOWN in [note.code for note in facts.notes]
    assert shown is (of.vpc_id is UNKNOWN)


def verdict(before: RememberedCache | None, live: Database | None) -> IamVerdict | None:
    facts: CacheFacts = facts_of(cache(), before, live)
    return facts.last_verdict


def test_the_last_verdict_is_the_remembered_one_else_that_of_the_label() -> None:
    not_ready = replace(BEFORE, iam=LastVerdict(IamVerdict.NOT_READY))
    unjudged = replace(BEFORE, iam=None)
    earlier = replace(not_ready, created_at=LATER)
    forged = registered(labels={"cachemuster/iam-auth": "sure"})
    assert verdict(not_ready, LIVE) is IamVerdict.NOT_READY
    assert verdict(unjudged, LIVE) is IamVerdict.READY
    assert verdict(None, LIVE) is IamVerdict.READY
    assert verdict(earlier, LIVE) is None
    assert verdict(None, forged) is None
    assert verdict(None, None) is None


def test_the_note_says_since_when() -> None:
    read_at = NOW - 90 * MINUTE
    before = replace(BEFORE, tags=Tags({}, read_at, confirmed=False))
    note = facts_of(replace(UNREAD, vpc_id=None), before, LIVE).notes[0]
    assert note.message == "the tags could not be read; those of 2026-11-23 07:30 UTC are used"


# A cache was deleted and made again under its name; its tags can be read only later.

PROD = rules(matcher(tags={"env": "prod"}))
OLD = cache(tags=tagged(env="prod"))
OLD_LIVE = registered(OLD, under=PROD)
REMADE = cache(created_at=LATER, tags=UNKNOWN)


def after(first: Plan) -> RememberedState:
    """What the next sweep remembers, ten minutes later."""
    known = next_state(first.observed, first.items, started_at=NOW)
    return make_state(
        caches=known.caches_seen,
        registrations=[journaled(OLD_LIVE)],
        pending_removals=known.pending_removals,
    )


def sweep(now: Cache, known: RememberedState, *, minutes: int = 0) -> Plan:
    at = NOW + minutes * MINUTE
    return plan_of(plan_input(now, listed=[OLD_LIVE], known=known, now=at), PROD)


KNOWN = make_state(
    caches=[remembered(OLD)],
    registrations=[journaled(OLD_LIVE)],
    pending_removals=[miss(OLD_LIVE, Reason.UNMATCHED, scans=5)],
)


def test_a_remade_cache_with_unread_tags_is_held() -> None:
    item = only(sweep(REMADE, KNOWN))
    assert (item.action, item.reason) == (Action.HELD, Reason.TAGS_UNKNOWN)


def test_the_tags_of_the_earlier_cache_stay_forgotten_in_the_second_sweep() -> None:
    item = only(sweep(REMADE, after(sweep(REMADE, KNOWN)), minutes=10))
    assert (item.action, item.reason) == (Action.HELD, Reason.TAGS_UNKNOWN)


def test_the_misses_of_the_earlier_cache_stay_forgotten_in_the_second_sweep() -> None:
    known = after(sweep(REMADE, KNOWN))
    item = only(sweep(replace(REMADE, tags=tagged(env="dev")), known, minutes=10))
    assert (item.action, item.reason) == (Action.HELD, Reason.WAITING)


# Somebody changed the label in Teleport; state is new, and subnets cannot be read.


def test_a_vpc_by_label_is_not_remembered_as_one_that_was_read() -> None:
    live = registered(labels={"vpc-id": "vpc-forged"})
    under = rules(matcher(tags={"vpc-id": "vpc-1"}))
    of = cache(vpc_id=UNKNOWN)
    first = plan_of(plan_input(of, listed=[live]), under)
    known = next_state(first.observed, first.items, started_at=NOW)
    second = plan_of(
        plan_input(of, listed=[live], known=make_state(caches=known.caches_seen)), under
    )
    assert [only(plan).reason for plan in (first, second)] == [Reason.TAGS_UNKNOWN] * 2
