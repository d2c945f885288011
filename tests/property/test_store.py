"""The state file against a plain dictionary: any sequence of sweeps and writes, the same state."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discovery.model.codes import FindingCode, IamVerdict
from discovery.model.values import AccountId, Arn, Region, Scope, Tags
from state.records import (
    LastVerdict,
    RememberedCache,
    RememberedRegions,
    RememberedScope,
    SweepOutcome,
    TakenName,
)
from state.store import Store, load_state
from tests.support.state_records import START, cache_of, outcome_of, scope_of

SCOPES = [
    Scope(AccountId(f"{number:012d}"), Region(region))
    for number in range(2)
    for region in ("eu-central-1", "us-east-1")
]

# Few instants, so that they are often shared and often not.
instants = st.integers(0, 6).map(lambda step: START + timedelta(minutes=step, microseconds=step))
texts = st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)  # half surrogates are escaped, see the contract tests
tags = st.none() | st.builds(
    Tags, st.dictionaries(texts, texts, max_size=3), instants, st.just(value=False)
)

verdicts = st.builds(
    LastVerdict,
    st.sampled_from(IamVerdict),
    st.lists(texts, max_size=3).map(tuple),
    st.lists(st.sampled_from(FindingCode), max_size=3).map(tuple),
)


@st.composite
def caches(draw: st.DrawFn) -> RememberedCache:
    scope = draw(st.sampled_from(SCOPES))
    cache = cache_of(draw(st.sampled_from("abcde")), scope=scope)
    return replace(
        cache,
        created_at=draw(st.none() | instants),
        first_seen_at=draw(instants),
        last_seen_at=draw(instants),
        status=draw(texts),
        engine=draw(texts),
        tags=draw(tags),
        vpc_id=draw(st.none() | texts),
        vpc_known=draw(st.booleans()),
        iam=draw(st.none() | verdicts),
    )


@st.composite
def scopes(draw: st.DrawFn) -> RememberedScope:
    state = scope_of(draw(st.sampled_from(SCOPES)), at=draw(instants))
    return replace(
        state,
        last_complete_at=draw(st.none() | instants),
        failing_since=draw(st.none() | instants),
        message=draw(texts),
        failures=draw(st.integers(0, 9)),
    )


regions = st.builds(
    RememberedRegions,
    account_id=st.sampled_from([scope.account_id for scope in SCOPES]),
    regions=st.frozensets(st.sampled_from(["eu-central-1", "us-east-1", "sa-east-1"])),
    read_at=instants,
)

taken = st.builds(
    TakenName,
    name=st.sampled_from(["orders", "Orders", "carts", "x' OR '1'='1"]),
    arn=st.sampled_from(["arn:a", "arn:b"]),
    since=instants,
)


@dataclass
class Found:
    """What one sweep of a sequence leaves behind."""

    scopes: list[RememberedScope]
    caches: list[RememberedCache]
    gone: list[int]
    """Picks among the caches that are known by then."""
    forgotten: list[Scope]
    regions: list[RememberedRegions]
    taken: list[TakenName]

    def outcome(self, number: int, gone: tuple[Arn, ...] = ()) -> SweepOutcome:
        outcome = outcome_of(
            number,
            caches=tuple(self.caches),
            scopes=tuple(self.scopes),
            gone=gone,
            taken=tuple(self.taken),
        )
        forgotten = {*self.forgotten} - {scope.scope for scope in self.scopes}
        return replace(outcome, scopes_forgotten=tuple(forgotten), regions_read=tuple(self.regions))


sweeps = st.lists(
    st.builds(
        Found,
        scopes=st.lists(scopes(), max_size=5, unique_by=lambda scope: scope.scope),
        caches=st.lists(caches(), max_size=8, unique_by=lambda cache: cache.arn),
        gone=st.lists(st.integers(0, 19), max_size=3),
        forgotten=st.lists(st.sampled_from(SCOPES), max_size=2),
        regions=st.lists(regions, max_size=2, unique_by=lambda each: each.account_id),
        taken=st.lists(taken, max_size=3, unique_by=lambda each: each.name),
    ),
    max_size=6,
)


@contextmanager
def empty_store() -> Iterator[tuple[Path, Store]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state.db"
        with Store.open(path) as store:
            yield path, store


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sweeps)
def test_what_is_loaded_is_what_was_recorded(sequence: list[Found]) -> None:
    known: dict[Arn, RememberedCache] = {}
    where: dict[Scope, RememberedScope] = {}
    lists: dict[AccountId, RememberedRegions] = {}
    with empty_store() as (path, store):
        for number, found in enumerate(sequence):
            arns = sorted(known)
            gone = tuple({arns[pick % len(arns)] for pick in found.gone} if arns else ())
            outcome = found.outcome(number, gone)
            store.record(outcome)
            known |= {cache.arn: cache for cache in found.caches}
            known = {arn: cache for arn, cache in known.items() if arn not in gone}
            where |= {scope.scope: scope for scope in found.scopes}
            where = {at: scope for at, scope in where.items() if at not in outcome.scopes_forgotten}
            lists |= {each.account_id: each for each in found.regions}
            state = store.load()
            assert state.caches == known
            assert state.scopes == where
            assert state.regions == lists
            assert state.taken == {each.name: each for each in found.taken}
        assert load_state(path) == store.load()


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sweeps)
def test_recording_the_same_sweep_again_changes_only_its_count(sequence: list[Found]) -> None:
    with empty_store() as (_, store):
        for number, found in enumerate(sequence):
            outcome = found.outcome(number)
            store.record(outcome)
            once = store.load()
            store.record(outcome)
            assert store.load() == replace(once, finished_sweeps=once.finished_sweeps + 1)
