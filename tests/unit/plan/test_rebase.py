"""An edit made since the list was read survives the write, but where the plan changes the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from discovery.model.values import Database, ResourceName
from discovery.plan.resource import three_way_merge


def database(
    spec: Mapping[str, Any] | None = None, labels: Mapping[str, str] | None = None
) -> Database:
    return Database(ResourceName("orders"), labels or {}, "text", spec or {})


@pytest.mark.parametrize(
    ("listed", "planned", "fresh", "written"),
    [
        pytest.param("1", "1", "1", "1", id="nobody-changes-it"),
        pytest.param("1", "2", "1", "2", id="the-plan-changes-it"),
        pytest.param("1", "1", "3", "3", id="somebody-changed-it"),
        pytest.param("1", "2", "3", "2", id="both-change-it-the-plan-wins"),
        pytest.param("1", None, "1", None, id="the-plan-removes-it"),
        pytest.param("1", None, "3", None, id="the-plan-removes-what-somebody-changed"),
        pytest.param("1", "1", None, None, id="somebody-removed-it"),
        pytest.param("1", "2", None, "2", id="the-plan-changes-what-somebody-removed"),
        pytest.param(None, "2", None, "2", id="the-plan-adds-it"),
        pytest.param(None, None, "3", "3", id="somebody-added-it"),
        pytest.param(None, "2", "3", "2", id="both-add-it-the-plan-wins"),
        pytest.param("1", None, None, None, id="both-remove-it"),
    ],
)
def test_three_ways_to_look_at_one_place(
    listed: str | None, planned: str | None, fresh: str | None, written: str | None
) -> None:
    def labels(value: str | None) -> Database:
        return database(labels={} if value is None else {"env": value})

    def spec(value: str | None) -> Database:
        tree = {} if value is None else {"deep": value}
        return database({"aws": {**tree, "region": "x"}, "uri": "y"})

    expected = {} if written is None else {"env": written}
    assert three_way_merge(labels(planned), labels(listed), labels(fresh)).labels == expected
    found = three_way_merge(spec(planned), spec(listed), spec(fresh)).spec
    assert found == spec(written).spec


def test_edits_in_different_places_of_one_tree_are_both_there() -> None:
    listed = database({"aws": {"region": "x", "role": "old"}, "uri": "a"})
    planned = database({"aws": {"region": "x", "role": "new"}, "uri": "a"})
    fresh = database({"aws": {"region": "x", "role": "old", "tags": {"a": 1}}, "uri": "b"})
    assert three_way_merge(planned, listed, fresh).spec == {
        "aws": {"region": "x", "role": "new", "tags": {"a": 1}},
        "uri": "b",
    }


@pytest.mark.parametrize("other", [None, "text", ["a"], {}], ids=repr)
def test_a_tree_that_somebody_made_something_else_is_as_planned(other: Any) -> None:
    listed, planned = database({"aws": {"role": "old"}}), database({"aws": {"role": "new"}})
    fresh = database({"aws": other})
    assert three_way_merge(planned, listed, fresh).spec == {"aws": {"role": "new"}}


def test_description_and_metadata_are_places_too() -> None:
    listed = replace(database(), metadata={"expires": "2030"})
    planned = replace(listed, description="new")
    fresh = replace(listed, metadata={"expires": "2031"}, revision="8", opaque=b"\x02")
    written = three_way_merge(planned, listed, fresh)
    assert (written.description, written.metadata) == ("new", {"expires": "2031"})
    assert (written.revision, written.opaque) == ("8", b"\x02")


def test_the_name_is_the_planned_one() -> None:
    planned = replace(database(), name=ResourceName("new"))
    assert three_way_merge(planned, database(), database()).name == "new"
