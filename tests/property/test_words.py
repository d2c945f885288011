"""Whatever is wrong, the message about it ends with what to do."""

from __future__ import annotations

import re
from typing import Final

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from discovery.model.codes import Action, Reason
from discovery.model.values import UNKNOWN, KnownCache, Scanned, UsersAndGroups
from discovery.plan.iam.verdict import iam_verdict
from discovery.plan.item import Item
from discovery.plan.plan import make_plan
from discovery.plan.rules import WritePolicy
from tests.property.test_compatibility import situations
from tests.property.test_plan import lived_in
from tests.support.pure_cloud import World, any_results, rules

ADVICE: Final = re.compile(
    r"(add|allow|attach|change|check|configure|correct|enable|give|make|fix|mend|raise|replace|"
    r"remove|see|set|switch|take|wait|write)\b|`cachemuster |it cannot become an IAM user, so ",
    re.IGNORECASE,
)
"""How the last clause of a message begins that says what to do."""

PASSES_BY_ITSELF: Final = frozenset(
    {Reason.WAITING, Reason.NOT_READY_YET, Reason.NOT_IN_RUN, Reason.PROOF_FAILED}
)
"""Held for now: the next sweeps go on, and nobody has to do a thing."""


def last_clause(message: str) -> str:
    return re.split(r"; |\. ", message)[-1]


def needs_words(item: Item) -> bool:
    if item.action is Action.HELD:
        return item.reason not in PASSES_BY_ITSELF
    return item.action in (Action.BLOCKED, Action.CONFLICT)


@pytest.mark.slow
@given(lived_in(any_results), any_results(), st.sampled_from(WritePolicy))
def test_an_item_that_waits_for_a_person_says_what_to_do(
    world: World, results: tuple[Scanned, ...], policy: WritePolicy
) -> None:
    for item in make_plan(world.plan_input(results), rules(policy=policy)).items:
        if needs_words(item):
            event(item.reason.value)
            assert ADVICE.match(last_clause(item.message)), (item.reason, item.message)


@pytest.mark.slow
@given(situations())
def test_a_finding_says_what_to_do(case: tuple[KnownCache, UsersAndGroups]) -> None:
    cache, directory = case
    for finding in (*iam_verdict(cache, directory).findings, *iam_verdict(cache, UNKNOWN).findings):
        event(finding.code.value)
        assert ADVICE.match(last_clause(finding.message)), (finding.code, finding.message)


@pytest.mark.parametrize("message", ["the name is taken", "it is never written to", ""])
def test_these_tests_can_fail(message: str) -> None:
    assert not ADVICE.match(last_clause(message))
