"""Intents without an outcome: what the list says became of them (R6)."""

from __future__ import annotations

import pytest

from discovery.model.values import Database
from discovery.plan.open_intents import classify_open_intents
from state.records import IntentKind
from tests.support.plan_inputs import cache, foreign, registered
from tests.support.plan_state import open_intent

K = IntentKind
OLD, NEW = registered(name="old"), registered(name="new")
SAME_NAME_OTHER_CACHE = registered(cache("another"), name="new")
LANDED, ABANDONED, OPEN = "landed", "abandoned", "open"


@pytest.mark.parametrize(
    ("kind", "listed", "became"),
    [
        pytest.param(K.CREATE, [NEW], LANDED, id="create-stands"),
        pytest.param(K.CREATE, [], ABANDONED, id="create-does-not-stand"),
        pytest.param(K.DELETE, [], LANDED, id="deleted"),
        pytest.param(K.DELETE, [NEW], ABANDONED, id="still-there"),
        pytest.param(K.RENAME, [NEW], LANDED, id="only-the-new-name-stands"),
        pytest.param(K.RENAME, [OLD], ABANDONED, id="only-the-old-name-stands"),
        pytest.param(K.RENAME, [], ABANDONED, id="neither-name-stands"),
        pytest.param(K.RENAME, [OLD, NEW], OPEN, id="both-stand-so-it-is-finished"),
        pytest.param(K.UPDATE, [NEW], ABANDONED, id="the-plan-makes-updates-again"),
        pytest.param(K.REPLACE, [NEW], ABANDONED, id="the-plan-makes-replacements-again"),
        pytest.param(K.REPLACE, [], ABANDONED, id="half-a-replacement"),
    ],
)
def test_what_the_list_says_became_of_it(
    kind: IntentKind, listed: list[Database], became: str
) -> None:
    intent = open_intent(kind, cache(), "new", "old" if kind is K.RENAME else None)
    settled = classify_open_intents([intent], listed, "prod")
    assert {
        LANDED: settled.landed == (intent,),
        ABANDONED: settled.abandoned == (intent,),
        OPEN: settled.landed == settled.abandoned == (),
    }[became]


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(foreign("new"), id="foreign"),
        pytest.param(SAME_NAME_OTHER_CACHE, id="ours-for-another-cache"),
        pytest.param(registered(name="new", labels={"cachemuster/group": "dev"}), id="theirs"),
        pytest.param(registered(name="new", spec={"aws": {}}), id="disagrees-with-itself"),
        pytest.param(registered(name="New"), id="in-other-case"),
    ],
)
def test_only_our_own_resource_for_the_same_cache_says_that_a_write_landed(
    listed: Database,
) -> None:
    create = open_intent(K.CREATE, cache(), "new")
    assert classify_open_intents([create], [listed], "prod").abandoned == (create,)
    delete = open_intent(K.DELETE, cache(), "new")
    assert classify_open_intents([delete], [listed], "prod").landed == (delete,)


def test_each_intent_is_settled_by_itself_and_in_order() -> None:
    one, two = (open_intent(K.CREATE, cache(), name) for name in ("new", "none"))
    three = open_intent(K.DELETE, cache(), "none")
    settled = classify_open_intents([one, two, three], [NEW], "prod")
    assert (settled.landed, settled.abandoned) == ((one, three), (two,))


def test_nothing_open_settles_nothing() -> None:
    settled = classify_open_intents([], [NEW], "prod")
    assert (settled.landed, settled.abandoned) == ((), ())
