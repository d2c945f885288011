"""Whatever an organization calls an account: no name breaks a label, an order or a plan (R7)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from discovery.control_plane.embedded.validation import validated
from discovery.model.account_name import LONGEST, usable_name
from discovery.model.values import UNKNOWN
from discovery.plan.account_names import ListedNames, known_names
from discovery.plan.item import Item
from matchers.label_templates import PLACEHOLDERS, fill_in_label
from tests.property.test_reports_hostile import HOSTILE, acts
from tests.support.plan_inputs import ACCOUNT, cache, matcher, only, plan_input, plan_of, rules

TEMPLATE = "aws-{account_name}/{region}"
LABELLED = rules(matcher(labels={"account": TEMPLATE}))
NAMES = st.one_of(
    HOSTILE,
    st.text(max_size=LONGEST),
    st.sampled_from(("{region}", "{account_name}", "null", "*", "^.*$", "\ud800", "teleport.dev/")),
)


def planned(name: str, *live: Item) -> Item:
    """The item of a cache in an account that its organization calls so."""
    listed = ListedNames({ACCOUNT: usable_name(name) or UNKNOWN}, complete=True)
    names = known_names(LABELLED, {}, listed)
    databases = [each.database for each in live if each.database is not None]
    return only(plan_of(plan_input(cache(), listed=databases, account_names=names), LABELLED))


PLAIN = planned("payments")


@pytest.mark.slow
@given(NAMES)
@example("x" * (LONGEST + 1))
def test_a_registration_differs_in_that_label_alone(name: str) -> None:
    made, plain = planned(name).database, PLAIN.database
    assert made is not None
    assert plain is not None
    checked = validated(made)
    shown = usable_name(name)
    value = checked.labels.get("account")
    assert value == (None if shown is None else f"aws-{shown}/eu-west-1")
    assert {**checked.labels, "account": ""} == {**validated(plain).labels, "account": ""}
    assert (made.name, made.spec, made.description) == (plain.name, plain.spec, plain.description)


@pytest.mark.slow
@given(NAMES)
def test_the_next_sweep_changes_nothing(name: str) -> None:
    first = planned(name)
    assert planned(name, first).reason.value == "UNCHANGED"
    if usable_name(name) is None:
        assert planned(name, PLAIN).reason.value == "UNCHANGED", "what was read before stays"


@given(NAMES)
def test_a_usable_name_is_one_short_line_that_does_not_act(name: str) -> None:
    shown = usable_name(name)
    if shown is not None:
        assert 0 < len(shown) <= LONGEST
        assert shown.splitlines() == [shown] == [shown.strip()]
        assert shown.isprintable()
        assert not acts(shown)


@given(st.text(max_size=40), st.dictionaries(st.sampled_from(PLACEHOLDERS), st.text(max_size=20)))
def test_what_fills_a_template_is_not_looked_at_again(before: str, values: dict[str, str]) -> None:
    known = {word: values.get(word, "{region}") for word in PLACEHOLDERS}
    literal = before.replace("{", "").replace("}", "")
    filled = fill_in_label(f"{literal}{{account_name}}", known)
    assert filled == f"{literal}{known['account_name']}"
