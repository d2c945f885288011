"""Indented JSON is what the standard library makes of the same value, byte for byte."""

from __future__ import annotations

import json
from enum import StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.reports.json_text import indented

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
)


class Word(StrEnum):
    """A text that is more than a text."""

    YES = "yes"


@given(TREES)
def test_it_is_what_json_makes_of_it(value: object) -> None:
    text = json.dumps(value, indent=2)
    assert indented(value) == text
    assert indented(value, "    ") == text.replace("\n", "\n    ")


def test_any_mapping_is_an_object_and_any_text_a_string() -> None:
    assert indented(MappingProxyType({"a": Word.YES})) == '{\n  "a": "yes"\n}'


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", {"a": object()}, {1: "a"}])
def test_what_json_has_no_words_for_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        indented(value)


def test_a_value_as_deep_as_json_reads_is_formatted() -> None:
    value: object = 1
    for _ in range(700):
        value = [value]
    assert json.loads(indented(value)) == value
