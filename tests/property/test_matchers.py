"""Laws of patterns, and of deciding with facts that were not read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.model.values import UNKNOWN, UnknownType
from matchers.evaluate import (
    MatchExcluded,
    MatchResult,
    MatchUndecided,
    NotTaken,
    Taken,
    VerdictKind,
    decide,
    evaluate,
)
from matchers.explain import explain
from matchers.matcher import Matcher
from matchers.selectors import Pattern, Selector, TagExclusion, TagSelector
from matchers.subject import LabelSet, Subject

pytestmark = pytest.mark.slow

SMALL = st.text("ab*?.[", max_size=8)


@given(glob=SMALL, value=st.one_of(SMALL, st.text("ab", max_size=12), st.text(max_size=6)))
def test_a_glob_is_the_expression_it_stands_for(glob: str, value: str) -> None:
    reference = ".*".join(re.escape(part) for part in glob.split("*"))
    expected = re.fullmatch(reference, value, re.DOTALL) is not None
    assert Pattern(glob).matches(value) is expected


@given(value=st.text())
def test_a_text_matches_itself_and_everything_matches_star(value: str) -> None:
    assert Pattern("*").matches(value)
    is_expression = value.startswith("^") and value.endswith("$")
    assert is_expression or Pattern(value).matches(value)


WORDS = st.text("ab|", max_size=5)


@given(body=WORDS, value=WORDS)
def test_an_expression_is_searched_verbatim(body: str, value: str) -> None:
    """Where Python's `re` and RE2 agree; Python's `$` also takes a final newline, RE2's not."""
    expected = re.search(f"^{body}$", value) is not None
    assert Pattern(f"^{body}$").matches(value) is expected


KEYS = ("env", "team", "vpc-id")
VALUES = ("a", "b")
ABSENT = None

selectors = st.lists(st.sampled_from(["a", "b", "*", "^a|b$", "c"]), min_size=1, max_size=2)
tag_maps = st.dictionaries(st.sampled_from([*KEYS, "managed-by"]), selectors, max_size=3)


@st.composite
def matchers(draw: st.DrawFn) -> Matcher:
    wanted = draw(tag_maps)
    names = draw(st.sampled_from([("*",), ("other",)]))
    return Matcher(
        name=draw(st.sampled_from("pqrs")),
        names=Selector.of(names),
        tags=TagSelector.of(wanted or {"*": ["*"]}),
        exclude_tags=TagExclusion.of(draw(tag_maps)),
    )


Fact = str | None | UnknownType
facts = st.sampled_from([*VALUES, ABSENT, UNKNOWN])


@st.composite
def partial(draw: st.DrawFn) -> tuple[Mapping[str, str] | UnknownType, Fact]:
    """The tags, maybe unread as a whole, and the one discovery label that may be unread."""
    tags = {k: v for k in ("env", "team") if (v := draw(st.sampled_from([*VALUES, ABSENT])))}
    return draw(st.sampled_from([UNKNOWN, tags])), draw(facts)


def subject(tags: Mapping[str, str] | UnknownType, vpc_id: Fact) -> Subject:
    discovered = {} if vpc_id is None else {"vpc-id": vpc_id}
    return Subject("1", "eu-west-1", "cache", "redis", LabelSet.of(discovered, tags))


def completions(tags: Mapping[str, str] | UnknownType, vpc_id: Fact) -> list[Subject]:
    """Every cache that `tags` and `vpc_id` may be all that is known of."""
    pairs = itertools.product([*VALUES, ABSENT], repeat=2)
    every = [{k: v for k, v in zip(("env", "team"), p, strict=True) if v} for p in pairs]
    tag_choices = every if tags is UNKNOWN else [dict(tags)]
    vpc_choices: list[Fact] = [*VALUES, ABSENT] if vpc_id is UNKNOWN else [vpc_id]
    return [subject(t, v) for t in tag_choices for v in vpc_choices]


def contradicts(before: MatchResult, after: MatchResult) -> bool:
    """True when learning more took back what was said."""
    match before:
        case Taken(matcher=matcher):
            return not (isinstance(after, Taken) and after.matcher is matcher)
        case MatchExcluded():
            return not isinstance(after, MatchExcluded)
        case NotTaken():
            return not isinstance(after, NotTaken | MatchExcluded)
        case MatchUndecided():
            return False


@given(several=st.lists(matchers(), max_size=4), known=partial())
def test_learning_more_never_contradicts_a_definite_answer(
    several: list[Matcher], known: tuple[Mapping[str, str] | UnknownType, Fact]
) -> None:
    before = decide(several, subject(*known))
    for complete in completions(*known):
        after = decide(several, complete)
        assert not isinstance(after, MatchUndecided)
        assert not contradicts(before, after)


@given(matcher=matchers(), known=partial())
def test_what_is_undecided_names_what_is_missing(
    matcher: Matcher, known: tuple[Mapping[str, str] | UnknownType, Fact]
) -> None:
    verdict = evaluate(matcher, subject(*known))
    if verdict.kind is VerdictKind.UNDECIDED:
        assert verdict.unknown
        assert all(condition.found is UNKNOWN for condition in verdict.unknown)
    if verdict.kind in (VerdictKind.EXCLUDES, VerdictKind.REFUSES):
        assert verdict.failed
        assert all(condition.found is not UNKNOWN for condition in verdict.failed)


@given(matcher=matchers(), known=partial())
def test_the_order_of_keys_and_values_is_irrelevant(
    matcher: Matcher, known: tuple[Mapping[str, str] | UnknownType, Fact]
) -> None:
    def turned(requirements: tuple[tuple[str, Selector], ...]) -> dict[str, list[str]]:
        return {key: list(reversed(sel.texts)) for key, sel in reversed(requirements)}

    other = Matcher(
        name=matcher.name,
        names=matcher.names,
        tags=TagSelector.of(turned(matcher.tags.requirements)),
        exclude_tags=TagExclusion.of(turned(matcher.exclude_tags.requirements)),
    )
    assert evaluate(matcher, subject(*known)).kind is evaluate(other, subject(*known)).kind


@given(several=st.lists(matchers(), max_size=4), known=partial())
def test_an_exclusion_never_makes_a_matcher_take_more(
    several: list[Matcher], known: tuple[Mapping[str, str] | UnknownType, Fact]
) -> None:
    for matcher in several:
        without = Matcher(name=matcher.name, names=matcher.names, tags=matcher.tags)
        if evaluate(matcher, subject(*known)).kind is VerdictKind.TAKES:
            assert evaluate(without, subject(*known)).kind is VerdictKind.TAKES


@given(several=st.lists(matchers(), max_size=4), known=partial())
def test_every_outcome_has_a_sentence_for_each_matcher_asked(
    several: list[Matcher], known: tuple[Mapping[str, str] | UnknownType, Fact]
) -> None:
    outcome = decide(several, subject(*known))
    assert len(explain(outcome)) == len(outcome.verdicts) <= len(several)
    assert all(explain(outcome))
