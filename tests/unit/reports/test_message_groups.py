"""What many messages say is said once: what they share stays, where they differ there is a gap."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.model.codes import Action, Reason
from discovery.reports.common_text import common_text, pattern_of
from discovery.reports.message_groups import group_items, group_scopes
from tests.support.report_samples import EAST, WEST, item, scopes

ARN = "arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:"


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("differs in tier", "differs in tier", "differs in tier"),
        ("orders is taken", "carts is taken", "… is taken"),
        ('its tag team is "a" (wanted: "ml")', 'its tag team is "b" (wanted: "ml")',
         'its tag team is … (wanted: "ml")'),
        ("seen in 1 of 2 scans", "seen in 2 of 2 scans", "seen in … of 2 scans"),
        (f"{ARN}x wants the name too", f"{ARN}x, {ARN}y wants the name too",
         "… wants the name too"),
        ("is another group's; not this cache's", "is another group's; not this cache's",
         "is another group's; not this cache's"),
        ("off by 'off ~* -@all'", "off by 'off ~a'", "off by …"),
        ("orders … x", "carts … x", "… … x"),
    ],
)  # fmt: skip
def test_what_messages_share_stays(first: str, second: str, together: str) -> None:
    patterns = pattern_of(first, ["orders"]), pattern_of(second, ["carts"])
    assert patterns[0].literal == patterns[1].literal
    assert common_text(patterns) == together


def test_messages_that_say_something_else_stay_apart() -> None:
    assert pattern_of("it is absent", []).literal != pattern_of("it is deleted", []).literal


@given(st.text("ab 1:.,'\"…", max_size=60), st.lists(st.text("ab", min_size=1), max_size=3))
def test_a_message_alone_is_said_as_it_is(message: str, words: list[str]) -> None:
    pattern = pattern_of(message, words)
    if "…" not in message:
        assert common_text([pattern]) == message


SENTENCES = st.lists(
    st.sampled_from(["orders", "the", '"x"', '"y"', "12", "2026-11-30", ARN + "a", "is;", "'s"]),
    max_size=8,
).map(" ".join)


@pytest.mark.slow
@given(st.lists(SENTENCES, min_size=1, max_size=12))
def test_every_message_is_what_its_group_says_with_the_gaps_filled(messages: list[str]) -> None:
    items = [
        item(Action.BLOCKED, Reason.REJECTED, f"c-{n}", message=message)
        for n, message in enumerate(messages)
    ]
    groups = group_items(items)
    assert sorted(id(one) for group in groups for one in group.members) == sorted(map(id, items))
    for group in groups:
        filled = ".+".join(re.escape(part) for part in group.message.split("…"))
        assert all(re.fullmatch(filled, one.message) for one in group.members)
        assert group.is_exact == all(one.message == group.message for one in group.members)


def test_the_largest_group_comes_first_and_reasons_stay_apart() -> None:
    items = [
        item(Action.BLOCKED, Reason.REJECTED, "a", message="no"),
        item(Action.CONFLICT, Reason.FOREIGN, "b", message="no"),
        item(Action.CONFLICT, Reason.FOREIGN, "c", EAST, message="no"),
    ]
    first, second = group_items(items)
    assert first.kind == (Action.CONFLICT, Reason.FOREIGN)
    assert [one.cache for one in first.members] == ["b", "c"]
    assert second.members == (items[0],)


def test_scopes_that_failed_alike_are_one_group() -> None:
    failed = replace(scopes()[1], message=f"{WEST} did not answer", scope=WEST)
    other = replace(failed, message=f"{EAST} did not answer", scope=EAST)
    (group,) = group_scopes((failed, other))
    assert group.message == "… did not answer"
    assert group.is_exact


def test_what_stands_beside_a_message_is_no_difference_but_other_names_are() -> None:
    arn = "arn:aws:elasticache:eu-west-1:111122223333:serverlesscache"
    items = [
        item(Action.BLOCKED, Reason.REJECTED, name, message=f"cache {name}, {arn}:{name}: no")
        for name in ("a", "b")
    ]
    (group,) = group_items(items)
    assert group.message == "cache …, arn:aws:elasticache:…:…:serverlesscache:…: no"
    assert group.is_exact
    items = [replace(one, message=f"{one.name} is taken") for one in items]
    (group,) = group_items(items)
    assert group.message == "… is taken"
    assert not group.is_exact
