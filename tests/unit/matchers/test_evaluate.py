"""Which matcher takes a cache, and what is said of those that do not."""

from __future__ import annotations

import pytest

from discovery.model.values import UNKNOWN
from matchers.evaluate import (
    Condition,
    ConditionKind,
    MatchExcluded,
    MatchUndecided,
    NotTaken,
    Taken,
    VerdictKind,
    decide,
    evaluate,
)
from matchers.explain import explain, sentence
from matchers.keys import is_label_key, is_reserved
from matchers.matcher import Connect, Matcher
from matchers.selectors import Selector, TagExclusion, TagSelector
from matchers.subject import LabelSet, Subject

DISCOVERED = {
    "account-id": "111122223333",
    "region": "eu-west-1",
    "engine": "valkey",
    "engine-version": "8.0",
    "vpc-id": "vpc-1",
    "teleport.dev/cloud": "AWS",
}
TAGS = {"env": "prod", "team": "", "cost center": "42"}


def labels(tags: dict[str, str] | None = TAGS, **discovered: str | None) -> LabelSet:
    found = {key.replace("_", "-"): value for key, value in discovered.items()}
    facts = {**DISCOVERED, **{k: UNKNOWN if v is None else v for k, v in found.items()}}
    return LabelSet.of(facts, UNKNOWN if tags is None else tags)


def cache(label_set: LabelSet | None = None) -> Subject:
    return Subject("111122223333", "eu-west-1", "sessions", "Valkey", label_set or labels())


def wanting(**tags: list[str]) -> Matcher:
    return Matcher(name="m", tags=TagSelector.of(tags))


TAKES, EXCLUDES = VerdictKind.TAKES, VerdictKind.EXCLUDES
REFUSES, UNDECIDED = VerdictKind.REFUSES, VerdictKind.UNDECIDED

TAG_TABLE = [
    ("everything", {"*": ["*"]}, TAKES),
    ("everything beside a key", {"*": ["*"], "env": ["dev"]}, TAKES),
    ("a key named star", {"*": ["prod"]}, REFUSES),
    ("no keys at all", {}, REFUSES),
    ("one value", {"env": ["prod"]}, TAKES),
    ("or in values", {"env": ["dev", "prod"]}, TAKES),
    ("and in keys", {"env": ["prod"], "team": ["x"]}, REFUSES),
    ("absent key and star", {"owner": ["*"]}, REFUSES),
    ("empty value and star", {"team": ["*"]}, TAKES),
    ("empty value and literal", {"team": [""]}, TAKES),
    ("key in another case", {"Env": ["prod"]}, REFUSES),
    ("value in another case", {"env": ["Prod"]}, REFUSES),
    ("a discovery label", {"engine": ["valkey"], "vpc-id": ["vpc-*"]}, TAKES),
    ("the cloud", {"teleport.dev/cloud": ["AWS"]}, TAKES),
    ("a key that is no label key", {"cost center": ["42"]}, TAKES),
    ("an origin", {"teleport.dev/origin": ["*"]}, REFUSES),
]


@pytest.mark.parametrize(
    ("tags", "expected"), [r[1:] for r in TAG_TABLE], ids=[r[0] for r in TAG_TABLE]
)
def test_tags_as_in_teleport(tags: dict[str, list[str]], expected: VerdictKind) -> None:
    matcher = Matcher(name="m", tags=TagSelector.of(tags))
    assert evaluate(matcher, cache()).kind is expected


def test_a_matcher_without_conditions_takes_everything_even_unread() -> None:
    assert evaluate(Matcher(name="m"), cache(labels(None))).kind is TAKES


FACTS = [
    ("accounts", ["1111*"], ["999900001111"], ConditionKind.ACCOUNT),
    ("regions", ["eu-*"], ["us-east-1", "us-*"], ConditionKind.REGION),
    ("names", ["^sess.*s$"], ["session"], ConditionKind.NAME),
    ("engines", ["valkey"], ["redis"], ConditionKind.ENGINE),
]


@pytest.mark.parametrize(("field", "good", "bad", "kind"), FACTS, ids=[f[0] for f in FACTS])
def test_facts(field: str, good: list[str], bad: list[str], kind: ConditionKind) -> None:
    taking = Matcher(name="m", **{field: Selector.of(good)})  # type: ignore[arg-type]
    refusing = Matcher(name="m", **{field: Selector.of(bad)})  # type: ignore[arg-type]
    assert evaluate(taking, cache()).kind is TAKES
    verdict = evaluate(refusing, cache())
    assert verdict.kind is REFUSES
    assert [c.kind for c in verdict.failed] == [kind]


