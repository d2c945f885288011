"""What a person reviewed is what is applied: the checksum of a plan.

See discovery/README: Report document.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from discovery.model.codes import Action, Reason
from discovery.model.fingerprint import fingerprint
from discovery.model.values import Arn, Change, ResourceName
from discovery.plan.item import Item, checksum_of
from tests.support.plan_inputs import WEST, arn_of, cache, matcher, plan_input, plan_of, rules

SECRET = "correct-horse"
ITEM = Item(
    scope=WEST,
    arn=arn_of("orders"),
    cache="orders",
    name=ResourceName("orders-2"),
    previous_name=ResourceName("orders-1"),
    action=Action.UPDATE,
    reason=Reason.RENAMED,
    message="why",
    changes=(Change("/spec/uri", "a", "b"), Change("/spec/aws/external_id", None, SECRET)),
)


def test_the_canonical_json_is_that_of_the_design() -> None:
    text = (
        '[["update","RENAMED","orders-2","orders-1",'
        '"arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:orders",'
        '[{"field":"/spec/uri","new":"b","old":"a"},'
        f'{{"field":"/spec/aws/external_id","new":"{fingerprint(SECRET)}","old":null}}]]]'
    )
    assert checksum_of([ITEM]) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "different",
    [
        {"action": Action.CREATE},
        {"reason": Reason.DRIFT},
        {"name": ResourceName("other")},
        {"name": None},
        {"previous_name": None},
        {"arn": Arn("other")},
        {"arn": None},
        {"changes": ITEM.changes[:1]},
        {"changes": ITEM.changes[::-1]},
        {"changes": (Change("/spec/URI", "a", "b"), ITEM.changes[1])},
        {"changes": (Change("/spec/uri", "A", "b"), ITEM.changes[1])},
        {"changes": (Change("/spec/uri", "a", "B"), ITEM.changes[1])},
        {"changes": (ITEM.changes[0], Change("/spec/aws/external_id", None, "other"))},
    ],
    ids=str,
)
def test_the_checksum_changes_with_each_of_its_parts(different: dict[str, Any]) -> None:
    assert checksum_of([replace(ITEM, **different)]) != checksum_of([ITEM])


@pytest.mark.parametrize(
    "same",
    [{"message": "other"}, {"matcher": "other"}, {"cache": None}, {"applied": True}],
    ids=str,
)
def test_the_checksum_does_not_hang_on_words_or_outcomes(same: dict[str, Any]) -> None:
    assert checksum_of([replace(ITEM, **same)]) == checksum_of([ITEM])


@pytest.mark.parametrize("action", [a for a in Action if not a.writes])
def test_what_writes_nothing_does_not_count(action: Action) -> None:
    idle = replace(ITEM, action=action)
    assert checksum_of([idle]) == checksum_of([])
    assert checksum_of([ITEM, idle]) == checksum_of([ITEM])


def test_the_order_of_items_counts() -> None:
    other = replace(ITEM, name=ResourceName("z"))
    assert checksum_of([ITEM, other]) != checksum_of([other, ITEM])


def test_an_external_id_counts_by_its_fingerprint() -> None:
    shown = Change("/spec/aws/external_id", None, fingerprint(SECRET))
    assert checksum_of([replace(ITEM, changes=(ITEM.changes[0], shown))]) == checksum_of([ITEM])


def test_hostile_text_has_a_checksum() -> None:
    hostile = Change("/metadata/labels/env", None, "\ud800\x1b[31m\n\"'")
    assert len(checksum_of([replace(ITEM, changes=(hostile,))])) == 64


def test_a_plan_of_the_same_inputs_in_another_order_has_the_same_checksum() -> None:
    caches = [cache(name) for name in ("c", "a", "b")]
    under = rules(matcher(labels={"z": "1", "a": "2"}))
    one = plan_of(plan_input(*caches), under)
    two = plan_of(plan_input(*reversed(caches)), rules(matcher(labels={"a": "2", "z": "1"})))
    assert one.checksum == two.checksum == checksum_of(one.items)
