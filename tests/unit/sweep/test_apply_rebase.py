"""A planned resource moved onto a fresh read: no edit is lost, the plan's changes stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.model.values import Database, ResourceName
from discovery.plan.resource import three_way_merge

few = settings(max_examples=40)
keys = st.sampled_from(["a", "b", "c"])
leaves = st.none() | st.integers(0, 2) | st.text("xy", max_size=1)
trees = st.dictionaries(
    keys, st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=6)
)
resources = st.builds(
    Database,
    name=st.just(ResourceName("n")),
    labels=st.dictionaries(keys, st.sampled_from(["1", "2"])),
    description=st.sampled_from(["", "d"]),
    spec=trees,
    metadata=trees,
)


@pytest.mark.slow
@few
@given(planned=resources, listed=resources)
def test_nothing_happened_meanwhile(planned: Database, listed: Database) -> None:
    assert three_way_merge(planned, listed, listed) == planned


@pytest.mark.slow
@few
@given(listed=resources, fresh=resources)
def test_nothing_was_planned(listed: Database, fresh: Database) -> None:
    assert three_way_merge(listed, listed, fresh) == fresh


@pytest.mark.slow
@few
@given(planned=resources, listed=resources)
def test_it_was_written_already(planned: Database, listed: Database) -> None:
    assert three_way_merge(planned, listed, planned) == planned


@pytest.mark.slow
@few
@given(planned=resources, listed=resources, fresh=resources)
def test_every_label_is_the_plans_or_the_fresh_ones(
    planned: Database, listed: Database, fresh: Database
) -> None:
    found = three_way_merge(planned, listed, fresh).labels
    for key in {*planned.labels, *listed.labels, *fresh.labels}:
        changed = planned.labels.get(key) != listed.labels.get(key)
        source = planned if changed else fresh
        assert found.get(key) == source.labels.get(key)


def resource(spec: dict[str, Any]) -> Database:
    return Database(ResourceName("n"), {}, "", spec)


@pytest.mark.parametrize(
    ("listed", "planned", "fresh", "expected"),
    [
        ({"uri": 1}, {"uri": 2}, {"uri": 3}, {"uri": 2}),
        ({"uri": 1}, {"uri": 1}, {"uri": 3}, {"uri": 3}),
        ({"x": 1}, {}, {"x": 2}, {}),
        ({}, {"x": 1}, {"y": 2}, {"x": 1, "y": 2}),
        ({"x": 1}, {"x": 1}, {}, {}),
        (
            {"aws": {"r": 1}},
            {"aws": {"r": 2}},
            {"aws": {"r": 1, "s": 5}},
            {"aws": {"r": 2, "s": 5}},
        ),
        ({}, {"aws": {"r": 2}}, {"aws": {"s": 5}}, {"aws": {"r": 2, "s": 5}}),
        ({"aws": {"r": 1}}, {"aws": {"r": 2}}, {"aws": 7}, {"aws": {"r": 2}}),
    ],
)
def test_place_by_place(
    listed: dict[str, Any], planned: dict[str, Any], fresh: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert three_way_merge(resource(planned), resource(listed), resource(fresh)).spec == expected


def test_it_carries_what_the_control_plane_wants_back() -> None:
    fresh = replace(resource({}), revision="7", opaque=b"raw")
    found = three_way_merge(replace(resource({}), revision="6", opaque=b"old"), resource({}), fresh)
    assert (found.revision, found.opaque) == ("7", b"raw")