def test_every_condition_that_failed_is_told() -> None:
    matcher = Matcher(
        name="m",
        regions=Selector.of(["us-*"]),
        names=Selector.of(["x"]),
        tags=TagSelector.of({"env": ["dev"], "owner": ["*"], "team": ["*"]}),
        exclude_tags=TagExclusion.of({"env": ["p*"]}),
    )
    assert evaluate(matcher, cache()).failed == (
        Condition(ConditionKind.REGION, "", ("us-*",), "eu-west-1"),
        Condition(ConditionKind.NAME, "", ("x",), "sessions"),
        Condition(ConditionKind.TAG, "env", ("dev",), "prod"),
        Condition(ConditionKind.TAG, "owner", ("*",), None),
        Condition(ConditionKind.EXCLUDE_TAG, "env", ("p*",), "prod"),
    )


READ, UNREAD, NO_VPC = labels(), labels(None), labels(vpc_id=None)
EVERY = {"*": ["*"]}

THREE_VALUES = [
    ("unread tags", UNREAD, {"env": ["prod"]}, {}, UNDECIDED),
    ("unread tags and star", UNREAD, {"env": ["*"]}, {}, UNDECIDED),
    (
        "unread tags, a label decides against",
        UNREAD,
        {"env": ["*"], "engine": ["redis"]},
        {},
        REFUSES,
    ),
    ("unread tags, only labels wanted", UNREAD, {"engine": ["valkey"]}, {}, TAKES),
    ("unread tags, a reserved key", UNREAD, {"managed-by": ["*"]}, {}, REFUSES),
    ("unread tags, an exclusion", UNREAD, EVERY, {"off": ["yes"]}, UNDECIDED),
    ("unread label", NO_VPC, {"vpc-id": ["vpc-1"]}, {}, UNDECIDED),
    ("unread label not asked for", NO_VPC, {"env": ["prod"]}, {}, TAKES),
    ("unread label, a tag decides against", NO_VPC, {"vpc-id": ["*"], "env": ["dev"]}, {}, REFUSES),
    ("excluded", READ, {"env": ["*"]}, {"env": ["prod"]}, EXCLUDES),
    ("excluded by one of two keys", READ, EVERY, {"x": ["*"], "env": ["prod"]}, EXCLUDES),
    ("excluded by an empty value", READ, EVERY, {"team": ["*"]}, EXCLUDES),
    ("exclusion does not fit", READ, EVERY, {"env": ["dev"], "x": ["*"]}, TAKES),
    (
        "excluding tag, another condition unread",
        NO_VPC,
        {"vpc-id": ["*"]},
        {"env": ["prod"]},
        REFUSES,
    ),
    (
        "excluding label, other exclusions unread",
        UNREAD,
        EVERY,
        {"x": ["*"], "engine": ["valkey"]},
        EXCLUDES,
    ),
    ("excluding tag, but not wanted anyway", READ, {"env": ["dev"]}, {"team": ["*"]}, REFUSES),
]


@pytest.mark.parametrize(
    ("label_set", "tags", "excluded", "expected"),
    [r[1:] for r in THREE_VALUES],
    ids=[r[0] for r in THREE_VALUES],
)
def test_three_values(
    label_set: LabelSet,
    tags: dict[str, list[str]],
    excluded: dict[str, list[str]],
    expected: VerdictKind,
) -> None:
    matcher = Matcher(name="m", tags=TagSelector.of(tags), exclude_tags=TagExclusion.of(excluded))
    assert evaluate(matcher, cache(label_set)).kind is expected


PROD = Matcher(name="prod", tags=TagSelector.of({"env": ["prod"]}))
DEV = Matcher(name="dev", tags=TagSelector.of({"env": ["dev"]}))
REST = Matcher(name="rest")
NOT_PROD = Matcher(name="not-prod", exclude_tags=TagExclusion.of({"env": ["prod"]}))


def test_the_first_that_takes_it_wins() -> None:
    outcome = decide([DEV, PROD, REST], cache())
    assert isinstance(outcome, Taken)
    assert outcome.matcher is PROD
    assert [v.matcher for v in outcome.verdicts] == ["dev", "prod"]


def test_a_later_matcher_may_take_what_an_earlier_one_excludes() -> None:
    outcome = decide([NOT_PROD, REST], cache())
    assert isinstance(outcome, Taken)
    assert outcome.matcher is REST


