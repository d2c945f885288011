"""Tags in shapes that only JSON can take, which no simulated AWS writes."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.aws.tags import _tag_values


@pytest.mark.parametrize(
    ("entries", "values"),
    [
        pytest.param([], {}, id="none"),
        pytest.param([{"Key": "a", "Value": "b"}], {"a": "b"}, id="one"),
        pytest.param([{"Key": "a"}], {"a": ""}, id="no-value-is-an-empty-one"),
        pytest.param([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], None, id="2x"),
        pytest.param([{"Key": "a", "Value": "1"}] * 2, {"a": "1"}, id="the-same-twice"),
        pytest.param(None, None, id="left-out"),
        pytest.param([{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}],
                     {"a": "1", "A": "2"}, id="case-differs"),
        pytest.param([{"Value": "b"}], None, id="no-key"),
        pytest.param([{"Key": "", "Value": "b"}], None, id="empty-key"),
        pytest.param([{"Key": 7, "Value": "b"}], None, id="key-is-a-number"),
        pytest.param([{"Key": "a", "Value": None}], None, id="value-is-null"),
        pytest.param([{"Key": "a", "Value": True}], None, id="value-is-true"),
        pytest.param([None], None, id="not-a-tag"),
    ],
)  # fmt: skip
def test_values(entries: list[Any] | None, values: dict[str, str] | None) -> None:
    assert _tag_values(entries) == values
