"""The list of the control plane, and what is asked for because the list lacks it (R10)."""

from __future__ import annotations

import pytest

from discovery.control_plane.base import ClusterInfo, Denied
from discovery.model.values import Database, ResourceName
from discovery.plan.open_intents import classify_open_intents
from discovery.sweep.current_state import list_registered
from state.records import IntentKind, RememberedState
from tests.support.plan_inputs import cache, registered
from tests.support.plan_state import journaled, make_state, open_intent

OLD, NEW = registered(name="old"), registered(name="new")
OTHER = registered(cache("another"), name="other")
RENAME = open_intent(IntentKind.RENAME, cache(), "new", "old")


class Forgetful:
    """A control plane that leaves out of its list what it knows."""

    def __init__(self, *stands: Database, lists: set[str], closed: bool = False) -> None:
        self.stands, self.lists, self.closed = {each.name: each for each in stands}, lists, closed
        self.asked: list[str] = []

    async def list_databases(self) -> tuple[Database, ...]:
        return tuple(each for name, each in self.stands.items() if name in self.lists)

    async def ping(self) -> ClusterInfo:
        return ClusterInfo(kind="teleport", cluster="one")

    async def get(self, name: ResourceName) -> Database | None:
        self.asked.append(name)
        if self.closed:
            raise Denied(f"not for you: {name}")
        return self.stands.get(name)


async def listed(where: Forgetful, known: RememberedState) -> set[str]:
    found = await list_registered(where, known, "prod")  # type: ignore[arg-type]
    assert len(found) == len({each.name for each in found})
    return {each.name for each in found}


@pytest.mark.parametrize(
    ("known", "lists", "asked"),
    [
        pytest.param(
            make_state(registrations=[journaled(OLD)]), {"old", "new"}, [], id="both-shown"
        ),
        pytest.param(
            make_state(registrations=[journaled(OLD)]), {"new"}, ["old"], id="a-copy-alone"
        ),
        pytest.param(
            make_state(registrations=[journaled(OLD)]), set(), [], id="nothing-of-that-cache"
        ),
        pytest.param(
            make_state(registrations=[journaled(OTHER)]), {"new"}, [], id="of-another-cache"
        ),
        pytest.param(
            make_state(open_intents=(RENAME,)), {"new"}, ["old"], id="one-half-of-a-rename"
        ),
        pytest.param(make_state(open_intents=(RENAME,)), set(), ["new", "old"], id="neither-half"),
    ],
)
async def test_only_names_on_which_much_hangs_are_asked_for(
    known: RememberedState, lists: set[str], asked: list[str]
) -> None:
    where = Forgetful(OLD, NEW, lists=lists)
    assert await listed(where, known) == lists | set(asked)
    assert where.asked == asked


async def test_what_may_not_be_seen_is_not_there() -> None:
    where = Forgetful(OLD, NEW, lists={"new"}, closed=True)
    assert await listed(where, make_state(open_intents=(RENAME,))) == {"new"}
    assert where.asked == ["old"]


async def test_what_is_gone_is_not_there() -> None:
    where = Forgetful(NEW, lists={"new"})
    assert await listed(where, make_state(open_intents=(RENAME,))) == {"new"}


async def test_a_rename_is_not_done_because_the_list_lacks_its_old_half() -> None:
    """Its journal said done, and the old half stood beside the new one for ever."""
    where = Forgetful(OLD, NEW, lists={"new"})
    found = await list_registered(where, make_state(open_intents=(RENAME,)), "prod")  # type: ignore[arg-type]
    known = classify_open_intents([RENAME], found, "prod")
    assert not known.landed
    assert not known.abandoned
