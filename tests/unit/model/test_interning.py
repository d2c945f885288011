"""Texts that come again and again are kept once, and nothing else changes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.model.interning import intern_mapping, intern_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def fresh(text: str) -> str:
    """The same text as another object."""
    return "".join(list(text))


def test_the_same_text_is_the_same_object() -> None:
    one, two = fresh("eu-central-1"), fresh("eu-central-1")
    assert one is not two
    assert intern_text(one) is intern_text(two)


def test_documents_share_their_keys_and_texts() -> None:
    text = '{"labels": {"env": "prod"}}'
    one, two = (json.loads(text, object_pairs_hook=intern_mapping) for _ in range(2))
    assert [id(key) for key in one["labels"]] == [id(key) for key in two["labels"]]
    assert one["labels"]["env"] is two["labels"]["env"]


@pytest.mark.slow
@given(VALUES)
def test_a_document_is_read_as_ever(value: object) -> None:
    text = json.dumps(value)
    assert json.loads(text, object_pairs_hook=intern_mapping) == json.loads(text)


def test_of_a_key_that_comes_twice_the_last_value_counts_as_ever() -> None:
    text = '{"env": "a", "env": "b"}'
    assert json.loads(text, object_pairs_hook=intern_mapping) == {"env": "b"}
