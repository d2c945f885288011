"""What goes on over many sweeps stands in the history twice: when it begins and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from discovery.model.codes import GuardCode, ScopeReason
from discovery.model.values import AccountId, ItemError, Region, Scanned, Scope
from discovery.plan.episodes import (
    SweepRef,
    episode_entries,
    next_episodes,
    next_outage,
    scope_entries,
    without_outage,
)
from discovery.plan.item import Item
from discovery.plan.scan_memory import remembered_scopes
from state.records import HistoryEntry, HistoryEvent, RememberedState
from tests.support.plan_inputs import WEST, complete, failed, plan_input, plan_of
from tests.support.plan_inputs import cache as make_cache
from tests.support.plan_state import NOW

OF = SweepRef("sweep-1", NOW)
E = HistoryEvent


def denied(*, code: str = "DENIED") -> list[Item]:
    items = plan_of(plan_input(make_cache())).items
    error = ItemError(code, "the role may not create", retryable=False)
    return [replace(item, applied=False, error=error) for item in items]


def test_a_verb_that_is_denied_is_told_of_once() -> None:
    calm = plan_of(plan_input(make_cache())).guard
    first = next_episodes(denied(), calm, {}, NOW)
    told = list(episode_entries({}, first, denied(), calm, OF))
    assert [(each.event, each.reason) for each in told] == [(E.WRITES_DENIED, "DENIED")]
    assert "create is denied; 1 not done" in told[0].message
    later = next_episodes(denied(), calm, first, NOW + timedelta(minutes=5))
    assert later == first
    assert list(episode_entries(first, later, denied(), calm, OF)) == []
    ended = next_episodes([], calm, later, NOW)
    assert [each.event for each in episode_entries(later, ended, [], calm, OF)] == [
        E.WRITES_ALLOWED
    ]


def test_another_failure_is_no_denial() -> None:
    calm = plan_of(plan_input(make_cache())).guard
    assert next_episodes(denied(code="UNAVAILABLE"), calm, {}, NOW) == {}


def test_a_refusal_of_the_guard_has_its_beginning_and_its_end() -> None:
    calm = plan_of(plan_input(make_cache())).guard
    refuses = replace(calm, refused=True, code=GuardCode.GUARD_COUNT, message="too many")
    begun = next_episodes([], refuses, {}, NOW)
    [first] = episode_entries({}, begun, [], refuses, OF)
    assert (first.event, first.reason, first.message) == (
        E.GUARD_REFUSED,
        "GUARD_COUNT",
        "too many",
    )
    [last] = episode_entries(begun, {}, [], calm, OF)
    assert last.event is E.GUARD_CLEARED


def test_an_outage_of_the_control_plane_has_its_beginning_and_its_end() -> None:
    calm = plan_of(plan_input(make_cache())).guard
    down = next_outage({}, "UNAVAILABLE", NOW)
    [first] = episode_entries({}, down, [], None, OF, "it does not answer")
    assert (first.event, first.reason, first.message) == (
        E.CONTROL_PLANE_UNREAD,
        "UNAVAILABLE",
        "it does not answer",
    )
    assert next_outage(down, "UNAVAILABLE", NOW + timedelta(minutes=5)) == down
    after = without_outage(down)
    assert [each.event for each in episode_entries(down, after, [], calm, OF)] == [
        E.CONTROL_PLANE_READ
    ]


def scopes_told(
    state: RememberedState, *results: Scanned
) -> tuple[RememberedState, list[HistoryEntry]]:
    after = remembered_scopes(results, state, NOW)
    told = list(scope_entries(state, after, (), OF))
    return RememberedState(scopes={each.scope: each for each in after}), told


def test_an_unread_scope_has_its_beginning_and_its_end() -> None:
    state, told = scopes_told(RememberedState(), failed(WEST))
    assert [(each.event, each.reason, each.scope) for each in told] == [
        (E.SCOPE_FAILING, "DENIED", WEST)
    ]
    state, told = scopes_told(state, failed(WEST, ScopeReason.THROTTLED))
    assert told == []
    state, told = scopes_told(state, complete(WEST))
    assert [(each.event, each.scope) for each in told] == [(E.SCOPE_BACK, WEST)]
    assert scopes_told(state, complete(WEST))[1] == []


def test_an_outage_of_a_whole_fleet_is_one_entry() -> None:
    scopes = [Scope(AccountId(f"{n:012}"), Region("eu-west-1")) for n in range(1_000)]
    state, told = scopes_told(RememberedState(), *map(failed, scopes))
    assert [each.scope for each in told] == [None]
    assert "1000 scopes, among them 000000000000/eu-west-1" in told[0].message
    _, told = scopes_told(state, *map(complete, scopes))
    assert [(each.event, each.scope) for each in told] == [(E.SCOPE_BACK, None)]
