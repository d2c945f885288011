"""The value rules of Teleport's tag matchers (control_plane/README: Tag matchers)."""

from __future__ import annotations

import pytest

from matchers.selectors import (
    ALL_TAGS,
    InvalidPattern,
    Pattern,
    PatternKind,
    Selector,
    TagExclusion,
    TagSelector,
)

KINDS = [
    ("prod", PatternKind.LITERAL),
    ("", PatternKind.LITERAL),
    ("p.o[d]?", PatternKind.LITERAL),
    ("^prod", PatternKind.LITERAL),
    ("prod$", PatternKind.LITERAL),
    ("pro*", PatternKind.GLOB),
    ("*", PatternKind.GLOB),
    ("^pro*", PatternKind.GLOB),
    ("^prod$", PatternKind.EXPRESSION),
    ("^$", PatternKind.EXPRESSION),
    ("^a.*$", PatternKind.EXPRESSION),
]


@pytest.mark.parametrize(("text", "kind"), KINDS)
def test_kind(text: str, kind: PatternKind) -> None:
    assert Pattern(text).kind is kind


MATCHES = [
    # literal
    ("prod", "prod", True),
    ("prod", "Prod", False),
    ("prod", "prod ", False),
    ("prod", "", False),
    ("", "", True),
    # glob: only `*` is special, and the whole value must match
    ("*", "", True),
    ("*", "anything\nat all", True),
    ("pro*", "prod", True),
    ("pro*", "pro", True),
    ("pro*", "a prod", False),
    ("*od", "prod", True),
    ("*od", "prods", False),
    ("a*b*c", "a-b-c", True),
    ("a*b*c", "abc", True),
    ("a*b*c", "acb", False),
    ("a*a", "a", False),
    ("ab*ba", "aba", False),
    ("**", "", True),
    ("*.*", "a.b", True),
    ("*.*", "ab", False),
    ("p?o*", "prod", False),
    ("p?o*", "p?od", True),
    ("[ab]*", "a", False),
    ("p.o*", "prod", False),
    ("(*", "(x", True),
    # expression: verbatim, unanchored but for its own ^ and $
    ("^prod$", "prod", True),
    ("^prod$", "prods", False),
    ("^a|b$", "a and more", True),
    ("^a|b$", "ends in b", True),
    ("^a|b$", "nothing of it", False),
    ("^(a|b)$", "a and more", False),
    ("^(?i:prod)$", "PROD", True),
    ("^$", "", True),
    ("^$", "x", False),
    ("^.$", "é", True),
    ("^.$", "\n", False),
    ("^prod$", "prod\n", False),
    ("^\\d+$", "12", True),
]


@pytest.mark.parametrize(("pattern", "value", "expected"), MATCHES)
def test_matches(pattern: str, value: str, expected: bool) -> None:
    assert Pattern(pattern).matches(value) is expected


def test_half_a_surrogate_pair_is_a_value_like_any_other() -> None:
    assert Pattern("^.$").matches("\ud800")
    assert not Pattern("^prod$").matches("\ud800")
    assert not Pattern("a*").matches("\ud800")


BROKEN = [
    "^($",
    "^[$",
    "^(?=x)$",
    "^(?P<n>a)\\1$",
    "^a{1001}$",
    "^a**$",
    "^((a{999}){999})$",
    "^\ud800$",
]


@pytest.mark.parametrize("text", BROKEN, ids=ascii)
def test_broken_expressions_are_refused(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidPattern, match="expression"):
        Pattern(text)
    assert capfd.readouterr() == ("", "")


def test_the_reason_of_a_broken_expression_is_told() -> None:
    with pytest.raises(InvalidPattern, match="missing \\)"):
        Pattern("^(a$")


def test_an_expression_cannot_be_frozen_by_a_hostile_value() -> None:
    assert not Pattern("^(a+)+$").matches("a" * 50_000 + "!")
    assert not Pattern("^(a|aa)+b$").matches("a" * 50_000)


def test_a_selector_needs_one_match() -> None:
    selector = Selector.of(["prod", "stag*", "^q.$"])
    assert selector.texts == ("prod", "stag*", "^q.$")
    assert [selector.matches(v) for v in ("prod", "staging", "qa", "dev")] == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("kind", [TagSelector, TagExclusion])
def test_an_empty_list_is_refused(kind: type[TagSelector | TagExclusion]) -> None:
    with pytest.raises(InvalidPattern, match="empty list"):
        kind.of({"env": []})
    with pytest.raises(InvalidPattern, match="empty list"):
        Selector.of([])


EVERYTHING = [
    ({"*": ["*"]}, True),
    ({"*": ["*"], "env": ["prod"]}, True),
    ({"*": ["prod"]}, False),
    ({"*": ["*", "prod"]}, False),
    ({"env": ["*"]}, False),
    ({}, False),
]


@pytest.mark.parametrize(("tags", "expected"), EVERYTHING, ids=str)
def test_only_star_star_is_everything(tags: dict[str, list[str]], expected: bool) -> None:
    assert TagSelector.of(tags).is_everything is expected


def test_an_exclusion_of_everything_is_refused() -> None:
    with pytest.raises(InvalidPattern, match="every cache"):
        TagExclusion.of({"env": ["test"], "*": ["*"]})


def test_equal_text_makes_equal_values() -> None:
    assert TagSelector.of({"*": ["*"]}) == ALL_TAGS
    assert Pattern("^a$") == Pattern("^a$")
    assert hash(Pattern("^a$")) == hash(Pattern("^a$"))


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("Orders", "orders", True),
        ("Orders*", "orders-eu", True),
        ("*-EU", "orders-eu", True),
        ("^Orders-[A-Z]+$", "orders-eu", True),
        ("^orders-\\D+$", "orders-eu", True),
        ("^orders-\\D+$", "orders-12", False),
        ("Orders*", "order", False),
        ("orders", "ORDERS", True),
    ],
)
def test_case_that_does_not_count(text: str, value: str, expected: bool) -> None:
    """AWS keeps names in lower case. `\\D` is not `\\d` for that."""
    assert Pattern(text, ignores_case=True).matches(value) is expected
    assert Selector.of([text], ignores_case=True).matches(value) is expected


def test_elsewhere_case_counts() -> None:
    assert not Pattern("Prod*").matches("prod-1")
