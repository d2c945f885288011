"""The state file against a plain dictionary: any course of sweeps and writes, the same memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discovery.codes import IamVerdict
from discovery.model import AccountId, Arn, Region, Scope, Tags
from state.records import RememberedCache, ScopeMemory
from state.store import Store, read_memory
from tests.unit.state.values import START, cache_of, outcome_of, scope_of

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
        iam_verdict=draw(st.none() | st.sampled_from(IamVerdict)),
    )


@st.composite
def scopes(draw: st.DrawFn) -> ScopeMemory:
    memory = scope_of(draw(st.sampled_from(SCOPES)), at=draw(instants))
    return replace(
        memory,
        last_complete_at=draw(st.none() | instants),
        failing_since=draw(st.none() | instants),
        message=draw(texts),
    )


sweeps = st.lists(
    st.tuples(
        st.lists(scopes(), max_size=5, unique_by=lambda scope: scope.scope),
        st.lists(caches(), max_size=8, unique_by=lambda cache: cache.arn),
        st.lists(st.integers(0, 19), max_size=3),
    ),
    max_size=6,
)


@contextmanager
def empty_store() -> Iterator[tuple[Path, Store]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state.db"
        with Store.open(path) as store:
            yield path, store


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sweeps)
def test_memory_is_what_was_recorded(
    course: list[tuple[list[ScopeMemory], list[RememberedCache], list[int]]],
) -> None:
    known: dict[Arn, RememberedCache] = {}
    where: dict[Scope, ScopeMemory] = {}
    with empty_store() as (path, store):
        for number, (found_scopes, found_caches, picks) in enumerate(course):
            arns = sorted(known)
            gone = tuple({arns[pick % len(arns)] for pick in picks} if arns else ())
            store.record(
                outcome_of(
                    number, caches=tuple(found_caches), scopes=tuple(found_scopes), gone=gone
                )
            )
            known |= {cache.arn: cache for cache in found_caches}
            known = {arn: cache for arn, cache in known.items() if arn not in gone}
            where |= {scope.scope: scope for scope in found_scopes}
            memory = store.memory()
            assert memory.caches == known
            assert memory.scopes == where
        assert read_memory(path) == store.memory()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sweeps)
def test_recording_the_same_sweep_again_changes_only_its_count(
    course: list[tuple[list[ScopeMemory], list[RememberedCache], list[int]]],
) -> None:
    with empty_store() as (_, store):
        for number, (found_scopes, found_caches, _gone) in enumerate(course):
            outcome = outcome_of(number, caches=tuple(found_caches), scopes=tuple(found_scopes))
            store.record(outcome)
            once = store.memory()
            store.record(outcome)
            assert store.memory() == replace(once, finished_sweeps=once.finished_sweeps + 1)
