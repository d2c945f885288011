"""What a sweep saw happen, for the history (R1)."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model.codes import Action, Reason
from discovery.model.values import UNKNOWN, Cache, Database
from discovery.plan.episodes import SweepRef
from discovery.plan.history_entries import item_entries
from discovery.plan.rules import Rules
from state.records import HistoryEntry, RememberedState
from tests.support.plan_inputs import (
    EAST,
    UNREADY,
    WEST,
    cache,
    failed,
    matcher,
    plan_input,
    plan_of,
    registered,
    rules,
)
from tests.support.plan_state import CREATED, MINUTE, NOW, journaled, make_state, miss, remembered

R = Reason
LIVE, OTHER = registered(), cache("other", EAST)
PROD = rules(matcher(tags={"env": "prod"}))


def known(**more: Any) -> RememberedState:
    fields: dict[str, Any] = {
        "caches": [remembered(cache()), remembered(OTHER)],
        "registrations": [journaled(LIVE)],
    }
    return make_state(**{**fields, **more})


def entries(
    *found: Cache,
    before: RememberedState,
    under: Rules | None = None,
    listed: tuple[Database, ...] = (LIVE,),
    **world: Any,
) -> tuple[HistoryEntry, ...]:
    plan = plan_of(plan_input(*found, OTHER, listed=listed, known=before, **world), under)
    return tuple(item_entries(plan.items, before, SweepRef("s-1", NOW)))


def shown(*found: Cache, before: RememberedState, **more: Any) -> list[str]:
    return [entry.message for entry in entries(*found, before=before, **more)]


def test_an_unchanged_sweep_has_nothing_to_tell() -> None:
    assert shown(cache(), before=known()) == []


def test_a_cache_that_appeared_is_told_with_what_became_of_it() -> None:
    (entry,) = entries(cache(), before=known(caches=[remembered(OTHER)]), listed=())
    assert entry.message == "first seen; matcher all takes it"
    assert (entry.action, entry.reason) == (Action.CREATE, R.NEW)
    assert (entry.sweep_id, entry.at, entry.scope, entry.arn) == ("s-1", NOW, WEST, cache().arn)


def test_a_recreated_cache_is_told() -> None:
    before = known(caches=[remembered(cache(created_at=CREATED - MINUTE)), remembered(OTHER)])
    assert shown(cache(), before=before) == [
        "another cache now has this name; what was remembered of the old one is forgotten"
    ]


def test_the_verdict_of_a_recreated_cache_is_no_change() -> None:
    earlier = remembered(cache(created_at=CREATED - MINUTE))
    before = known(caches=[earlier, remembered(OTHER, iam=None)])
    assert len(shown(cache(), before=before, users=UNREADY)) == 1


NOBODY = (
    "no member of user group app can log in with IAM: all of them have passwords, with which a "
    "person can AUTH manually but not with IAM; mend a member, or add an IAM user"
)


@pytest.mark.parametrize(
    ("users", "sentences"),
    [
        pytest.param(UNREADY, [f"IAM login was ready and is not-ready: {NOBODY}"], id="changed"),
        pytest.param(UNKNOWN, [], id="unread-is-no-change"),
    ],
)
def test_a_changed_verdict_is_told(users: Any, sentences: list[str]) -> None:
    before = known(caches=[remembered(cache()), remembered(OTHER, iam=None)])
    assert shown(cache(), before=before, users=users) == sentences


def test_a_first_verdict_is_no_change() -> None:
    unjudged = [remembered(each, iam=None) for each in (cache(), OTHER)]
    assert shown(cache(), before=known(caches=unjudged)) == []


@pytest.mark.parametrize(
    ("pending_removals", "sentences"),
    [
        pytest.param([], ["missed for the first time"], id="first"),
        pytest.param([miss(LIVE, R.ABSENT)], [], id="again"),
        pytest.param([miss(LIVE, R.UNMATCHED)], ["missed for the first time"], id="another-reason"),
    ],
)
def test_a_miss_is_told_when_it_begins(pending_removals: list[Any], sentences: list[str]) -> None:
    found = shown(before=known(pending_removals=pending_removals))
    assert [message.partition(":")[0] for message in found] == sentences


def test_a_cache_that_came_back_is_told_with_how_long_it_was_missed() -> None:
    before = known(pending_removals=[miss(LIVE, R.ABSENT, scans=3)])
    assert shown(cache(), before=before) == ["came back after 3 scans as ABSENT"]


def test_a_scope_that_could_not_be_read_tells_nothing() -> None:
    before = known(pending_removals=[miss(LIVE, R.ABSENT)])
    assert shown(before=before, instead=[failed(WEST)]) == []


def test_unread_tags_bring_nothing_back() -> None:
    before = known(pending_removals=[miss(LIVE, R.UNMATCHED)])
    assert shown(cache(tags=UNKNOWN), before=before, under=PROD) == []


def test_entries_are_in_the_order_of_the_items() -> None:
    found = [cache(name) for name in ("c", "a", "b")]
    before = known(caches=[remembered(OTHER), remembered(cache())])
    arns = [entry.arn for entry in entries(*found, before=before, listed=())]
    assert arns == [cache(name).arn for name in ("a", "b", "c")]
