"""R8: what this program stumbles over is one item that stays as it is, with a word on where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from discovery.model.codes import Action, Reason
from discovery.plan import inputs, plan
from discovery.plan.diff_missing import item_for_missing
from discovery.plan.next_state import next_state
from tests.support.plan_inputs import EAST, cache, plan_input, plan_of, registered
from tests.support.plan_state import NOW, journaled, make_state, miss, remembered

QUIET = cache("quiet", EAST)
LIVE = registered()
KNOWN = make_state(
    registrations=[journaled(LIVE)],
    caches=[remembered(cache())],
    pending_removals=[miss(LIVE, Reason.ABSENT)],
)


def stumbling(step: Callable[..., Any]) -> Callable[..., Any]:
    """The step, which raises for what concerns `orders`."""

    def step_or_error(first: Any, *rest: Any) -> Any:
        about = getattr(first, "found", first)
        about = getattr(about, "facts", about)
        if getattr(about, "cache", about).name == "orders":
            raise ZeroDivisionError("secret")
        return step(first, *rest)

    return step_or_error


WHERE = [
    pytest.param(inputs, "facts_of", id="facts"),
    pytest.param(inputs, "desired_for", id="desired"),
    pytest.param(plan, "classify", id="decision"),
    pytest.param(plan, "plan_cache", id="item"),
]


@pytest.mark.parametrize(("module", "step"), WHERE)
@pytest.mark.parametrize("listed", [(), (LIVE,)], ids=["new", "registered"])
def test_one_cache_over_which_a_step_stumbles(
    monkeypatch: pytest.MonkeyPatch, module: Any, step: str, listed: tuple[Any, ...]
) -> None:
    monkeypatch.setattr(module, step, stumbling(getattr(module, step)))
    made = plan_of(plan_input(cache(), QUIET, listed=listed, known=KNOWN))
    items = {item.cache: item for item in made.items}
    odd = items["orders"]
    assert items["quiet"].action is Action.CREATE
    assert (odd.action, odd.reason) == (Action.BLOCKED, Reason.UNREADABLE)
    assert (odd.live, odd.database) == ((LIVE, LIVE) if listed else (None, None))
    assert odd.changes == ()
    assert "ZeroDivisionError in test_plan_defects.py, line" in odd.message
    assert "secret" not in odd.message
    kept = next_state(made.observed, made.items, started_at=NOW)
    (seen,) = [each for each in kept.caches_seen if each.name == "orders"]
    assert (seen.engine, seen.last_seen_at) == ("valkey", NOW)
    assert [each.reason for each in kept.pending_removals] == ([Reason.ABSENT] if listed else [])
    assert not kept.caches_gone


def test_one_registration_over_which_a_step_stumbles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "item_for_missing", stumbling(item_for_missing))
    made = plan_of(plan_input(QUIET, listed=[LIVE], known=KNOWN))
    (odd,) = [item for item in made.items if item.cache == "orders"]
    assert (odd.action, odd.reason) == (Action.BLOCKED, Reason.UNREADABLE)
    assert (odd.live, odd.database, odd.name) == (LIVE, LIVE, LIVE.name)
