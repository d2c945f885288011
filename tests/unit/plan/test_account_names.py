"""Names of accounts: which one counts, what state keeps, and what becomes of a label (R1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from discovery.model.values import UNKNOWN, AccountId, Database, UnknownType
from discovery.plan.account_names import (
    NOT_LISTED,
    ListedNames,
    accounts_forgotten,
    accounts_read,
    known_names,
)
from discovery.plan.rules import Rules
from tests.support.plan_inputs import (
    ACCOUNT,
    OTHER_ACCOUNT,
    cache,
    matcher,
    only,
    plan_input,
    plan_of,
    registered,
    rules,
    tagged,
)

BEFORE = {ACCOUNT: "pay", OTHER_ACCOUNT: "data"}


def listed(names: Mapping[AccountId, str | UnknownType], *, complete: bool = True) -> ListedNames:
    return ListedNames(names, complete)


def remembered_after(
    read: ListedNames, under: Rules, before: Mapping[AccountId, str]
) -> dict[AccountId, str]:
    """What state has once it was told what was read and what is to be forgotten."""
    gone = accounts_forgotten(under, before, read)
    kept = {each: name for each, name in before.items() if each not in gone}
    return kept | {each.account_id: each.name for each in accounts_read(under, before, read)}


@pytest.mark.parametrize(
    ("read", "kept"),
    [
        pytest.param(NOT_LISTED, BEFORE, id="nothing was read"),
        pytest.param(listed({}), {}, id="there is no organization any more"),
        pytest.param(listed({ACCOUNT: "payments"}), {ACCOUNT: "payments"}, id="renamed, and left"),
        pytest.param(
            listed({ACCOUNT: "payments"}, complete=False),
            {ACCOUNT: "payments", OTHER_ACCOUNT: "data"},
            id="the list ended early",
        ),
        pytest.param(listed({ACCOUNT: UNKNOWN}), {ACCOUNT: "pay"}, id="listed without a name"),
    ],
)
def test_what_state_keeps(read: ListedNames, kept: Mapping[AccountId, str]) -> None:
    assert remembered_after(read, rules(), BEFORE) == kept
    assert known_names(rules(), BEFORE, read) == kept


def test_an_unchanged_name_is_not_written_again() -> None:
    assert accounts_read(rules(), BEFORE, listed(BEFORE)) == ()


def test_the_configured_name_is_for_accounts_that_no_organization_names() -> None:
    under = rules(account_names={ACCOUNT: "ours", OTHER_ACCOUNT: "theirs"})
    read = listed({ACCOUNT: "payments"})
    assert known_names(under, {}, read) == {ACCOUNT: "payments", OTHER_ACCOUNT: "theirs"}
    assert known_names(under, {ACCOUNT: "pay"}) == {ACCOUNT: "pay", OTHER_ACCOUNT: "theirs"}
    assert remembered_after(read, under, {}) == {ACCOUNT: "payments"}


def test_with_none_there_are_no_names_at_all() -> None:
    under = rules(uses_account_names=False, account_names={ACCOUNT: "ours"})
    read = listed({ACCOUNT: "payments"})
    assert known_names(under, BEFORE, read) == {}
    assert remembered_after(read, under, BEFORE) == {}


LABELLED = rules(matcher(labels={"account": "aws-{account_name}", "place": "{region}/{cache}"}))


def database(names: Mapping[str, str], *live: Database, **more: Any) -> Database:
    found = cache(**more)
    item = only(plan_of(plan_input(found, listed=live, account_names=names), LABELLED))
    assert item.database is not None
    return item.database


def test_a_label_holds_the_name() -> None:
    labels = database({ACCOUNT: "payments"}).labels
    assert labels["account"] == "aws-payments"
    assert labels["place"] == "eu-west-1/orders"


def test_a_name_never_read_leaves_the_label_out_and_no_tag_takes_its_place() -> None:
    tags = tagged(account="forged", env="prod")
    labels = database({}, tags=tags).labels
    assert "account" not in labels
    assert labels["env"] == "prod"
    assert database({ACCOUNT: "payments"}, tags=tags).labels["account"] == "aws-payments"


def test_a_name_that_is_not_known_any_more_keeps_the_label() -> None:
    live = database({ACCOUNT: "payments"})
    plan = plan_of(plan_input(cache(), listed=(live,), account_names={}), LABELLED)
    assert (only(plan).action.value, only(plan).reason.value) == ("keep", "UNCHANGED")
    renamed = plan_input(cache(), listed=(live,), account_names={ACCOUNT: "pay"})
    item = only(plan_of(renamed, LABELLED))
    assert [(each.old, each.new) for each in item.changes] == [("aws-payments", "aws-pay")]


def test_a_registration_without_the_label_gets_none_while_the_name_is_unknown() -> None:
    live = registered(cache())
    assert "account" not in database({}, live).labels