def test_excluded_names_the_tag_really_on_the_cache() -> None:
    outcome = decide([DEV, NOT_PROD], cache())
    assert isinstance(outcome, MatchExcluded)
    assert (outcome.matcher, outcome.key, outcome.value) == ("not-prod", "env", "prod")


def test_not_taken_by_any() -> None:
    outcome = decide([DEV, DEV], cache())
    assert isinstance(outcome, NotTaken)
    assert len(outcome.verdicts) == 2
    assert isinstance(decide([], cache()), NotTaken)


def test_an_earlier_unknown_outweighs_a_later_taker() -> None:
    outcome = decide([PROD, REST], cache(labels(None)))
    assert isinstance(outcome, MatchUndecided)
    assert outcome.matcher == "prod"
    assert [(c.kind, c.key) for c in outcome.missing] == [(ConditionKind.TAG, "env")]


def test_a_later_unknown_does_not_matter_once_taken() -> None:
    assert isinstance(decide([REST, PROD], cache(labels(None))), Taken)


def test_reserved_tags_neither_shadow_labels_nor_match() -> None:
    forged = {"engine": "redis", "cachemuster/arn": "x", "teleport.dev/database_name": "y"}
    label_set = labels(forged)
    assert label_set.value("engine") == "valkey"
    assert label_set.value("cachemuster/arn") is None
    assert label_set.value("teleport.dev/database_name") is None


def test_an_unread_label_is_not_supplied_by_a_tag() -> None:
    assert labels({"vpc-id": "vpc-9"}, vpc_id=None).value("vpc-id") is UNKNOWN


KEYS = [
    ("env", False, True),
    ("account-id", True, True),
    ("vpc-id", True, True),
    ("managed-by", True, True),
    ("cachemuster/group", True, True),
    ("cachemuster", False, True),
    ("teleport.dev/origin", True, True),
    ("teleport.internal/x", True, True),
    ("teleport.hidden/x", True, True),
    ("Region", False, True),
    ("cost center", False, False),
    ("a=b", False, False),
    ("a@b", False, False),
    ("", False, False),
    ("env\n", False, False),
    ("é", False, False),
    ("a:b*c_d-e/f.0", False, True),
]


@pytest.mark.parametrize(("key", "reserved", "legal"), KEYS)
def test_keys(key: str, reserved: bool, legal: bool) -> None:
    assert (is_reserved(key), is_label_key(key)) == (reserved, legal)


def test_a_connect_role_is_filled_in_for_one_cache() -> None:
    connect = Connect("arn:{partition}:iam::{account_id}:role/teleport-{region}")
    filled = connect.role_arn(partition="aws-cn", account_id="111122223333", region="cn-north-1")
    assert filled == "arn:aws-cn:iam::111122223333:role/teleport-cn-north-1"


SENTENCES = [
    (REST, labels(), "matcher rest takes it"),
    (NOT_PROD, labels(), 'matcher not-prod excludes it: its tag env is "prod" (excluded: "prod")'),
    (DEV, labels(), 'matcher dev does not take it: its tag env is "prod" (wanted: "dev")'),
    (
        wanting(owner=["a", "b"], engine=["redis"]),
        labels(),
        'matcher m does not take it: it has no tag owner (wanted: "a" or "b"); '
        'its label engine is "valkey" (wanted: "redis")',
    ),
    (
        PROD,
        labels(None),
        'matcher prod cannot tell yet: the tag env could not be read (matters: "prod")',
    ),
    (
        Matcher(name="us", regions=Selector.of(["us-*"])),
        labels(),
        'matcher us does not take it: its region is "eu-west-1" (wanted: "us-*")',
    ),
    (wanting(), labels(), "matcher m does not take it: its tag selector is empty"),
]


@pytest.mark.parametrize(("matcher", "label_set", "expected"), SENTENCES, ids=lambda v: str(v)[:20])
def test_sentences(matcher: Matcher, label_set: LabelSet, expected: str) -> None:
    assert sentence(evaluate(matcher, cache(label_set))) == expected


def test_one_sentence_for_each_matcher_asked() -> None:
    outcome = decide([DEV, NOT_PROD, PROD, REST], cache())
    assert [line.split(":")[0] for line in explain(outcome)] == [
        "matcher dev does not take it",
        "matcher not-prod excludes it",
        "matcher prod takes it",
    ]
