"""What words in braces stand for in the labels of a matcher."""

from __future__ import annotations

import pytest

from matchers.label_templates import fill_in_label, placeholders_in

VALUES = {
    "account_id": "111122223333",
    "account_name": "pay{region}",
    "region": "eu-west-1",
    "cache": "orders",
}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("gold", "gold"),
        ("{account_id}/{region}/{cache}", "111122223333/eu-west-1/orders"),
        ("{account_name}", "pay{region}"),
        ("{{cache}}", "{orders}"),
        ('{"a": 1}', '{"a": 1}'),
        ("", ""),
    ],
)
def test_a_template_is_filled_in_once(template: str, value: str) -> None:
    assert fill_in_label(template, VALUES) == value


def test_where_a_value_is_not_known_there_is_none() -> None:
    values = {**VALUES, "account_name": None}
    assert fill_in_label("aws-{account_name}", values) is None
    assert fill_in_label("aws-{account_id}", values) == "aws-111122223333"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{account_name}-{cache}", ("account_name", "cache")),
        ("{accountName} {}", ("accountName", "")),
        ("{ account_name }", (" account_name ",)),
        ('{"a": 1}', ()),
        ("{", ()),
    ],
)
def test_words_in_braces(template: str, words: tuple[str, ...]) -> None:
    assert placeholders_in(template) == words
